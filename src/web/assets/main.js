// The page: header, filter, list and record, put together.

import { ApiError, enter, get, post, query } from './api.js';
import { $, button, copy, h, refresh, rich } from './dom.js';
import * as actions from './actions.js';
import * as charts from './charts.js';
import * as detail from './detail.js';
import * as dialogs from './dialogs.js';
import * as endpoints from './endpoints.js';
import * as keys from './keys.js';
import * as list from './list.js';
import * as live from './live.js';

let tables;
let status = { listener: null };
let counters = null;
let connection = 'loading';
let ledger = 'ready';
/** Why the filter cannot be used. */
let wrong = '';

const isWide = () => matchMedia('(min-width: 62rem)').matches;

function locked() {
  banner('Open the URL that hook printed in the terminal: this tab has no token.');
  $('empty').hidden = false;
  $('empty').replaceChildren(h('p', {}, 'Start ', h('code', {}, 'hook ui'), ' and open the URL that it prints.'));
}

function banner(text) {
  $('banner').hidden = !text;
  $('banner').textContent = text || '';
}

function fail(error) {
  if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
    connection = 'denied';
    state();
    return;
  }
  if (error instanceof TypeError) return; // The server is away: the stream says so.
  actions.failed(error);
}

const guarded = (work) => (...given) => Promise.resolve().then(() => work(...given)).catch(fail);

/* Header */

function facts() {
  const known = status.listener;
  const item = (label, value, copied) => value && h('span', { className: 'fact' }, h('span', { className: 'dim' }, `${label} `), value,
    copied ? button('copy', () => copy(copied, label), { className: 'quiet', 'aria-label': `Copy ${label}` }) : null);
  const rate = counters?.failing;
  const health = counters && counters.delivered + counters.failed > 0
    ? h('span', { className: `word ${rate > 20 ? 'bad' : rate > 0 ? 'caution' : 'good'}` }, rate > 0 ? `${rate}% failing` : 'healthy') : null;
  const latency = counters && counters.p50_ms !== null ? `p50 ${ms(counters.p50_ms)}, p99 ${ms(counters.p99_ms)}` : null;
  $('facts').replaceChildren(...[
    h('span', { className: 'fact', id: 'connection' }, h('span', { className: `state ${connection}`, 'aria-hidden': 'true' }), connectionText()),
    known ? item('listens on', known.url || 'not ready', known.url) : null,
    known ? item('public', known.public_url, known.public_url) : null,
    known ? item('provider', known.providers.join(', ') || 'recognised by its headers') : null,
    known ? item('secret', known.secrets.join(', ') || 'none: nothing is verified') : null,
    known ? item('forwards to', known.target) : null,
    health ? h('span', { className: 'fact' }, h('span', { className: 'dim' }, known?.target ? 'target ' : 'deliveries '), health, latency ? ` ${latency}` : '') : null,
    counters?.paused ? h('span', { className: 'fact word bad', id: 'paused' }, 'PAUSED') : null,
    known ? null : item('ledger', status.ledger),
  ].filter(Boolean));
}

const ms = (value) => (value < 10 ? `${value.toFixed(1)} ms` : value < 10000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`);

const connectionText = () => ({ live: 'live', offline: 'disconnected, trying again', denied: 'not allowed', busy: 'too many pages', loading: 'connecting' }[connection]);

const COUNTED = [
  ['received', 'received', ''], ['verified', 'verified', 'good'], ['token_only', 'token only', 'good'], ['refused', 'refused', 'bad'],
  ['duplicates', 'duplicate', 'caution'], ['delivered', 'delivered', 'good'], ['failed', 'failed', 'bad'], ['waiting', 'waiting', 'caution'], ['parked', 'parked', 'caution'],
];

function count() {
  if (!counters) return;
  $('counters').replaceChildren(...COUNTED.map(([key, label, tone]) => h('div', { className: counters[key] ? tone : 'zero' },
    h('dt', {}, label), h('dd', { id: `count-${key}` }, counters[key].toLocaleString('en')))));
  countdown();
}

/** When the next attempt is due, second by second. */
function countdown() {
  const box = $('count-waiting');
  if (!box || !counters) return;
  const due = counters.next_due ? Date.parse(counters.next_due) - Date.now() : null;
  const left = due === null ? '' : due <= 0 ? ', now' : `, next in ${due < 60000 ? `${Math.ceil(due / 1000)}s` : `${Math.ceil(due / 60000)}m`}`;
  box.textContent = `${counters.waiting.toLocaleString('en')}${left}`;
}

/* Bar */

function bar() {
  const listener = Boolean(status.listener);
  const paused = counters?.paused;
  $('tools').replaceChildren(...[
    button('Follow', () => run('follow'), { key: 'f', 'aria-pressed': String(list.following()), id: 'follow' }),
    button('Sample', () => run('sample'), { key: 's' }),
    button(paused ? 'Resume' : 'Pause', () => run('pause'), { key: 'p', 'aria-pressed': String(Boolean(paused)), title: 'Deliveries to endpoints, of every process' }),
    button('Resume interrupted', () => run('resume'), { key: 'u' }),
    button('Endpoints', () => run('endpoints'), { key: 'E' }),
    button('Charts', () => run('charts'), { key: 'C' }),
    button('Keys', () => run('help'), { key: '?' }),
    listener ? null : h('button', { type: 'button', disabled: true, title: 'hook listen --ui' }, 'Not listening: ', h('code', {}, 'hook listen --ui'))].filter(Boolean));
}

function hidden() {
  const count = list.hidden();
  const text = list.filter() && !wrong ? `${count.toLocaleString('en')} hidden${list.unfinished() ? ', more to search' : ''}` : '';
  if ($('hidden').textContent !== text) $('hidden').textContent = text;
}

function empty() {
  const none = list.size() === 0 && !list.unfinished();
  $('empty').hidden = !none;
  if (!none) return;
  $('empty').replaceChildren(list.filter()
    ? h('div', {}, h('p', {}, wrong ? rich(wrong) : 'No record matches this filter.'), button('Show all', () => applyFilter(''), { key: 'Esc' }))
    : h('div', {}, h('p', {}, ledger === 'missing' || ledger === 'ready' ? 'Nothing was recorded yet.' : ledger),
      h('ul', {}, tables.empty.map((hint) => h('li', {}, `${hint.what}: `, h('code', {}, hint.command), button('copy', () => copy(hint.command, 'Command'), { className: 'quiet' }))))));
}

/** Filter, record and tab as they are kept in the URL. */
function keepUrl() {
  const open = detail.current();
  const url = query('/', { q: list.filter(), record: open?.number, tab: open ? detail.currentTab() : null });
  if (url !== location.pathname + location.search) history.replaceState(null, '', url);
  document.title = open ? `#${open.number} ${open.title} · hook` : 'hook';
}

/** Lists what matches; a filter that cannot be read matches nothing, and says why. */
async function filterBy(text) {
  wrong = '';
  try {
    await list.load(text.trim());
  } catch (error) {
    if (error.status !== 422) throw error;
    wrong = [error.message, ...error.hints].join('; ');
    list.none(text.trim());
  }
}

const applyFilter = guarded(async (text) => {
  $('filter').value = text;
  await filterBy(text);
  changed();
});

function changed() {
  hidden();
  empty();
  const follow = $('follow');
  if (follow) follow.setAttribute('aria-pressed', String(list.following()));
  keepUrl();
}

/* Commands */

const show = guarded(async (number, tab) => {
  if (number !== null) await detail.show(number, tab);
});

let later = null;

/** A record that is selected is shown where there is room, but not each one that is passed. */
function selected(number) {
  if (!detail.isOpen() || number === null) return;
  clearTimeout(later);
  later = setTimeout(() => detail.isOpen() && show(number), 60);
}

const commands = {
  down: () => list.move(1),
  up: () => list.move(-1),
  'page-down': () => list.move(list.pageRows()),
  'page-up': () => list.move(-list.pageRows()),
  first: () => list.move(-Infinity),
  last: () => list.move(Infinity),
  open: () => { list.setFollowing(false); return show(list.selected()); },
  close: () => {
    if (detail.isOpen()) detail.close();
    else if (list.filter()) applyFilter('');
    $('list').focus({ preventScroll: true });
  },
  'next-tab': () => detail.turn(1),
  'previous-tab': () => detail.turn(-1),
  filter: () => { $('filter').focus(); $('filter').select(); },
  'next-match': () => list.like(1),
  'previous-match': () => list.like(-1),
  follow: () => list.setFollowing(!list.following()),
  'body-form': () => detail.nextForm(),
  pause: async () => { actions.done(await post('pause', { paused: !counters?.paused })); counters = await get('counters'); count(); bar(); facts(); },
  endpoints: () => endpoints.show(actions, tables),
  charts: () => charts.show(),
  help: () => dialogs.help(tables),
  quit: () => {},
};

const run = guarded(async (command) => {
  const tab = /^tab-(\d)$/.exec(command);
  const number = list.selected() ?? detail.current()?.number ?? null;
  if (tab) {
    const name = tables.tabs[Number(tab[1]) - 1].key;
    if (detail.current()) detail.turn(name);
    else if (number !== null) await show(number, name);
  } else if (actions.onRecord[command]) {
    if (number !== null) await actions.onRecord[command](number);
  } else {
    await (commands[command] || actions.general[command])();
  }
});

/* Live */

let waiting = null;
let busy = false;

/** Changes are gathered while one is being shown. */
async function catchUp() {
  if (busy) return;
  busy = true;
  while (waiting) {
    const change = waiting;
    waiting = null;
    await guarded(async () => {
      await list.update(change);
      const open = detail.current();
      if (open && (change.reset || change.changed.includes(open.number))) await detail.show(open.number);
      changed();
    })();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  busy = false;
}

function state() {
  facts();
  const gone = ledger === 'missing' && list.size() > 0 ? 'The ledger is gone: what is shown is no longer recorded.' : '';
  const stored = ['ready', 'missing', ''].includes(ledger) ? gone : `The ledger fails: ${ledger}`;
  banner({ denied: 'This tab is no longer allowed: open the URL that hook printed.', offline: 'Disconnected. The page goes on by itself once hook runs again.', busy: 'Too many pages of hook are open for this one to be live: close some.' }[connection] || stored);
}

function heard(type, data) {
  if (type === 'change') {
    if (data.ledger !== undefined) ledger = data.ledger;
    const newest = Math.max(data.newest ?? 0, waiting?.newest ?? 0);
    waiting = { newest: data.newest === undefined ? Infinity : newest, changed: [...(waiting?.changed || []), ...data.changed].slice(-200), reset: Boolean(data.reset || waiting?.reset) };
    catchUp();
    state();
  } else if (type === 'counters') {
    const wasPaused = counters?.paused;
    counters = data;
    count();
    facts();
    if (wasPaused !== counters.paused) bar();
  } else if (type === 'state') {
    const before = connection;
    connection = data;
    state();
    if (data === 'live' && ['offline', 'busy'].includes(before)) get('status').then((found) => { status = found; facts(); bar(); }).catch(() => {});
  }
}

async function start() {
  if (!(await enter())) {
    locked();
    return;
  }
  const asked = new URLSearchParams(location.search);
  [tables, status] = await Promise.all([get('tables'), get('status')]);
  detail.setup(tables, { act: run, changed, failed: fail, go: (number) => { list.pick(number); show(number); } });
  list.setup(tables.columns, { select: selected, open: (number) => show(number), changed, failed: fail });
  keys.setup(tables.keys, run, (event) => dialogs.isOpen() || event.target.closest('input, textarea, select, [role=tablist]'));
  facts();
  bar();
  $('filter').value = asked.get('q') || '';
  // The first page is on the screen before the stream is opened.
  await filterBy($('filter').value);
  const number = Number(asked.get('record'));
  if (number) {
    list.pick(number);
    await show(number, asked.get('tab') || 'summary');
  } else if (isWide() && list.selected() !== null) {
    await show(list.selected(), asked.get('tab') || 'summary');
  }
  changed();
  $('filter').addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      event.preventDefault();
      if ($('filter').value) applyFilter('');
      $('list').focus();
    }
  });
  $('bar').addEventListener('submit', (event) => {
    event.preventDefault();
    applyFilter($('filter').value).then(() => $('list').focus());
  });
  $('filter').addEventListener('search', () => { if (!$('filter').value && list.filter()) applyFilter(''); });
  setInterval(() => { if (!document.hidden) { refresh(); countdown(); } }, 1000);
  $('list').focus({ preventScroll: true });
  live.connect(heard);
}

start().catch(fail);
