// Receives webhooks with Express. `hook check` audits it:
//
//     npm ci
//     hook check :3000/webhooks -p standard-webhooks --app 'node receiver.mjs' --effects :3000/effects
//
// SCHEME is `standard-webhooks`, `stripe` or `github`. MISTAKE plants one of the usual mistakes, to see what the audit says.

import crypto from "node:crypto";
import express from "express";

const { SCHEME = "standard-webhooks", MISTAKE = "" } = process.env;
// [secret]
// A receiver without a secret must not start: HMAC takes an empty key, and then anyone can sign.
const SECRETS = [process.env.WEBHOOK_SECRET, process.env.WEBHOOK_SECRET_2].filter(Boolean);
if (SECRETS.length === 0) throw new Error("WEBHOOK_SECRET is not set");
// [/secret]

// What each provider signs, and where it puts the signature.
const SCHEMES = {
  "standard-webhooks": {
    encoding: "base64",
    key: (secret) => Buffer.from(secret.replace(/^whsec_/, ""), "base64"),
    // [read]
    read(req) {
      // `req.get` finds a header whatever its case. Id and time are those that are signed, and all signatures count.
      const [id, timestamp] = [req.get("webhook-id") ?? "", req.get("webhook-timestamp") ?? ""];
      const signed = (req.get("webhook-signature") ?? "").split(" ").filter((text) => text.startsWith("v1,"));
      return { timestamp, prefix: `${id}.${timestamp}.`, signatures: signed.map((text) => text.slice(3)) };
    },
    // [/read]
    event: (req, data) => ({ id: req.get("webhook-id"), type: data.type }),
  },
  stripe: {
    encoding: "hex",
    key: (secret) => Buffer.from(secret),
    read(req) {
      const pairs = (req.get("stripe-signature") ?? "").split(",").map((pair) => pair.split("="));
      const all = (name) => pairs.filter(([key]) => key === name).map(([, value]) => value ?? "");
      const timestamp = all("t")[0] ?? "";
      return { timestamp, prefix: `${timestamp}.`, signatures: all("v1") };
    },
    event: (req, data) => ({ id: data.id, type: data.type }),
  },
  github: {
    encoding: "hex",
    key: (secret) => Buffer.from(secret),
    read(req) {
      const header = req.get("x-hub-signature-256") ?? "";
      return { prefix: "", signatures: header.startsWith("sha256=") ? [header.slice(7)] : [] };
    },
    event: (req) => ({ id: req.get("x-github-delivery"), type: req.get("x-github-event") }),
  },
};
const scheme = SCHEMES[SCHEME];

// [expected]
function expected(secret, prefix, body) {
  // The raw bytes, exactly as they came: no trimming, no decoding, no JSON.parse before this.
  const mac = crypto.createHmac("sha256", scheme.key(secret)).update(prefix).update(body);
  return mac.digest(scheme.encoding);
}
// [/expected]

// [compare]
function same(sent, expected) {
  // All of it, in constant time. Another length is another signature.
  const [a, b] = [Buffer.from(sent), Buffer.from(expected)];
  return a.length === b.length && crypto.timingSafeEqual(a, b);
}
// [/compare]

// [verify]
function verified(req, body) {
  const { prefix, signatures } = scheme.read(req);
  // No signature means no match: `some` of nothing is false. Every secret is tried, so that secrets can be rotated.
  return SECRETS.some((secret) => signatures.some((sent) => same(sent, expected(secret, prefix, body))));
}
// [/verify]

// [clock]
const TOLERANCE_SECONDS = 300;

function isFresh(timestamp) {
  // The time that is signed, not the one in the body; too far ahead is as wrong as too old.
  if (!/^\d+$/.test(timestamp)) return false;
  return Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE_SECONDS;
}
// [/clock]

// [claim]
const claimed = new Set();

function claim(id) {
  // One step, so that two requests at the same moment cannot both win. With several processes: a table with a unique index,
  // `INSERT ... ON CONFLICT DO NOTHING`, and the claim is won when one row was inserted.
  if (claimed.has(id)) return false;
  claimed.add(id);
  return true;
}
// [/claim]

let effects = 0;

// [work]
async function work(event) {
  switch (event.type) {
    default:
      // Providers add types: what is not known is no error.
      effects += 1;
  }
}
// [/work]

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Each replaces one step of the receiver by a mistake that is often made.
const MISTAKES = {
  reserialises: { body: (body) => Buffer.from(JSON.stringify(JSON.parse(body))) },
  "no-check": { verified: () => true },
  "missing-header-ok": { verified: (req, body) => scheme.read(req).signatures.length === 0 || verified(req, body) },
  "prefix-compare": {
    verified(req, body) {
      const { prefix, signatures } = scheme.read(req);
      return SECRETS.some((secret) => signatures.some((sent) => sent && expected(secret, prefix, body).startsWith(sent)));
    },
  },
  "no-clock": { isFresh: () => true },
  "no-dedupe": { claim: () => true },
  "racing-dedupe": {
    async claim(id) {
      if (claimed.has(id)) return false;
      await sleep(20);
      claimed.add(id);
      return true;
    },
  },
  "leaks-signature": {
    refuse(req, res) {
      res.status(401).json({ error: "wrong signature", expected: expected(SECRETS[0], scheme.read(req).prefix, req.body) });
    },
  },
  "works-before-answering": { answer: (res, event) => sleep(400).then(() => work(event)).then(() => res.sendStatus(200)) },
  "unknown-event-500": {
    claim(id, type) {
      if (type.endsWith("added_later")) throw new Error(`no handler for ${type}`);
      return claim(id);
    },
  },
};

const step = {
  body: (body) => body,
  verified,
  isFresh,
  claim,
  // [refuse]
  refuse: (req, res) => res.sendStatus(401),
  // [/refuse]
  // [answer]
  answer(res, event) {
    // First the answer, then the work: the provider waits for a few seconds only. Use a queue that survives a restart.
    res.sendStatus(200);
    setImmediate(() => work(event).catch(console.error));
  },
  // [/answer]
  ...MISTAKES[MISTAKE],
};

const app = express();

// [raw]
// The raw bytes, whatever the content type says. `express.json()` before this route would have parsed them.
const raw = express.raw({ type: () => true, limit: "4mb" });
// [/raw]

app.post("/webhooks", raw, async (req, res) => {
  req.body = Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0);
  const { timestamp } = scheme.read(req);
  if (!step.verified(req, step.body(req.body))) return step.refuse(req, res);
  if (timestamp !== undefined && !step.isFresh(timestamp)) return step.refuse(req, res);
  // [parse]
  let data;
  try {
    data = JSON.parse(req.body.toString("utf8").replace(/^\uFEFF/, ""));
  } catch {
    return res.sendStatus(400);
  }
  // [/parse]
  const event = scheme.event(req, data);
  // [duplicate]
  // A duplicate is a success: the provider must not send it again.
  if (!(await step.claim(event.id, event.type))) return res.sendStatus(200);
  // [/duplicate]
  return step.answer(res, event);
});

app.get("/effects", (req, res) => res.send(String(effects)));
app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
