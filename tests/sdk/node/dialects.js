"use strict";
// Each SDK as its users use it, and what its objects then say: the same as ../dialects.py, which explains it.

const assert = require("node:assert/strict");
const OpenAI = require("openai");
const Anthropic = require("@anthropic-ai/sdk");
const { GoogleGenAI } = require("@google/genai");

function clients(url, key) {
  return {
    openai: new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 60_000 }),
    anthropic: new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, timeout: 60_000 }),
    gemini: new GoogleGenAI({ apiKey: key, vertexai: false, httpOptions: { baseUrl: url } }),
  };
}

const chatRequest = ({ model, prompt, maxTokens }) => ({
  model,
  max_tokens: maxTokens,
  messages: [{ role: "user", content: prompt }],
});
const responsesRequest = ({ model, prompt, maxTokens }) => ({ model, max_output_tokens: maxTokens, input: prompt });
const geminiRequest = ({ model, prompt, maxTokens }) => ({
  model,
  contents: prompt,
  config: { maxOutputTokens: maxTokens },
});
const withUsage = { stream: true, stream_options: { include_usage: true } };

const chatTold = (answer) => ({
  text: answer.choices[0].message.content ?? "",
  tools: (answer.choices[0].message.tool_calls ?? [])
    .filter((call) => call.type === "function")
    .map((call) => ({ id: call.id, name: call.function.name, arguments: call.function.arguments })),
  finish: answer.choices[0].finish_reason,
  usage: answer.usage ?? {},
});

const responsesTold = (answer) => ({
  text: answer.output_text,
  tools: answer.output
    .filter((item) => item.type === "function_call")
    .map((item) => ({ id: item.call_id, name: item.name, arguments: item.arguments })),
  finish: answer.status + (answer.incomplete_details ? `:${answer.incomplete_details.reason}` : ""),
  usage: answer.usage ?? {},
});

const messagesTold = (answer) => ({
  text: answer.content.map((block) => (block.type === "text" ? block.text : "")).join(""),
  tools: answer.content
    .filter((block) => block.type === "tool_use")
    .map((block) => ({ id: block.id, name: block.name, arguments: block.input })),
  finish: answer.stop_reason,
  usage: answer.usage,
});

function geminiTold(chunks) {
  const told = { text: "", tools: [], finish: null, usage: {} };
  for (const chunk of chunks) {
    told.usage = chunk.usageMetadata ?? told.usage;
    const candidate = chunk.candidates?.[0];
    if (candidate === undefined) continue;
    assert.equal(told.finish, null, "nothing follows the reason for the end");
    told.finish = candidate.finishReason ?? null;
    for (const part of candidate.content?.parts ?? []) {
      if (part.functionCall) {
        const { id, name, args } = part.functionCall;
        told.tools.push({ id, name, arguments: args ?? {} });
      } else if (part.text && !part.thought) {
        told.text += part.text;
      }
    }
  }
  return told;
}

async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

const whole = {
  "openai.chat": async (sdk, job) => chatTold(await sdk.openai.chat.completions.create(chatRequest(job))),
  "openai.responses": async (sdk, job) => responsesTold(await sdk.openai.responses.create(responsesRequest(job))),
  "anthropic.messages": async (sdk, job) => messagesTold(await sdk.anthropic.messages.create(chatRequest(job))),
  gemini: async (sdk, job) => geminiTold([await sdk.gemini.models.generateContent(geminiRequest(job))]),
};

const streamed = {
  "openai.chat": async (sdk, job) => {
    const told = { text: "", tools: [], finish: null, usage: {} };
    for await (const chunk of await sdk.openai.chat.completions.create({ ...chatRequest(job), ...withUsage })) {
      if (chunk.usage) {
        assert.deepEqual(chunk.choices, [], "usage has a chunk of its own");
        told.usage = chunk.usage;
      }
      for (const { delta, finish_reason } of chunk.choices) {
        told.text += delta.content ?? "";
        told.finish = finish_reason ?? told.finish;
        for (const call of delta.tool_calls ?? []) {
          const known = (told.tools[call.index] ??= { id: "", name: "", arguments: "" });
          known.id += call.id ?? "";
          known.name += call.function?.name ?? "";
          known.arguments += call.function?.arguments ?? "";
        }
      }
    }
    return told;
  },
  "openai.responses": async (sdk, job) => {
    const events = await all(await sdk.openai.responses.create({ ...responsesRequest(job), stream: true }));
    assert.deepEqual(events.map((event) => event.sequence_number), [...events.keys()], "events are numbered");
    const response = events.at(-1).response;
    assert(response, "the stream does not tell its end");
    const texts = events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta);
    // The SDK adds `output_text` to whole answers only.
    const told = responsesTold({ ...response, output_text: texts.join("") });
    const written = response.output
      .flatMap((item) => (item.type === "message" ? item.content : []))
      .map((part) => (part.type === "output_text" ? part.text : ""));
    assert.equal(written.join(""), told.text, "the deltas are not the text");
    return told;
  },
  "anthropic.messages": async (sdk, job) => {
    const events = await all(await sdk.anthropic.messages.create({ ...chatRequest(job), stream: true }));
    assert.equal(events.at(-1).type, "message_stop", "the stream does not tell its end");
    const message = { content: [] };
    for (const event of events) {
      if (event.type === "message_start") {
        Object.assign(message, event.message, { content: [] });
      } else if (event.type === "content_block_start") {
        message.content[event.index] = { ...event.content_block, json: "" };
      } else if (event.type === "content_block_delta") {
        const block = message.content[event.index];
        if (event.delta.type === "text_delta") block.text += event.delta.text;
        if (event.delta.type === "input_json_delta") block.json += event.delta.partial_json;
      } else if (event.type === "message_delta") {
        message.stop_reason = event.delta.stop_reason;
        message.usage = { ...message.usage, ...event.usage };
      }
    }
    for (const block of message.content) {
      if (block.type === "tool_use") block.input = JSON.parse(block.json || "{}");
    }
    return messagesTold(message);
  },
  gemini: async (sdk, job) => geminiTold(await all(await sdk.gemini.models.generateContentStream(geminiRequest(job)))),
};

const helped = {
  "openai.chat": async (sdk, job) => {
    const stream = sdk.openai.chat.completions.stream({ ...chatRequest(job), ...withUsage });
    let deltas = "";
    stream.on("content", (delta) => (deltas += delta));
    const told = chatTold(await stream.finalChatCompletion());
    assert.equal(deltas, told.text, "the deltas are not the text");
    return told;
  },
  "openai.responses": async (sdk, job) => {
    const stream = sdk.openai.responses.stream(responsesRequest(job));
    let deltas = "";
    stream.on("response.output_text.delta", (event) => (deltas += event.delta));
    const told = responsesTold(await stream.finalResponse());
    assert.equal(deltas, told.text, "the deltas are not the text");
    return told;
  },
  "anthropic.messages": async (sdk, job) => {
    const stream = sdk.anthropic.messages.stream(chatRequest(job));
    let deltas = "";
    stream.on("text", (delta) => (deltas += delta));
    const told = messagesTold(await stream.finalMessage());
    assert.equal(deltas, told.text, "the deltas are not the text");
    return told;
  },
  gemini: streamed.gemini,
};

module.exports = { clients, ways: { whole, streamed, helped } };
