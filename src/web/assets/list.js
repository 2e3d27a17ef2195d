// The list of records. Only rows on the screen are in the document. Without a filter a place in the list is a number of a
// record; with one, pages follow each other.

import { get, query } from './api.js';
import { $, absolute, ago, h } from './dom.js';

const CHUNK = 200;
const SPARE = 8;
const KEPT = 6000;
// Beyond that browsers lose the precision of positions.
const MOST = 900000;

const state = {
  columns: [],
  filter: '',
  newest: 0,
  oldest: 0,
  /** By number; `null` for one that is not there. */
  known: new Map(),
  /** With a filter: what was found so far. */
  found: [],
  next: null,
  hidden: 0,
  selected: null,
  following: true,
  marks: [],
  loading: false,
  height: 34,
  room: 0,
  /** Counts what the user did to the selection. */
  moves: 0,
  rowCount: -1,
};
const shown = new Map();
let rows;
let on;

/** Sets up the list. `callbacks`: `select(number)`, `open(number)`, `changed()`. */
export function setup(columns, callbacks) {
  state.columns = columns;
  on = callbacks;
  const head = h('div', { className: 'row head', role: 'row' },
    columns.map((column) => h('div', { className: `cell c-${column.key}`, role: 'columnheader' },
      column.title || h('span', { className: 'sr' }, 'direction'))));
  rows = h('div', { className: 'rows', role: 'rowgroup' });
  $('list').append(h('div', { role: 'rowgroup', className: 'headgroup' }, head), rows);
  let asked = false;
  $('list').addEventListener('scroll', () => {
    if (!asked) requestAnimationFrame(() => { asked = false; draw(); });
    asked = true;
  }, { passive: true });
  new ResizeObserver(() => {
    measure();
    const at = indexOf(state.selected);
    // The selected row stays on the screen when the pane beside it opens.
    if (!state.following && at >= 0 && at < count()) reveal(at);
    requestAnimationFrame(draw);
  }).observe($('list'));
  measure();
  rows.addEventListener('click', (event) => {
    const row = event.target.closest('[data-number]');
    if (row) pick(Number(row.dataset.number), true);
  });
}

const filtered = () => state.filter !== '';
const count = () => {
  if (filtered()) return state.found.length;
  return state.newest ? Math.min(state.newest - state.oldest + 1, MOST) : 0;
};
const numberAt = (index) => (filtered() ? state.found[index]?.number : state.newest - index);
const indexOf = (number) => (filtered() ? state.found.findIndex((row) => row.number === number) : state.newest - number);
const rowAt = (index) => (filtered() ? state.found[index] : state.known.get(numberAt(index)));

export const selected = () => state.selected;
export const row = (number) => state.known.get(number) || state.found.find((found) => found.number === number);
export const filter = () => state.filter;
export const hidden = () => state.hidden;
export const following = () => state.following;
export const marks = () => state.marks;
export const size = count;

/** Shows the records that match, from the newest; with `keep` the selection and the place stay. */
export async function load(text, keep = false) {
  const moves = state.moves;
  const page = await get(query('records', { q: text, limit: CHUNK }));
  state.filter = text;
  state.known.clear();
  take(page);
  state.found = page.records;
  state.next = page.next ?? null;
  state.hidden = page.hidden || 0;
  fillGaps(page, Infinity);
  // The user may have moved while the page was on its way.
  if (!keep && moves === state.moves) {
    $('list').scrollTop = 0;
    state.following = true;
  }
  follow();
  redraw();
  // A search may end before it has found anything.
  if (filtered() && state.found.length < 20) await more();
  return page;
}

/** Shows nothing, for a filter that cannot be used. */
export function none(text) {
  Object.assign(state, { filter: text, found: [], next: null, hidden: 0, selected: null });
  redraw();
}

function take(page) {
  state.newest = page.newest;
  state.oldest = page.oldest;
  for (const record of page.records) state.known.set(record.number, record);
}

/** Numbers between the rows of a page belong to records that are gone. */
function fillGaps(page, before) {
  if (filtered()) return;
  const last = page.next ?? page.oldest;
  for (let number = Math.min(before - 1, page.newest); number >= last && number > 0; number -= 1) {
    if (!state.known.has(number)) state.known.set(number, null);
  }
}

/** Brings the list up to date after a change. */
export async function update(change) {
  const newest = filtered() ? (state.found[0]?.number ?? 0) : state.newest;
  if (change.reset || change.newest < state.newest || state.newest === 0) return load(state.filter, !state.following);
  const page = await get(query('records', { q: state.filter, after: newest, limit: CHUNK }));
  const grown = page.newest - state.newest;
  const more = page.records.filter((record) => record.number > newest);
  if (filtered() && page.next && more.length >= CHUNK) return load(state.filter, !state.following);
  take(page);
  if (filtered()) {
    state.found.unshift(...more);
    state.hidden += page.hidden || 0;
  }
  if ((change.changed || []).length) await again(change.changed);
  const added = filtered() ? more.length : grown;
  const keep = !state.following || $('list').scrollTop > state.height;
  follow();
  if (keep && added > 0 && !state.following) $('list').scrollTop += added * state.height;
  redraw();
  return page;
}

/** Reads rows again that have changed. */
async function again(numbers) {
  const seen = numbers.filter((number) => state.known.has(number)).slice(0, 20);
  for (const number of seen) {
    const page = await get(query('records', { before: number + 1, after: number - 1, limit: 1 }));
    const record = page.records[0] ?? null;
    state.known.set(number, record);
    const at = state.found.findIndex((found) => found.number === number);
    if (at >= 0 && record) state.found[at] = record;
    else if (at >= 0) state.found.splice(at, 1);
  }
}

function follow() {
  if (state.following || state.selected === null) select(numberAt(0) ?? null);
  on.changed();
}

/** Follows the newest record, or stops. */
export function setFollowing(following) {
  state.moves += 1;
  state.following = following;
  if (following) {
    $('list').scrollTop = 0;
    follow();
  }
  redraw();
  on.changed();
}

/** Moves the selection by so many rows. */
export function move(by) {
  const last = count() - 1;
  if (last < 0) return;
  state.moves += 1;
  let at = Math.max(0, indexOf(state.selected));
  const step = Math.sign(by);
  at = Math.max(0, Math.min(last, by === Infinity ? last : by === -Infinity ? 0 : at + by));
  // A record that is gone cannot be selected.
  while (rowAt(at) === null && at + step >= 0 && at + step <= last && step) at += step;
  state.following = at === 0 && (state.following || by === -Infinity);
  select(numberAt(at));
  reveal(at);
  redraw();
  on.changed();
}

/** The next row with the verdict of the selected one. */
export function like(step) {
  const verdict = row(state.selected)?.verdict;
  for (let at = indexOf(state.selected) + step; at >= 0 && at < count(); at += step) {
    const found = rowAt(at);
    if (found === undefined) return;
    if (found && found.verdict === verdict) return move(at - indexOf(state.selected));
  }
}

function reveal(index) {
  const list = $('list');
  const top = index * state.height;
  const room = list.clientHeight - state.height * 3;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top > list.scrollTop + room) list.scrollTop = top - room;
}

/** Selects a record, as a click does. */
export function pick(number, open = false) {
  state.moves += 1;
  state.following = false;
  select(number);
  const at = indexOf(number);
  if (at >= 0 && at < count()) reveal(at);
  redraw();
  on.changed();
  if (open) on.open(number);
}

function select(number) {
  if (state.selected === number) return;
  state.selected = number;
  on.select(number);
}

/** Marks a record for a comparison, at most two of them, or no longer. Returns whether it is marked. */
export function mark(number) {
  state.marks = state.marks.includes(number)
    ? state.marks.filter((marked) => marked !== number)
    : [...state.marks, number].slice(-2);
  redraw();
  return state.marks.includes(number);
}

export const pageRows = () => Math.max(1, Math.floor($('list').clientHeight / state.height) - 2);

/** Draws every row again. */
export function redraw() {
  for (const [index, line] of shown) paint(line, index);
  draw();
}

function measure() {
  state.height = parseFloat(getComputedStyle($('list')).getPropertyValue('--row')) || 34;
  state.room = $('list').clientHeight;
}

function draw() {
  const list = $('list');
  const all = count();
  rows.style.height = `${all * state.height}px`;
  if (state.rowCount !== all) list.setAttribute('aria-rowcount', String(all + 1));
  state.rowCount = all;
  const top = list.scrollTop;
  const first = Math.max(0, Math.floor(top / state.height) - SPARE);
  const last = Math.min(all - 1, Math.ceil((top + state.room) / state.height) + SPARE);
  const spare = [];
  for (const [index, line] of shown) {
    if (index < first || index > last) {
      spare.push(line);
      shown.delete(index);
    }
  }
  for (let index = first; index <= last; index += 1) {
    if (shown.has(index)) continue;
    // Rows that left the screen are written again: making new ones takes several times as long.
    const line = spare.pop() || blank();
    paint(line, index);
    shown.set(index, line);
  }
  for (const line of spare) line.element.remove();
  const at = indexOf(state.selected);
  const active = shown.has(at) ? `row-${state.selected}` : null;
  if (active) list.setAttribute('aria-activedescendant', active);
  else list.removeAttribute('aria-activedescendant');
  fetchMissing(first, last);
}

/** A row without content. */
function blank() {
  const cells = {};
  const element = h('div', { className: 'row', role: 'row' }, state.columns.map((column) => {
    cells[column.key] = h('div', { className: `cell c-${column.key}`, role: 'gridcell' });
    return cells[column.key];
  }));
  cells.at.append(h('time', {}));
  rows.append(element);
  return { element, cells };
}

function paint({ element, cells }, index) {
  const number = numberAt(index);
  const record = rowAt(index);
  const is = number === state.selected;
  element.className = `row${is ? ' selected' : ''}${state.marks.includes(number) ? ' marked' : ''}${record ? '' : ' gone'}`;
  element.id = `row-${number}`;
  element.setAttribute('aria-rowindex', String(index + 2));
  element.setAttribute('aria-selected', String(is));
  element.style.transform = `translateY(${index * state.height}px)`;
  if (record) element.dataset.number = String(number);
  else delete element.dataset.number;
  const text = (cell, value) => { if (cell.textContent !== value) cell.textContent = value; };
  for (const { key } of state.columns) {
    const cell = cells[key];
    if (key === 'number') text(cell, `#${number}`);
    else if (key === 'at') stamp(cell.firstChild, record);
    else if (!record) text(cell, key === 'event' ? (record === null ? 'no longer recorded' : '…') : '');
    else if (key === 'direction') {
      const sent = record.kind === 'delivery';
      text(cell, sent ? '→' : '←');
      cell.setAttribute('aria-label', sent ? 'sent' : 'received');
    } else if (key === 'event') {
      text(cell, `${record.event || record.target}${record.duplicate_of ? `  duplicate of #${record.duplicate_of}` : ''}`);
      cell.title = `${record.event} ${record.target}`.trim();
    } else if (key === 'verdict') {
      text(cell, record.verdict);
      cell.className = `cell c-verdict word ${record.tone}`;
      cell.title = record.reason;
    } else if (key === 'status') text(cell, record.status === null ? record.unanswered || (record.kind === 'capture' ? 'app' : '–') : String(record.status));
    else text(cell, String((key === 'took' ? record.took_text : record[key]) ?? ''));
  }
}

function stamp(element, record) {
  if (!record) {
    element.textContent = '';
    delete element.dataset.ms;
    return;
  }
  const ms = String(record.at_ms);
  if (element.dataset.ms === ms) return;
  element.dataset.ms = ms;
  element.title = absolute(record.at_ms);
  element.textContent = ago(record.at_ms);
}

let timer = null;

function fetchMissing(first, last) {
  if (filtered()) {
    if (state.next && last >= state.found.length - SPARE) more().catch(on.failed);
    return;
  }
  let wanted = null;
  for (let index = first; index <= last; index += 1) {
    if (!state.known.has(numberAt(index))) { wanted = numberAt(index); break; }
  }
  if (wanted === null || timer) return;
  // Rows that fly by are not asked for.
  timer = setTimeout(() => {
    timer = null;
    chunk(wanted).catch(on.failed);
  }, 60);
}

async function chunk(number) {
  if (state.loading) return;
  state.loading = true;
  const filterThen = state.filter;
  try {
    const before = Math.min(state.newest, number + SPARE) + 1;
    const page = await get(query('records', { before, limit: CHUNK }));
    if (filterThen !== state.filter) return;
    const oldest = page.next ?? page.oldest;
    for (const record of page.records) state.known.set(record.number, record);
    for (let gap = before - 1; gap >= oldest && gap > 0; gap -= 1) if (!state.known.has(gap)) state.known.set(gap, null);
    if (state.known.size > KEPT) {
      for (const known of state.known.keys()) if (Math.abs(known - number) > KEPT / 3) state.known.delete(known);
    }
  } finally {
    state.loading = false;
  }
  redraw();
}

async function more() {
  if (state.loading || !state.next) return;
  state.loading = true;
  const filterThen = state.filter;
  try {
    // A few steps at once: a search may find nothing for a while.
    for (let step = 0; step < 5 && state.next; step += 1) {
      const page = await get(query('records', { q: state.filter, before: state.next, limit: CHUNK }));
      if (filterThen !== state.filter) return;
      for (const record of page.records) state.known.set(record.number, record);
      state.found.push(...page.records);
      state.next = page.next ?? null;
      state.hidden += page.hidden || 0;
      if (page.records.length) break;
    }
  } finally {
    state.loading = false;
  }
  if (state.selected === null) follow();
  on.changed();
  redraw();
}

/** Whether a search has not read everything yet. */
export const unfinished = () => Boolean(state.next);
