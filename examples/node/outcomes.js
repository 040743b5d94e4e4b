// Hears what became of commands. The service tells it on the Redis channel that a command names as its `replyto`: a JSON
// array with the outcomes of one or many commands.
import { randomUUID } from "node:crypto";
import { createClient } from "redis";

const PATIENCE_MS = 10_000;

export async function listen(url) {
  const channel = `ocr_invoice.outcomes.${randomUUID()}`;
  const awaited = new Map();
  const client = createClient({ url, socket: { connectTimeout: PATIENCE_MS } });
  client.on("error", () => {}); // it connects again; an outcome that was told meanwhile is the caller's to look up
  await client.connect();
  await client.subscribe(channel, (message) => {
    for (const outcome of JSON.parse(message)) awaited.get(outcome.commandId)?.(outcome);
  });
  return { channel, expect: (id) => expect(awaited, id), close: () => client.destroy() };
}

// Call it before the command is sent: an outcome that nobody expects is not kept. Resolves to null if none came in time.
function expect(awaited, id) {
  let timer;
  const told = new Promise((resolve) => {
    awaited.set(id, resolve);
    timer = setTimeout(() => resolve(null), PATIENCE_MS).unref(); // what is not sent is not waited for
  });
  return told.finally(() => {
    clearTimeout(timer);
    awaited.delete(id);
  });
}
