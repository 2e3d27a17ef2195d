// Sends COUNT events of 1 KiB, each new and signed, over CONCURRENCY connections of undici. Keeps nothing.
// usage: node send.js URL COUNT CONCURRENCY

const crypto = require("node:crypto");
const { Pool } = require("undici");

const SECRET = "bench-secret";
const HEADER = "x-poolflow-signature";
const SIZE = 1024;

const url = new URL(process.argv[2]);
const [count, concurrency] = process.argv.slice(3).map(Number);
const pool = new Pool(url.origin, { connections: concurrency });
let next = 0;
let wrong = 0;

function body(number) {
  const event = {
    event: "job.paid",
    timestamp: "2030-01-02T03:04:05Z",
    data: { id: "job_" + String(number).padStart(12, "0"), total_cents: 4200, currency: "usd", note: "" },
  };
  event.data.note = "x".repeat(SIZE - JSON.stringify(event).length);
  return Buffer.from(JSON.stringify(event));
}

async function worker() {
  for (;;) {
    const number = next++;
    if (number >= count) return;
    const bytes = body(number);
    const signature = crypto.createHmac("sha256", SECRET).update(bytes).digest("hex");
    const response = await pool.request({
      path: url.pathname,
      method: "POST",
      headers: { "content-type": "application/json", [HEADER]: signature },
      body: bytes,
    });
    await response.body.dump();
    if (response.statusCode !== 200) wrong++;
  }
}

async function main() {
  const begun = process.hrtime.bigint();
  await Promise.all(Array.from({ length: concurrency }, worker));
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  console.log(JSON.stringify({ count, wrong, seconds, per_second: count / seconds }));
  process.exit(0);
}

main();
