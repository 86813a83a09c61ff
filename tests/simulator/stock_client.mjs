// What the Vercel AI SDK asks of a vendor: chat, stream, tools, streamed tools, an object, embeddings, Responses with tools.
import assert from "node:assert";
import { createOpenAI } from "@ai-sdk/openai";
import { embed, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [address, ...more] = process.argv.slice(2);
const vendor = createOpenAI({ baseURL: address, apiKey: "k" });
const weather = tool({
  description: "Get the weather of a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `${city}: 4 degrees`,
});
const models = [vendor.chat("openai/gpt-4o")];
if (more.includes("responses")) models.push(vendor.responses("openai/gpt-4o"));
for (const model of models) {
  assert.equal((await generateText({ model, prompt: "Count to five" })).text, "1, 2, 3, 4, 5");
  let text = "";
  for await (const piece of streamText({ model, prompt: "Count to five", onError: () => {} }).textStream) text += piece;
  assert.equal(text, "1, 2, 3, 4, 5");
  const asked = { model, prompt: "What is the weather in Oslo?", tools: { get_weather: weather }, stopWhen: stepCountIs(3) };
  assert.match((await generateText(asked)).text, /4 degrees/);
  let said = "";
  const failures = [];
  const onError = ({ error }) => failures.push(error);
  for await (const piece of streamText({ ...asked, onError }).textStream) said += piece;
  if (more.includes("late-event") && model === models[0]) {
    // The vendor's last event has no choices, and this client takes none without; see the vendor's page.
    assert.ok(failures.some((error) => error.name === "AI_TypeValidationError"));
  } else {
    assert.match(said, /4 degrees/);
  }
}
const schema = z.object({ name: z.string(), people: z.number() });
const { object } = await generateObject({ model: models[0], prompt: "Oslo has 700000 people.", schema });
assert.deepEqual(object, { name: "Oslo", people: 700000 });
if (more.includes("embeddings")) {
  const made = await embed({ model: vendor.textEmbeddingModel("text-embedding-3-small"), value: "a" });
  assert.ok(made.embedding.length > 100);
}
