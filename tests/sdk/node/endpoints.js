"use strict";
// The small endpoints, as ../test_endpoints.py asks for them in Python; prints what the SDKs' objects say.

const OpenAI = require("openai");
const { clients } = require("./dialects.js");

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { url, key, texts, embedders, counters } = JSON.parse(Buffer.concat(chunks).toString());
  const { openai, anthropic, gemini } = clients(url, key);
  const said = { models: {}, embeddings: {}, counts: {} };

  const names = async (list, name) => {
    const found = [];
    for await (const model of list) found.push(model[name]);
    return found;
  };
  said.models.openai = await names(openai.models.list(), "id");
  said.models.anthropic = await names(anthropic.models.list(), "id");
  said.models.gemini = await names(await gemini.models.list(), "name");

  for (const model of embedders) {
    const native = await openai.embeddings.create({ model, input: texts });
    const sorted = native.data.toSorted((a, b) => a.index - b.index);
    const google = await gemini.models.embedContent({ model, contents: texts });
    said.embeddings[model] = [sorted.map((item) => item.embedding), google.embeddings.map((item) => item.values)];
  }
  for (const model of counters) {
    const messages = [{ role: "user", content: texts.join(" ") }];
    const counted = await anthropic.messages.countTokens({ model, messages });
    const google = await gemini.models.countTokens({ model, contents: texts.join(" ") });
    said.counts[model] = [counted.input_tokens, google.totalTokens];
  }

  const speech = await openai.audio.speech.create({ model: "chat/gpt-4o-mini-tts", voice: "alloy", input: "Hello" });
  const sound = Buffer.from(await speech.arrayBuffer());
  said.speech = sound.toString("base64");
  const file = await OpenAI.toFile(sound, "hello.mp3", { type: "audio/mpeg" });
  said.transcription = (await openai.audio.transcriptions.create({ model: "chat/whisper-1", file })).text;
  said.image = (await openai.images.generate({ model: "chat/gpt-image-1", prompt: "A gate." })).data[0].b64_json;
  const moderation = await openai.moderations.create({ model: "chat/omni-moderation-latest", input: "Grr!" });
  said.flagged = moderation.results[0].flagged;
  const asked = { model: "anthropic/claude-haiku-4-5", prompt: "Once", max_tokens: 3 };
  said.completion = (await openai.completions.create(asked)).choices[0].text;
  said.streamed = "";
  for await (const chunk of await openai.completions.create({ ...asked, stream: true })) {
    said.streamed += chunk.choices[0]?.text ?? "";
  }
  process.stdout.write(JSON.stringify(said));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
