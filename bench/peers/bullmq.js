// What a developer builds from a queue: an API that answers 202 once Redis has the job, and a worker that signs and sends.
// usage: node bullmq.js api PORT REDIS_PORT | node bullmq.js worker URL REDIS_PORT CONCURRENCY

const crypto = require("node:crypto");
const http = require("node:http");
const { Queue, Worker } = require("bullmq");
const { Pool } = require("undici");

const SECRET = "bench-secret";
const HEADER = "x-poolflow-signature";
const QUEUE = "events";

const [role, place, redis, concurrency] = process.argv.slice(2);
const connection = { host: "127.0.0.1", port: Number(redis), maxRetriesPerRequest: null };

function api() {
  // Retries as a webhook has them; what is done is not kept.
  const queue = new Queue(QUEUE, {
    connection,
    defaultJobOptions: { attempts: 6, backoff: { type: "exponential", delay: 60_000 }, removeOnComplete: true },
  });
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", async () => {
      const event = JSON.parse(Buffer.concat(parts));
      const job = await queue.add(event.event, event);
      const answer = JSON.stringify({ id: job.id });
      response.writeHead(202, { "content-type": "application/json", "content-length": answer.length });
      response.end(answer);
    });
  });
  server.listen(Number(place), "127.0.0.1");
}

function worker() {
  const url = new URL(place);
  const pool = new Pool(url.origin, { connections: Number(concurrency) });
  const deliver = async (job) => {
    const body = Buffer.from(JSON.stringify(job.data));
    const signature = crypto.createHmac("sha256", SECRET).update(body).digest("hex");
    const response = await pool.request({
      path: url.pathname,
      method: "POST",
      headers: { "content-type": "application/json", [HEADER]: signature },
      body,
    });
    await response.body.dump();
    if (response.statusCode >= 300) throw new Error(`answered ${response.statusCode}`);
  };
  new Worker(QUEUE, deliver, { connection, concurrency: Number(concurrency) });
}

(role === "api" ? api : worker)();
