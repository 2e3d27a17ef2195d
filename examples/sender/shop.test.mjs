// The tests of the application itself. They pass whether or not a webhook is sent: that is what `hook listen --expect` is for.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Shop } from "./shop.mjs";

test("an order can be paid", async () => {
  const shop = new Shop({ url: process.env.HOOK_URL, secret: process.env.HOOK_SECRET });
  await shop.place("A-1", 2500);
  await shop.pay("A-1");
  assert.equal(shop.orders.get("A-1").state, "paid");
});
