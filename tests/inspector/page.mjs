// The inspector's page in a real browser: `node page.mjs SCENARIO`.

import { readFileSync } from 'node:fs';
import { accessible, assert, browser, clean, hmac, home, hook, listen, main, open, post, receiver, run, ui, until } from './lib.mjs';

const SECRET = 'a secret of the test';
const ARGS = ['-p', 'github', '-s', `literal:${SECRET}`];
const TABS = ['Summary', 'Headers', 'Body', 'Why', 'Attempts', 'Answer'];

/** A request as GitHub sends it. */
function send(listener, value, more = {}) {
  const body = typeof value === 'string' ? value : JSON.stringify(value);
  return post(`${listener.url}/webhooks`, {
    'content-type': 'application/json', 'x-github-event': 'issues', 'x-github-delivery': crypto.randomUUID(),
    'x-hub-signature-256': `sha256=${hmac(SECRET, body)}`, ...more,
  }, body);
}

const rows = (page) => page.locator('.rows .row');
const row = (page, number) => page.locator(`#row-${number}`);

/** Clicks a row until it is the selected one: the list moves while records arrive. */
const select = (page, number) => until(async () => {
  await row(page, number).click();
  return (await page.locator(`#row-${number}.selected`).count()) === 1;
}, `#${number} is selected`);

/** The list fills, is filtered, and every tab is accessible in both themes; nothing of a payload is run. */
async function live() {
  const at = home();
  const app = await receiver();
  const listener = await listen([...ARGS, '--forward-to', app.url], { at });
  const chrome = await browser();
  const page = await open(chrome.context, listener.page);
  assert.equal(new URL(page.url()).hash, '', 'the token leaves the address');
  await page.getByText('Nothing was recorded yet.').waitFor();
  assert.equal(await send(listener, { action: 'opened', issue: { number: 7, title: 'first' } }), 200);
  await row(page, 1).getByText('verified').waitFor();
  await row(page, 2).getByText('delivered').waitFor();
  const evil = { action: '<img src=x onerror="window.pwned=1">', title: '</script><script>window.pwned=2</script>', bidi: '\u202etxt' };
  await send(listener, evil, { 'x-evil': '<svg onload=window.pwned=3>', 'x-github-event': '<b>bold</b>' });
  await row(page, 3).waitFor();
  await send(listener, { forged: true }, { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` });
  await page.getByText('refused', { exact: true }).first().waitFor();
  await page.locator('#count-refused').getByText('1').waitFor();

  await page.locator('#filter').fill('failed');
  await page.keyboard.press('Enter');
  await until(async () => (await rows(page).count()) === 1, 'one row');
  assert.match(await page.locator('#hidden').textContent(), /^\d+ hidden/);
  assert.match(page.url(), /q=failed/);
  await page.locator('#filter').fill('FIRST');
  await page.keyboard.press('Enter');
  await row(page, 1).waitFor();
  await until(async () => (await rows(page).count()) === 2, 'the request and its forward');
  await page.locator('#filter').fill('since:banana');
  await page.keyboard.press('Enter');
  await page.locator('#empty').getByText('since:2h').waitFor();
  assert.equal(await rows(page).count(), 0, 'a filter that cannot be read matches nothing');
  assert.match(page.url(), /q=since/);
  await page.locator('#filter').fill('');
  await page.keyboard.press('Enter');

  await row(page, 3).click();
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const tab of TABS) {
      await page.getByRole('tab', { name: tab }).click();
      await page.locator('#panel > :not(:text("Checking…"))').first().waitFor();
      await accessible(page, `${tab}, ${scheme}`);
    }
    for (const [key, title] of [['?', 'Keys'], ['C', 'Charts'], ['E', 'Endpoints'], ['s', 'Send a sample'], ['e', 'Edit']]) {
      await page.locator('#list').focus();
      await page.keyboard.press(key);
      await page.locator('dialog').getByRole('heading', { name: title, level: 2 }).waitFor();
      await accessible(page, `${title}, ${scheme}`);
      await page.keyboard.press('Escape');
      await page.locator('dialog').waitFor({ state: 'detached' });
    }
  }
  await page.getByRole('tab', { name: 'Body' }).click();
  await page.locator('#panel pre').getByText('</script>').waitFor();
  await page.getByRole('tab', { name: 'Headers' }).click();
  await page.locator('#panel').getByText('<svg onload=window.pwned=3>').waitFor();
  assert.equal(await page.evaluate(() => window.pwned), undefined, 'a payload was run');
  assert.equal(await page.locator('#detail img, #detail svg[onload], .rows img').count(), 0);

  // The same record under its own address, on a narrow screen.
  const link = new URL(page.url());
  assert.equal(link.searchParams.get('record'), '3');
  await page.setViewportSize({ width: 360, height: 740 });
  await accessible(page, 'narrow');
  await page.reload();
  await page.locator('#panel').getByText('<svg onload=window.pwned=3>').waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 360), 'nothing is wider than the screen');
  clean(chrome, listener.page);
  await chrome.close();
}

/** Edit and replay, the forged twin, comparison, sample, curl, pause, deletion. */
async function actions() {
  const at = home();
  const app = await receiver();
  const listener = await listen([...ARGS], { at });
  await send(listener, { action: 'opened', total: 1.10, name: 'Grace' });
  const chrome = await browser();
  await chrome.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await open(chrome.context, listener.page);
  await select(page, 1);
  await page.locator('#detail h2').getByText('#1').waitFor();

  await page.keyboard.press('e');
  const form = page.locator('dialog form');
  // What cannot be sent stays in the form, with the reason.
  const headers = await form.locator('[name=headers]').inputValue();
  for (const wrong of ['no colon', 'bad name: v']) {
    await form.locator('[name=headers]').fill(wrong);
    await form.locator('[name=to]').fill(app.url);
    await form.getByRole('button', { name: 'Send, signed afresh' }).click();
    await form.getByRole('alert').getByText(wrong.split(':')[0]).waitFor();
    assert.equal(await form.locator('[name=headers]').inputValue(), wrong);
  }
  await form.locator('[name=headers]').fill(headers);
  await form.locator('[name=body]').fill('{"action":"closed","total":2.50,"name":"Grace"}');
  await form.locator('[name=path]').fill('/other?x=1');
  await form.locator('[name=to]').fill(app.url);
  await form.getByRole('button', { name: 'Send, signed afresh' }).click();
  await until(() => app.got.length === 1, 'the edited request');
  const [edited] = app.got;
  assert.equal(edited.body.toString(), '{"action":"closed","total":2.50,"name":"Grace"}');
  assert.equal(edited.url, '/other?x=1');
  assert.equal(edited.headers['x-hub-signature-256'], `sha256=${hmac(SECRET, edited.body)}`, 'signed afresh');
  await row(page, 2).getByText('delivered').waitFor();

  await select(page, 1);
  await page.keyboard.press('r');
  await until(() => app.got.length === 2, 'the replay, to the target that was given before');
  assert.equal(app.got[1].headers['x-hub-signature-256'], `sha256=${hmac(SECRET, app.got[1].body)}`);
  await page.keyboard.press('R');
  await until(() => app.got.length === 3, 'as captured');
  assert.equal(app.got[2].body.toString(), '{"action":"opened","total":1.1,"name":"Grace"}');
  await page.keyboard.press('t');
  await until(() => app.got.length === 4, 'the forged twin');
  assert.notEqual(app.got[3].headers['x-hub-signature-256'], `sha256=${hmac(SECRET, app.got[3].body)}`, 'it must not verify');

  await select(page, 1);
  await page.keyboard.press('m');
  await page.locator('#row-1.marked').waitFor();
  await select(page, 2);
  await page.keyboard.press('d');
  const diff = page.locator('dialog table.diff');
  await diff.locator('tr', { hasText: 'action' }).getByText('"closed"').waitFor();
  await diff.locator('tr', { hasText: 'total' }).getByText('2.50').waitFor();
  assert.equal(await diff.locator('tr', { hasText: 'name' }).count(), 0);
  await page.keyboard.press('Escape');

  await select(page, 1);
  await page.keyboard.press('c');
  await page.getByText('curl command copied').waitFor();
  const curl = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(curl, /^curl .*-X POST/);
  assert.ok(!curl.includes(SECRET));
  await page.keyboard.press('y');
  await page.getByText('Body copied').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), '{"action":"opened","total":1.1,"name":"Grace"}');

  await page.keyboard.press('s');
  await page.locator('dialog [name=to]').fill(app.url);
  await page.locator('dialog [name=q]').fill('jobpaid');
  await page.locator('dialog .option').first().getByText('job.paid').waitFor();
  await page.locator('dialog [name=q]').press('Enter');
  await until(() => app.got.length === 5, 'the sample');
  assert.match(app.got[4].body.toString(), /job\.paid/);

  await page.keyboard.press('p');
  await page.locator('#tools').getByRole('button', { name: 'Resume', exact: true }).waitFor();
  await page.keyboard.press('p');
  await page.locator('#tools').getByRole('button', { name: 'Pause', exact: true }).waitFor();

  await select(page, 1);
  await page.keyboard.press('x');
  await page.locator('dialog').getByRole('button', { name: 'Cancel' }).click();
  await row(page, 1).getByText('issues').waitFor();
  await page.keyboard.press('x');
  await page.locator('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('#1 was deleted').waitFor();
  await until(async () => !(await row(page, 1).isVisible()) || (await row(page, 1).getByText('no longer recorded').count()) === 1, 'the row is gone');
  const text = await page.evaluate(() => document.documentElement.outerHTML);
  assert.ok(!text.includes(SECRET), 'no secret reaches the page');
  clean(chrome, listener.page);
  await chrome.close();
  app.close();
}

/** Everything without a mouse. */
async function keyboard() {
  const at = home();
  const app = await receiver();
  const listener = await listen([...ARGS, '--forward-to', app.url], { at });
  for (let index = 0; index < 30; index += 1) await send(listener, { index });
  const chrome = await browser();
  const page = await open(chrome.context, listener.page);
  const selected = () => page.locator('.row.selected').first().getAttribute('data-number').then(Number);
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  const at60 = async (wanted, what) => until(async () => (await selected()) === wanted, what);
  await at60(60, 'the newest is selected');
  await press('j', 'ArrowDown');
  await at60(58, 'two down');
  await press('k');
  await at60(59, 'one up');
  await send(listener, { late: 1 });
  await until(async () => (await page.locator('#list').getAttribute('aria-rowcount')) === '63', 'two more rows');
  await at60(59, 'the selection stays');
  await press('G');
  await at60(1, 'the oldest');
  await press('g', 'g');
  await at60(62, 'the newest');
  await press('PageDown', 'PageUp', 'Enter');
  for (const [key, tab] of TABS.map((name, index) => [String(index + 1), name])) {
    await press(key);
    await until(async () => (await page.getByRole('tab', { selected: true }).textContent()).startsWith(tab), tab);
  }
  await page.getByRole('tab', { selected: true }).focus();
  await press('ArrowLeft');
  await until(async () => (await page.getByRole('tab', { selected: true }).textContent()).startsWith('Attempts'), 'arrows turn the tabs');
  await page.locator('#list').focus();
  await press('b', 'b');
  await page.locator('#panel pre').getByText('00000000').waitFor();
  await press('/');
  await page.keyboard.type('kind:capture');
  await press('Enter');
  await until(async () => (await rows(page).count()) > 0 && !(await page.locator('.rows').textContent()).includes('→'), 'captures only');
  await press('Escape', 'Escape');
  await until(async () => (await page.locator('#filter').inputValue()) === '', 'the filter is cleared');
  await press('f');
  await page.locator('#follow[aria-pressed=false]').or(page.locator('#follow[aria-pressed=true]')).waitFor();
  // Tab leads through all of the page, and out of every part of it.
  const seen = new Set();
  await page.locator('#list').focus();
  await press('Enter');
  await page.locator('#panel').waitFor();
  await until(async () => {
    await press('Tab');
    const found = await page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
    seen.add(found);
    return found === 'list';
  }, 'the focus comes back to the list');
  assert.ok(seen.has('Skip to the records') && seen.has('filter') && seen.has('Replayr') && seen.has('panel'), [...seen].join(', '));
  clean(chrome, listener.page);
  await chrome.close();
}

/** The page goes on after the server was away; eight tabs share one stream. */
async function restart() {
  const at = home();
  await run(['send', 'job.paid', '--to', 'http://127.0.0.1:1'], { at });
  let server = await ui(['--port', '0'], { at });
  const port = new URL(server.page).port;
  const chrome = await browser();
  const page = await open(chrome.context, server.page);
  await row(page, 1).waitFor();
  const tabs = [page];
  for (let index = 1; index < 8; index += 1) {
    const tab = await chrome.context.newPage();
    // Without the token: an open tab lets it in.
    await tab.goto(new URL(server.page).origin);
    await row(tab, 1).waitFor();
    tabs.push(tab);
  }
  const streams = chrome.requests.filter((url) => url.endsWith('/api/events')).length;
  assert.equal(streams, 1, 'one stream for eight tabs');
  await run(['send', 'job.paid', '--to', 'http://127.0.0.1:1'], { at });
  for (const tab of tabs) await row(tab, 2).waitFor();
  await server.stop();
  await page.locator('#banner').getByText('Disconnected').waitFor();
  await run(['send', 'job.paid', '--to', 'http://127.0.0.1:1'], { at });
  server = await ui(['--port', port], { at });
  assert.equal(new URL(server.page).port, port);
  for (const tab of tabs) await row(tab, 3).waitFor();
  await page.locator('#connection .state.live').waitFor({ state: 'attached' });
  clean(chrome, server.page);
  await chrome.close();
}

/** Another local server may get the cookie, since cookies ignore ports, and can do nothing with it. */
async function foreign() {
  const at = home();
  const server = await ui(['--port', '0'], { at });
  const origin = new URL(server.page).origin;
  const chrome = await browser();
  await open(chrome.context, server.page);
  const evil = await receiver();
  const page = await chrome.context.newPage();
  await page.goto(evil.url);
  // Browsers differ in whether a cookie goes to other ports: here the other server has it in any case.
  const [kept] = await chrome.context.cookies(origin);
  assert.ok(kept.httpOnly && kept.sameSite === 'Strict' && /^hook_\d+$/.test(kept.name));
  const cookie = `${kept.name}=${kept.value}`;
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script reads it');
  const asked = await page.evaluate(async (target) => {
    const reply = await fetch(`${target}/api/status`, { credentials: 'include' }).catch(() => null);
    const opaque = await fetch(`${target}/api/pause`, { method: 'POST', credentials: 'include', mode: 'no-cors', body: '{"paused":true}' }).catch(() => null);
    return { status: reply?.status ?? null, type: opaque?.type ?? null };
  }, origin);
  assert.equal(asked.status, null, 'a page from elsewhere reads nothing');
  const direct = await fetch(`${origin}/api/status`, { headers: { cookie } });
  assert.equal(direct.status, 401, 'the cookie alone is not enough');
  const paused = await fetch(`${origin}/api/pause`, { method: 'POST', headers: { cookie }, body: '{"paused":true}' });
  assert.equal(paused.status, 401);
  const framed = await page.evaluate(async (target) => {
    const frame = document.createElement('iframe');
    frame.src = target;
    document.body.append(frame);
    await new Promise((resolve) => frame.addEventListener('load', resolve));
    return frame.contentDocument === null;
  }, origin);
  assert.ok(framed, 'the page is not shown in a frame');
  await chrome.close();
  evil.close();
}

/** A hundred thousand records: few rows in the document, and a list that scrolls without long tasks. */
async function large() {
  const at = home();
  const sink = await receiver();
  const sent = await run(['send', 'job.paid', '--to', sink.url, '--count', process.env.HOOK_TEST_RECORDS || '5000', '--concurrency', '64'], { at });
  assert.equal(sent.code, 0, sent.text);
  const count = Number(process.env.HOOK_TEST_RECORDS || 5000);
  const server = await ui(['--port', '0'], { at });
  // Times say something on a machine that does nothing else: by what the limits are multiplied, 0 for no limits.
  const slack = Number(process.env.HOOK_TEST_TIMES || 0);
  const chrome = await browser();
  const paints = [];
  for (let turn = 0; turn < 5; turn += 1) {
    const page = await open(chrome.context, server.page);
    paints.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime));
    await page.close();
  }
  const page = await open(chrome.context, server.page);
  await row(page, count).waitFor();
  let smooth = 0;
  const longest = [];
  for (let turn = 0; turn < 5; turn += 1) {
    const found = await page.evaluate(async () => {
      const tasks = [];
      const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)));
      observer.observe({ type: 'longtask' });
      const list = document.getElementById('list');
      const most = { rows: 0 };
      const end = list.scrollHeight - list.clientHeight;
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      for (let step = 0; step <= 120; step += 1) {
        list.scrollTop = (end * step) / 120;
        await frame();
        most.rows = Math.max(most.rows, document.querySelectorAll('.rows .row').length);
      }
      list.scrollTop = end;
      await frame();
      observer.disconnect();
      return { longest: Math.max(0, ...tasks), rows: most.rows };
    });
    assert.ok(found.rows <= 500, `${found.rows} rows`);
    longest.push(Math.round(found.longest));
    smooth += found.longest <= 100 * slack ? 1 : 0;
    await row(page, 1).waitFor();
  }
  const paint = paints.sort((a, b) => a - b)[2];
  console.log(`records ${count}, first contentful paint ${Math.round(paint)} ms (${paints.map(Math.round)}), longest tasks ${longest} ms`);
  if (slack > 0) {
    assert.ok(smooth >= 4, `tasks of ${longest} ms`);
    assert.ok(paint <= 400 * slack, `first contentful paint ${paint} ms`);
  }
  await chrome.close();
}

/** Twenty planted mistakes: two keys lead to the cause and the fix. */
async function diagnosis() {
  const all = JSON.parse(readFileSync(process.env.HOOK_TEST_CASES, 'utf8'));
  const named = ['secret-env-newline', 'secret-leading-blank', 'secret-one-quote', 'secret-k8s-base64', 'secret-prefix-off-text', 'form-base64-for-hex', 'form-no-prefix',
    'form-base64-of-hex', 'hash-sha1', 'hash-plain-body', 'body-strip', 'body-autocrlf', 'body-bom-notepad', 'body-latin1-mojibake', 'json-express-stripe', 'json-koa-shopify',
    'json-dumps-github', 'coding-gunzipped', 'coding-apigw-base64', 'header-wrong-name'];
  const cases = named.map((id) => all.find((one) => one.id === id));
  assert.equal(cases.length, 20);
  const chrome = await browser();
  const missed = [];
  for (const one of cases) {
    const value = (flag) => one.args[one.args.indexOf(flag) + 1];
    const at = home();
    const now = one.args.includes('--at') ? { __HOOK_NOW: new Date(Number(value('--at')) * 1000).toISOString() } : {};
    const listener = await listen(['-p', value('-p'), '-s', value('-s')], { at, env: { ...one.env, ...now } });
    const headers = {};
    one.args.forEach((arg, index) => {
      if (arg !== '-H') return;
      const line = one.args[index + 1];
      headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 1).trim();
    });
    await post(`${listener.url}/`, headers, Buffer.from(one.body_base64, 'base64'));
    const page = await open(chrome.context, listener.page);
    await row(page, 1).getByText('refused').waitFor();
    await page.keyboard.press('Enter');
    await page.keyboard.press('4');
    let said = '';
    const found = await until(async () => {
      // In one step: the tab is drawn again when the ledger has more of the record.
      said = await page.evaluate(() => {
        const text = (selector) => document.querySelector(selector)?.textContent ?? '';
        return `${text('#panel .cause')} | ${text('#panel .note.bad').replace('Cause: ', '')}`;
      });
      const fits = [...one.right, ...one.equal].some((wants) => new RegExp(wants.replace('(?i)', ''), 'is').test(said));
      return fits && /Fix: \S/.test(said);
    }, one.id).catch(() => false);
    if (!found) missed.push(`${one.id}: ${said}`);
    await page.close();
    await listener.stop();
  }
  assert.deepEqual(missed, []);
  clean(chrome, ...new Set(chrome.requests.map((url) => new URL(url).origin)));
  await chrome.close();
}

/** The pictures of the documentation: a listener, and a request whose body was written anew on its way. */
async function screenshots() {
  const at = home();
  const app = await receiver();
  const listener = await listen([...ARGS, '--forward-to', app.url], { at });
  for (const [event, value] of [['push', { ref: 'refs/heads/main', commits: 2 }], ['issues', { action: 'opened', issue: { number: 7 } }], ['release', { action: 'published' }]]) {
    await send(listener, value, { 'x-github-event': event });
  }
  await send(listener, { forged: true }, { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` });
  const body = '{"action":"opened","number":42,"pull_request":{"title":"Read the raw body","draft":false}}';
  await until(() => app.got.length === 3, 'the forwards');
  await post(`${listener.url}/webhooks`, {
    'content-type': 'application/json', 'x-github-event': 'pull_request', 'x-github-delivery': crypto.randomUUID(), 'x-hub-signature-256': `sha256=${hmac(SECRET, body)}`,
  }, JSON.stringify(JSON.parse(body), null, 2));
  await send(listener, { action: 'created' }, { 'x-github-event': 'star' });
  await until(() => app.got.length === 4, 'the last forward');
  const folder = process.env.HOOK_TEST_PICTURES;
  for (const [name, width, height, scheme] of [['light', 1120, 640, 'light'], ['dark', 1120, 640, 'dark'], ['narrow', 390, 700, 'light']]) {
    const chrome = await browser({ viewport: { width, height }, colorScheme: scheme });
    const page = await open(chrome.context, listener.page);
    await page.locator('#count-received').waitFor();
    const refused = page.locator('.row', { hasText: 'pull_request' });
    await refused.click();
    await page.keyboard.press('4');
    await page.locator('#panel .sides mark').first().waitFor();
    await page.screenshot({ path: `${folder}/inspector-${name}.png`, animations: 'disabled' });
    await chrome.close();
  }
}

await main({ live, actions, keyboard, restart, foreign, large, diagnosis, screenshots });
