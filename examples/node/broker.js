// Hands a document to the intake: on RabbitMQ a message, on Redis an entry of a stream. `send` resolves when the broker
// has it; whatever goes wrong, it rejects within TIMEOUT_MS.
import amqp from "amqplib";
import { createClient } from "redis";

const INTAKE = "ocr_invoice.intake";
const TIMEOUT_MS = 5_000;

export async function connect(url) {
  return within(url.startsWith("redis") ? toRedis(url) : toRabbitMQ(url));
}

async function toRedis(url) {
  const client = createClient({ url, socket: { connectTimeout: TIMEOUT_MS, reconnectStrategy: false } });
  client.on("error", () => {}); // each `send` tells of it
  await client.connect();
  return {
    send: (document) => within(client.xAdd(INTAKE, "*", { command: document })),
    close: () => client.destroy(),
  };
}

async function toRabbitMQ(url) {
  const connection = await amqp.connect(url, { timeout: TIMEOUT_MS });
  connection.on("error", () => {});
  const channel = await connection.createConfirmChannel();
  channel.on("error", () => {});
  const options = { persistent: true, mandatory: true, contentType: "application/cloudevents+json" };
  const send = (document) =>
    new Promise((resolve, reject) => {
      connection.once("close", reject);
      channel.once("return", () => reject(new Error(`no queue takes what is sent to ${INTAKE}`)));
      channel.publish(INTAKE, INTAKE, Buffer.from(document), options, (error) => (error ? reject(error) : resolve()));
    }).finally(() => {
      connection.removeAllListeners("close");
      channel.removeAllListeners("return");
    });
  return { send: (document) => within(send(document)), close: () => connection.close() };
}

function within(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer from the broker within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
