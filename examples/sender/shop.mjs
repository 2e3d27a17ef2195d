// A shop that tells its customers' systems what happened to an order, by webhooks that follow the Standard Webhooks
// specification. Nothing beside Node is needed.

import { createHmac, randomUUID } from "node:crypto";

/** Signs a body as https://www.standardwebhooks.com says, and posts it. Three tries, since receivers restart. */
async function sendWebhook({ url, secret }, type, data) {
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data });
  const id = `msg_${randomUUID()}`;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  for (let attempt = 1; ; attempt += 1) {
    const timestamp = Math.floor(Date.now() / 1000);
    const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(timestamp),
        "webhook-signature": `v1,${signature}`,
      },
      body,
    });
    if (response.ok) return;
    if (attempt === 3) throw new Error(`the webhook was answered with ${response.status}`);
  }
}

export class Shop {
  /** @param {{url: string, secret: string}} webhook where events go, and the secret that signs them */
  constructor(webhook) {
    this.webhook = webhook;
    this.orders = new Map();
  }

  async place(id, cents) {
    this.orders.set(id, { id, cents, state: "placed" });
    await sendWebhook(this.webhook, "order.placed", { order: id, total_cents: cents });
  }

  async pay(id) {
    const order = this.orders.get(id);
    order.state = "paid";
    await sendWebhook(this.webhook, "order.paid", { order: id, total_cents: order.cents });
  }
}
