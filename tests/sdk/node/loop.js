"use strict";
// Agents of four turns and a last question: the history goes back as the SDK's own objects. ../test_tool_loop.py has
// the same in Python, and looks at what came back to the provider. Prints what each of them heard last, or its error.
//
//   {"url": ..., "key": ..., "turns": 4, "schemas": ..., "results": ..., "agents": [{"client": ..., "model": ..., ...}]}

const { clients } = require("./dialects.js");

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const plan = JSON.parse(Buffer.concat(chunks).toString());
  const sdk = clients(plan.url, plan.key);
  const agents = plan.agents.map(async (agent) => {
    try {
      return { last: await loops[agent.client](sdk, { ...plan, ...agent }) };
    } catch (error) {
      return { error: String(error?.stack ?? error) };
    }
  });
  process.stdout.write(JSON.stringify(await Promise.all(agents)));
}

/** What a tool says. */
function result(plan, name, args) {
  const same = (a, b) => JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
  const found = plan.results.find(([known, these]) => known === name && same(these, args ?? {}));
  if (!found) throw new Error(`nobody asked for ${name}(${JSON.stringify(args)})`);
  return found[2];
}

const thanks = { role: "user", content: "[[thanks]]" };

const loops = {
  async "openai.chat"(sdk, plan) {
    const tools = Object.entries(plan.schemas).map(([name, parameters]) => ({
      type: "function",
      function: { name, parameters },
    }));
    const messages = [{ role: "user", content: plan.question }];
    const { completions } = sdk.openai.chat;
    for (let turn = 0; turn < plan.turns; turn++) {
      const asked = { model: plan.model, messages, tools, reasoning_effort: "low" };
      const answer = plan.streamed
        ? await completions.stream(asked).finalChatCompletion()
        : await completions.create(asked);
      const message = answer.choices[0].message;
      messages.push(message);
      for (const call of message.tool_calls ?? []) {
        const content = result(plan, call.function.name, JSON.parse(call.function.arguments));
        messages.push({ role: "tool", tool_call_id: call.id, content });
      }
    }
    messages.push(thanks);
    return (await completions.create({ model: plan.model, messages, tools })).choices[0].message.content;
  },

  async "openai.responses"(sdk, plan) {
    const tools = Object.entries(plan.schemas).map(([name, parameters]) => ({
      type: "function",
      name,
      parameters,
      strict: false,
    }));
    const input = [{ role: "user", content: plan.question }];
    const asked = {
      model: plan.model,
      tools,
      store: false,
      reasoning: { effort: "low", summary: "auto" },
      include: ["reasoning.encrypted_content"],
    };
    for (let turn = 0; turn < plan.turns; turn++) {
      const answer = plan.streamed
        ? await sdk.openai.responses.stream({ ...asked, input }).finalResponse()
        : await sdk.openai.responses.create({ ...asked, input });
      input.push(...answer.output);
      for (const item of answer.output) {
        if (item.type !== "function_call") continue;
        const output = result(plan, item.name, JSON.parse(item.arguments));
        input.push({ type: "function_call_output", call_id: item.call_id, output });
      }
    }
    input.push(thanks);
    return (await sdk.openai.responses.create({ ...asked, input })).output_text;
  },

  async "anthropic.messages"(sdk, plan) {
    const tools = Object.entries(plan.schemas).map(([name, input_schema]) => ({ name, input_schema }));
    const messages = [{ role: "user", content: plan.question }];
    const asked = {
      model: plan.model,
      max_tokens: 4096,
      tools,
      thinking: { type: "enabled", budget_tokens: 1024 },
    };
    for (let turn = 0; turn < plan.turns; turn++) {
      const answer = plan.streamed
        ? await sdk.anthropic.messages.stream({ ...asked, messages }).finalMessage()
        : await sdk.anthropic.messages.create({ ...asked, messages });
      messages.push({ role: "assistant", content: answer.content });
      const content = answer.content
        .filter((block) => block.type === "tool_use")
        .map((call) => ({ type: "tool_result", tool_use_id: call.id, content: result(plan, call.name, call.input) }));
      if (content.length) messages.push({ role: "user", content });
    }
    messages.push(thanks);
    const answer = await sdk.anthropic.messages.create({ ...asked, messages });
    return answer.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  },

  async gemini(sdk, plan) {
    const declarations = Object.entries(plan.schemas).map(([name, parametersJsonSchema]) => ({
      name,
      parametersJsonSchema,
    }));
    const config = {
      tools: [{ functionDeclarations: declarations }],
      thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 },
    };
    const responded = (call) => {
      const response = { result: result(plan, call.name, call.args) };
      return { functionResponse: { ...(call.id && { id: call.id }), name: call.name, response } };
    };
    if (plan.streamed) {
      // The SDK keeps the history itself.
      const chat = sdk.gemini.chats.create({ model: plan.model, config });
      let message = plan.question;
      for (let turn = 0; turn < plan.turns; turn++) {
        const calls = [];
        for await (const chunk of await chat.sendMessageStream({ message })) calls.push(...(chunk.functionCalls ?? []));
        message = calls.length ? calls.map(responded) : thanks.content;
      }
      let text = "";
      for await (const chunk of await chat.sendMessageStream({ message })) text += chunk.text ?? "";
      return text;
    }
    const contents = [{ role: "user", parts: [{ text: plan.question }] }];
    for (let turn = 0; turn < plan.turns; turn++) {
      const answer = await sdk.gemini.models.generateContent({ model: plan.model, contents, config });
      contents.push(answer.candidates[0].content);
      if (answer.functionCalls) contents.push({ role: "user", parts: answer.functionCalls.map(responded) });
    }
    contents.push({ role: "user", parts: [{ text: thanks.content }] });
    return (await sdk.gemini.models.generateContent({ model: plan.model, contents, config })).text;
  },
};

main();
