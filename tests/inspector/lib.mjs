// What the scenarios share: processes of hook, a browser, and checks that wait instead of sleeping.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.HOOK_TEST_BROWSER, 'package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const DEADLINE = Number(process.env.HOOK_TEST_DEADLINE || 60000);
const children = [];

export { assert };

/** A home of its own. */
export const home = () => mkdtempSync(join(process.env.HOOK_TEST_ROOT, 'home-'));

/** Starts hook; `line(wanted)` waits for a line of either stream. */
export function hook(args, { at, env = {} } = {}) {
  const child = spawn(process.env.HOOK_TEST_BINARY, args, {
    cwd: at, env: { PATH: process.env.PATH, HOME: at, LC_ALL: 'C.UTF-8', ...env }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const lines = [];
  const waiting = new Set();
  const hear = (stream) => {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop();
      for (const part of parts) {
        lines.push(part);
        for (const look of waiting) look();
      }
    });
  };
  hear(child.stdout);
  hear(child.stderr);
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code)));
  return {
    child, lines, ended,
    line: (wanted) => new Promise((resolve, reject) => {
      const look = () => {
        const found = lines.find((text) => wanted.test(text));
        if (found === undefined) return;
        waiting.delete(look);
        clearTimeout(timer);
        resolve(found.match(wanted)[1] ?? found);
      };
      const fail = () => reject(new Error(`hook ${args.join(' ')} never said ${wanted}:\n${lines.join('\n')}`));
      const timer = setTimeout(fail, DEADLINE);
      ended.then(() => waiting.has(look) && fail());
      waiting.add(look);
      look();
    }),
    stop: async () => {
      child.kill('SIGINT');
      await ended;
    },
  };
}

/** Runs hook to its end. */
export async function run(args, options) {
  const process = hook(args, options);
  const code = await process.ended;
  return { code, text: process.lines.join('\n') };
}

/** `hook listen --ui` on free ports. */
export async function listen(args, options) {
  const process = hook(['listen', '--port', '0', '--ui=0', ...args], options);
  const page = await process.line(/inspector: (http\S+)/);
  const url = await process.line(/listening on (http:[^,]+),/);
  return { ...process, page, url };
}

/** `hook ui`. */
export async function ui(args, options) {
  const process = hook(['ui', ...args], options);
  return { ...process, page: await process.line(/^(http\S+)$/) };
}

/** Sends a request as it is. */
export function post(url, headers, body) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers: { 'content-length': Buffer.byteLength(body), ...headers } }, (reply) => {
      reply.resume();
      reply.on('end', () => resolve(reply.statusCode));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export const hmac = (secret, text) => createHmac('sha256', secret).update(text).digest('hex');

/** A receiver that is not hook: it keeps what it gets. */
export async function receiver() {
  const got = [];
  const server = createServer((incoming, reply) => {
    const parts = [];
    incoming.on('data', (part) => parts.push(part));
    incoming.on('end', () => {
      got.push({ method: incoming.method, url: incoming.url, headers: incoming.headers, body: Buffer.concat(parts) });
      reply.writeHead(200, { 'content-type': 'text/plain' });
      reply.end('thanks');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { got, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** A browser of its own, whose pages may reach nothing but loopback. */
export async function browser(options = {}) {
  const started = await chromium.launch({
    executablePath: process.env.HOOK_TEST_CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-background-networking'],
  });
  children.push(started.process?.() ?? { kill() {} });
  const context = await started.newContext({ viewport: { width: 1600, height: 900 }, colorScheme: 'light', ...options });
  context.setDefaultTimeout(DEADLINE);
  await overrides(context);
  const requests = [];
  context.on('request', (sent) => requests.push(sent.url()));
  const faults = [];
  context.on('weberror', (event) => faults.push(String(event.error())));
  context.on('console', (message) => {
    // A request that was refused on purpose is logged by the browser.
    if (message.type() === 'error' && !/status of (40\d|42\d|50\d)|ERR_/.test(message.text())) faults.push(message.text());
  });
  return { started, context, requests, faults, close: () => started.close() };
}

/** While the page is developed its files can be taken from the source instead of the binary. */
async function overrides(context) {
  const folder = process.env.HOOK_TEST_ASSETS;
  if (!folder) return;
  await context.route(/\/assets\/|\/(\?[^/]*)?$/, (route) => {
    const name = new URL(route.request().url()).pathname.replace(/^\/(assets\/)?/, '') || 'index.html';
    const path = join(folder, name);
    return existsSync(path) ? route.fulfill({ path }) : route.continue();
  });
}

/** Opens a page and waits until it is live. */
export async function open(context, url) {
  const page = await context.newPage();
  await page.goto(url);
  await page.locator('#connection .state.live').waitFor({ state: 'attached' });
  return page;
}

/** Waits until `look` gives something true. */
export async function until(look, what) {
  const end = Date.now() + DEADLINE;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** No violation of accessibility rules. The engine is injected by the debugger, under the page's own policy. */
export async function accessible(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }));
  const text = found.violations.map((one) => `${one.id}: ${one.help}\n${one.nodes.slice(0, 4).map((node) => `  ${node.html}\n  ${node.failureSummary}`).join('\n')}`);
  assert.equal(text.length, 0, `${what}:\n${text.join('\n')}`);
}

/** Nothing but this origin was asked, and no script failed. */
export function clean({ requests, faults }, ...pages) {
  const origins = pages.map((page) => new URL(page).origin);
  const foreign = requests.filter((url) => /^https?:/.test(url) && !origins.includes(new URL(url).origin));
  assert.deepEqual(foreign, [], 'requests that leave the origin');
  assert.deepEqual(faults, [], 'errors of the page');
}

/** Runs one scenario and ends everything that it started. */
export async function main(scenarios) {
  const name = process.argv[2];
  try {
    await scenarios[name]();
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
  process.exit();
}
