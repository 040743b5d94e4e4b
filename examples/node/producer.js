// Sends commands to the service, one after the other. Reads each from a line of standard input,
//
//   {"type": "job_group.create", "data": {"name": "April", "template": "standard-invoice"}}
//
// and writes its outcome. The next one goes when that is known: messages that are on their way together may overtake one
// another. A line that brings an "id" of its own may be sent again, at any time: the service carries a command out once.
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "./broker.js";
import { listen } from "./outcomes.js";

const { JOBGROUPS_BROKER_URL, JOBGROUPS_REDIS_URL } = process.env;
const ATTEMPTS = 5;
let broker = null;
let outcomes = null;

async function hangUp() {
  try {
    await broker?.close();
  } catch {
    // It is gone already.
  }
  broker = null;
}

async function send(document) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      broker ??= await connect(JOBGROUPS_BROKER_URL);
      return await broker.send(document);
    } catch (error) {
      await hangUp();
      // It may have arrived all the same. Sent again under the same id, it has no second effect.
      if (attempt === ATTEMPTS) throw error;
      await sleep(50 * 2 ** attempt);
    }
  }
}

async function carryOut({ type, data, id = randomUUID() }) {
  const command = { specversion: "1.0", id, source: "/examples/node", type, data, replyto: outcomes.channel };
  const outcome = outcomes.expect(id);
  await send(JSON.stringify(command));
  return (await outcome) ?? { commandId: id, status: "unknown" }; // GET /commands/{id} will tell
}

try {
  outcomes = await listen(JOBGROUPS_REDIS_URL);
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await carryOut(JSON.parse(line))));
  }
} catch (error) {
  console.error(`not sent: ${error.message || error.code || error}`);
  process.exitCode = 1;
} finally {
  await hangUp();
  outcomes?.close();
}
