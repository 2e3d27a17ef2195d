// One record in six tabs.

import { blob, get, query } from './api.js';
import { $, button, copy, h, rich, s, time, toast } from './dom.js';

let tables;
let on;
let record = null;
let tab = 'summary';
let form = 'pretty';
/** Counts what was asked for: a late answer does not open what was closed. */
let asked = 0;

/** Sets up the pane. `callbacks`: `act(command)`, `close()`, `changed()`, `failed(error)`, `go(number)`. */
export function setup(given, callbacks) {
  tables = given;
  on = callbacks;
}

export const current = () => record;
export const currentTab = () => tab;
export const isOpen = () => !$('detail').hidden;

/** Shows a record. */
export async function show(number, name = tab) {
  tab = tables.tabs.some((known) => known.key === name) ? name : 'summary';
  const pane = $('detail');
  asked += 1;
  const mine = asked;
  const found = await get(`records/${number}`).catch((error) => error);
  if (mine !== asked) return;
  if (found instanceof Error) {
    record = null;
    if (found.status !== 404) throw found;
    pane.replaceChildren(h('p', { className: 'dim pad' }, `#${number} is no longer recorded.`));
    return;
  }
  record = found;
  pane.hidden = false;
  document.body.classList.add('open');
  draw();
  on.changed();
}

/** Closes the pane. */
export function close() {
  asked += 1;
  $('detail').hidden = true;
  document.body.classList.remove('open');
  record = null;
  on.changed();
}

/** Turns to a tab by its name, or by so many steps. */
export function turn(to) {
  const names = tables.tabs.map((known) => known.key);
  tab = typeof to === 'number' ? names[(names.indexOf(tab) + to + names.length) % names.length] : to;
  if (!record) return;
  draw();
  on.changed();
}

/** Pretty, raw, hex. */
export function nextForm() {
  form = { pretty: 'raw', raw: 'hex', hex: 'pretty' }[form];
  turn('body');
}

function draw() {
  const pane = $('detail');
  const hadFocus = pane.contains(document.activeElement) && document.activeElement.getAttribute('role') === 'tab';
  const bar = h('div', { role: 'tablist', className: 'tabs', 'aria-label': 'Parts of the record' },
    tables.tabs.map((known, index) => h('button', {
      type: 'button', role: 'tab', id: `tab-${known.key}`, 'aria-controls': 'panel',
      'aria-selected': String(known.key === tab), tabIndex: known.key === tab ? 0 : -1,
      onclick: () => turn(known.key),
    }, known.title, h('kbd', { 'aria-hidden': 'true' }, String(index + 1)))));
  bar.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) {
      event.preventDefault();
      event.stopPropagation();
      turn(step);
    }
  });
  const panel = h('div', { role: 'tabpanel', id: 'panel', tabIndex: 0, 'aria-labelledby': `tab-${tab}` });
  pane.replaceChildren(head(), bar, panel);
  if (hadFocus) $(`tab-${tab}`).focus();
  const drawn = { summary, headers, body, why, attempts, answer }[tab](panel);
  Promise.resolve(drawn).catch(on.failed);
}

function head() {
  const act = (command, label, key, props = {}) => button(label, () => on.act(command), { key, ...props });
  return h('div', { className: 'head' },
    h('div', { className: 'title' },
      h('h2', {}, `#${record.number} `, h('span', { className: 'name' }, record.title)),
      button('Close', () => on.act('close'), { className: 'quiet', key: 'Esc' })),
    h('div', { className: 'acts', role: 'group', 'aria-label': 'Actions' },
      act('replay', 'Replay', 'r', { title: 'Deliver it again, signed afresh' }),
      act('replay-captured', 'As captured', 'R', { title: 'Deliver it again with the headers that were captured' }),
      act('edit', 'Edit', 'e', { title: 'Change the request, then deliver it signed afresh' }),
      act('tamper', 'Tamper', 't', { title: 'Send a forged twin, which a receiver must refuse' }),
      act('mark', 'Mark', 'm'), act('diff', 'Compare', 'd'),
      act('curl', 'curl', 'c', { title: 'Copy as a curl command' }),
      act('copy-body', 'Body', 'y', { title: 'Copy the body' }),
      act('copy-id', 'Id', 'i', { title: 'Copy the id' }),
      act('delete', 'Delete', 'x', { className: 'danger' })));
}

/** A table of names and values. */
function table(fields, label) {
  if (!fields.length) return h('p', { className: 'dim' }, 'None.');
  return h('dl', { className: 'fields', 'aria-label': label }, fields.map(([name, value]) => [
    h('dt', {}, name || h('span', { className: 'sr' }, 'continued')),
    h('dd', {}, value, linkTo(value)),
  ]));
}

/** A way to the record that a value names. */
function linkTo(value) {
  const found = /#(\d+)/.exec(value);
  if (!found || Number(found[1]) === record.number) return null;
  return h('a', {
    href: `/?record=${found[1]}`, className: 'goto',
    onclick: (event) => { event.preventDefault(); on.go(Number(found[1])); },
  }, `open #${found[1]}`);
}

function summary(panel) {
  panel.append(table([['id', record.id], ...record.summary], 'Summary'));
}

function headers(panel) {
  const text = record.headers.map(([name, value]) => `${name}: ${value}`).join('\n');
  panel.append(h('p', { className: 'line' }, button('Copy headers', () => copy(text, 'Headers'))), table(record.headers, 'Headers'));
}

async function body(panel) {
  const facts = record.body;
  const choice = h('div', { className: 'line', role: 'group', 'aria-label': 'Form of the body' },
    ['pretty', 'raw', 'hex'].map((name) => button(name, () => { form = name; draw(); }, { 'aria-pressed': String(form === name) })),
    button('Copy', () => on.act('copy-body')),
    button('Download', download),
    h('span', { className: 'dim' }, `${facts.size_text}${facts.content_type ? `, ${facts.content_type}` : ''}`));
  panel.append(choice);
  if (facts.problem) panel.append(problem(facts.problem));
  if (!facts.size) {
    panel.append(h('p', { className: 'dim' }, 'The body is empty.'));
    return;
  }
  const box = h('div', { className: 'bodies' });
  panel.append(box);
  await page(box, 0);
}

function problem(found) {
  return h('p', { className: 'note bad' }, `Not JSON: ${found.message} (line ${found.line}, column ${found.column}, byte ${found.offset})`);
}

async function page(box, offset) {
  const number = record.number;
  const got = await get(query(`records/${number}/body`, { form, offset }));
  if (record?.number !== number) return;
  const pre = h('pre', { className: got.form === 'hex' ? 'code hex' : 'code', tabIndex: 0, 'aria-label': `Body, ${got.form}` });
  if (got.problem && got.form !== 'hex' && offset === 0) marked(pre, got.text, got.problem);
  else pre.append(got.text);
  box.append(pre);
  if (got.next !== null) {
    const next = button('Show more', () => { next.remove(); page(box, got.next).catch(on.failed); });
    box.append(next);
  }
}

/** The text with the place of its mistake marked. */
function marked(pre, text, found) {
  const lines = text.split('\n');
  const before = lines.slice(0, found.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
  const at = Math.min(text.length, before + found.column - 1);
  const end = Math.min(text.length, at + 1);
  pre.append(text.slice(0, at), h('mark', { className: 'error', title: found.message }, text.slice(at, end) || '⏎'), text.slice(end));
}

async function download() {
  try {
    const url = URL.createObjectURL(await blob(`records/${record.number}/bytes`));
    const link = h('a', { href: url, download: `hook-${record.number}.bin` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  } catch (error) {
    on.failed(error);
  }
}

async function why(panel) {
  const number = record.number;
  panel.append(h('p', { className: 'dim' }, 'Checking…'));
  const got = await get(`records/${number}/why`);
  if (record?.number !== number || tab !== 'why') return;
  panel.replaceChildren();
  if (got.diagnosis) {
    panel.append(h('div', { className: 'note bad' },
      h('p', {}, h('strong', {}, 'Cause: '), rich(got.diagnosis), got.cause ? h('code', { className: 'cause' }, got.cause) : null),
      got.hint ? h('p', {}, h('strong', {}, 'Fix: '), rich(got.hint)) : null));
  } else if (got.hint) {
    panel.append(h('p', { className: 'note' }, h('strong', {}, 'Fix: '), rich(got.hint)));
  }
  const sentences = h('ul', { className: 'sentences' }, got.sentences.map((text) => h('li', {}, rich(text))));
  if (!got.bytes) {
    panel.append(sentences, h('p', { className: 'dim' }, got.note || 'There are no signed bytes to compare: no signature that hook knows covers this request.'));
    return;
  }
  const side = (title, segments, label) => h('div', { className: 'side' }, h('h3', {}, title),
    segments
      ? h('pre', { className: 'code', tabIndex: 0, 'aria-label': label }, segments.map((part) => (part.differs ? h('mark', {}, part.text) : part.text)))
      : h('p', { className: 'dim' }, 'Not known.'));
  panel.append(h('p', {}, got.bytes.note, got.bytes.cut ? ' Only a part is shown.' : ''),
    h('div', { className: 'sides' },
      side('Signed bytes', got.bytes.signed, 'Signed bytes'), side(got.bytes.sent ? 'Sent bytes' : 'Arrived bytes', got.bytes.arrived, got.bytes.sent ? 'Sent bytes' : 'Arrived bytes')),
    sentences);
}

function attempts(panel) {
  if (!record.attempts.length && !record.planned.length) {
    panel.append(h('p', { className: 'dim' }, record.kind === 'capture' ? 'It was not forwarded. Replay sends it to an app.' : 'No attempt was made yet.'));
    return;
  }
  panel.append(timeline());
  panel.append(h('ol', { className: 'attempts' },
    record.attempts.map((made) => h('li', { className: made.ok ? 'good' : 'bad' },
      h('span', { className: 'when' }, time(made.at_ms)),
      h('span', {}, record.kind === 'capture' ? `#${made.delivery} attempt ${made.attempt}` : `attempt ${made.attempt}`),
      h('strong', { className: made.ok ? 'word good' : 'word bad' }, made.outcome),
      h('span', { className: 'dim' }, made.took),
      made.detail ? h('span', { className: 'dim wide' }, made.detail) : null)),
    record.planned.map((next) => h('li', { className: 'planned' },
      h('span', { className: 'when' }, time(next.due_ms)),
      h('span', {}, `attempt ${next.attempt}`),
      h('span', { className: 'word caution' }, 'planned'),
      h('span', { className: 'dim' }, next.after === '0s' ? '' : `${next.after} after the one before`)))));
}

/** Attempts on a line of time; planned ones are hollow. */
function timeline() {
  const points = [
    ...record.attempts.map((made) => ({ at: made.at_ms, kind: made.ok ? 'good' : 'bad', text: `attempt ${made.attempt}: ${made.outcome}` })),
    ...record.planned.map((next) => ({ at: next.due_ms, kind: 'planned', text: `attempt ${next.attempt}, planned` })),
  ];
  const first = Math.min(...points.map((point) => point.at));
  const span = Math.max(1, Math.max(...points.map((point) => point.at)) - first);
  const width = 600;
  // Waits grow by powers, so that the scale is logarithmic.
  const x = (at) => 14 + (width - 28) * (Math.log1p(at - first) / Math.log1p(span));
  return s('svg', { viewBox: `0 0 ${width} 40`, class: 'timeline', role: 'img', 'aria-label': `${record.attempts.length} attempts made, ${record.planned.length} planned` },
    s('line', { x1: 14, x2: width - 14, y1: 20, y2: 20, class: 'axis' }),
    points.map((point) => s('circle', { cx: x(point.at), cy: 20, r: 6, class: point.kind }, s('title', {}, point.text))));
}

function answer(panel) {
  const got = record.answer;
  if (!got) {
    panel.append(h('p', { className: 'dim' }, record.no_answer));
    return;
  }
  panel.append(h('p', {}, h('strong', {}, got.status), got.from ? h('span', { className: 'dim' }, ` of ${got.from}`) : null),
    table(got.headers, 'Headers of the answer'),
    got.body.size ? h('pre', { className: 'code', tabIndex: 0, 'aria-label': 'Body of the answer' }, got.body.text) : h('p', { className: 'dim' }, 'The body is empty.'));
  if (got.body.next !== null || got.truncated) panel.append(h('p', { className: 'dim' }, 'Only the beginning is shown.'));
}

/** The text of the body, whole. */
export async function wholeBody(number) {
  const bytes = await (await blob(`records/${number}/bytes`)).arrayBuffer();
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    toast('The body is no text: download it', true);
    return null;
  }
}
