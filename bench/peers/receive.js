// What a developer writes by hand: Express, the raw body, node's crypto. Keeps nothing.
// usage: node receive.js PORT

const crypto = require("node:crypto");
const express = require("express");

const SECRET = "bench-secret";
const HEADER = "x-poolflow-signature";

const app = express();
app.post("/h", express.raw({ type: "application/json" }), (request, response) => {
  const wanted = crypto.createHmac("sha256", SECRET).update(request.body).digest("hex");
  const given = request.get(HEADER) || "";
  if (given.length !== wanted.length || !crypto.timingSafeEqual(Buffer.from(given), Buffer.from(wanted))) {
    response.sendStatus(401);
    return;
  }
  JSON.parse(request.body);
  response.send("ok");
});
app.listen(Number(process.argv[2]), "127.0.0.1");
