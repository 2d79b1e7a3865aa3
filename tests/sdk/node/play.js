"use strict";
// Works off a plan from standard input, and prints for each of its jobs what the SDK told, or its error.
//
//   {"url": ..., "key": ..., "at_once": 8,
//    "jobs": [{"client": ..., "way": ..., "model": ..., "prompt": ..., "maxTokens": ...}]}

const { clients, ways } = require("./dialects.js");

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { url, key, at_once, jobs } = JSON.parse(Buffer.concat(chunks).toString());
  const sdk = clients(url, key);
  const results = new Array(jobs.length);
  let next = 0;
  const worker = async () => {
    while (next < jobs.length) {
      const number = next++;
      const job = jobs[number];
      try {
        results[number] = { told: await ways[job.way][job.client](sdk, job) };
      } catch (error) {
        const name = error?.constructor?.name ?? "Error";
        results[number] = { error: { name, message: String(error?.message ?? error) } };
      }
    }
  };
  await Promise.all(Array.from({ length: at_once }, worker));
  process.stdout.write(JSON.stringify(results));
}

main();
