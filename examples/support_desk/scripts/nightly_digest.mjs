// What happened at the desk today, for the team's morning: node nightly_digest.mjs tickets.json
import { readFile } from "node:fs/promises";
import OpenAI from "openai";

const client = new OpenAI({
  apiKey: process.env.OPENAI_API_KEY,
  baseURL: process.env.OPENAI_BASE_URL ?? "https://api.openai.com/v1",
});

const tickets = JSON.parse(await readFile(process.argv[2], "utf8"));
const stream = await client.chat.completions.create({
  model: process.env.DIGEST_MODEL ?? "gpt-4o",
  messages: [
    { role: "system", content: "Write a digest of these tickets in ten lines." },
    { role: "user", content: tickets.map((t) => `- ${t.text}`).join("\n") },
  ],
  stream: true,
  temperature: 0.7,
  max_tokens: 600,
});

try {
  for await (const chunk of stream) {
    process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
  }
  process.stdout.write("\n");
} catch (error) {
  if (error instanceof OpenAI.RateLimitError) process.exit(75);
  throw error;
}
