// The same as verify.py, with the libraries of npm: one case a line on stdin, a line on stdout for each that is refused.

import { createInterface } from "node:readline";

import { verify } from "@octokit/webhooks-methods";
import { LinearWebhookClient } from "@linear/sdk/webhooks";
import { verifyKey } from "discord-interactions";

const libraries = {
  github: (secret, headers, body) => verify(secret, body.toString("utf8"), headers["x-hub-signature-256"]),
  discord: (secret, headers, body) =>
    verifyKey(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], secret),
  linear: (secret, headers, body) => new LinearWebhookClient(secret).verify(body, headers["linear-signature"]),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { provider, headers, body, secret, about } = JSON.parse(line);
  try {
    const passed = await libraries[provider](secret, headers, Buffer.from(body, "base64"));
    if (passed !== true) throw new Error("it does not match");
  } catch (error) {
    console.log(`${provider} refuses ${about}: ${error}`);
  }
}
