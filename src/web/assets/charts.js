// Requests a minute by verdict, and how long attempts took.

import { get } from './api.js';
import { h, s } from './dom.js';
import { open } from './dialogs.js';

const WIDTH = 640;
const HEIGHT = 160;
const LEFT = 44;
const BOTTOM = 20;
const KINDS = ['verified', 'token-only', 'refused', 'unsigned', 'unchecked'];

const clock = (at) => new Date(at).toTimeString().slice(0, 5);

function frame(label, most, unit, minutes, marks) {
  const scale = [0, 0.5, 1].map((share) => {
    const y = HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - 10);
    const value = most * share;
    return [s('line', { x1: LEFT, x2: WIDTH, y1: y, y2: y, class: 'axis' }),
      s('text', { x: LEFT - 6, y: y + 4, 'text-anchor': 'end' }, `${value >= 10 ? Math.round(value) : Number(value.toFixed(1))}${unit}`)];
  });
  const ends = [minutes[0], minutes[minutes.length - 1]];
  return s('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'chart', role: 'img', 'aria-label': label },
    scale, marks,
    s('text', { x: LEFT, y: HEIGHT - 4 }, clock(ends[0].at)),
    s('text', { x: WIDTH, y: HEIGHT - 4, 'text-anchor': 'end' }, clock(ends[1].at)));
}

function bars(minutes) {
  const total = (minute) => Object.values(minute.received).reduce((sum, count) => sum + count, 0);
  const most = Math.max(1, ...minutes.map(total));
  const first = Date.parse(minutes[0].at);
  const steps = Math.max(1, (Date.parse(minutes[minutes.length - 1].at) - first) / 60000 + 1);
  const step = (WIDTH - LEFT) / steps;
  const marks = minutes.map((minute) => {
    let y = HEIGHT - BOTTOM;
    const x = LEFT + ((Date.parse(minute.at) - first) / 60000) * step;
    return KINDS.filter((kind) => minute.received[kind]).map((kind) => {
      const height = (minute.received[kind] / most) * (HEIGHT - BOTTOM - 10);
      y -= height;
      return s('rect', { x: x + 0.5, y, width: Math.max(1, step - 1), height, class: `v-${kind}` },
        s('title', {}, `${clock(minute.at)}: ${minute.received[kind]} ${kind}`));
    });
  });
  const sum = minutes.reduce((all, minute) => all + total(minute), 0);
  return frame(`${sum} requests in ${minutes.length} minutes, at most ${most} a minute`, most, '', minutes, marks);
}

function lines(minutes) {
  const timed = minutes.filter((minute) => minute.p50_ms !== null);
  if (!timed.length) return h('p', { className: 'dim' }, 'No attempts yet.');
  const most = Math.max(1, ...timed.map((minute) => minute.p99_ms));
  const first = Date.parse(minutes[0].at);
  const span = Math.max(60000, Date.parse(minutes[minutes.length - 1].at) - first);
  const place = (minute, value) => [LEFT + ((Date.parse(minute.at) - first) / span) * (WIDTH - LEFT - 6) + 3,
    HEIGHT - BOTTOM - (value / most) * (HEIGHT - BOTTOM - 10)];
  const marks = ['p50_ms', 'p99_ms'].map((key) => [
    s('polyline', { points: timed.map((minute) => place(minute, minute[key]).join(',')).join(' '), class: key.slice(0, 3) }),
    timed.map((minute) => {
      const [cx, cy] = place(minute, minute[key]);
      return s('circle', { cx, cy, r: 3, class: key.slice(0, 3) }, s('title', {}, `${clock(minute.at)}: ${minute[key]} ms`));
    })]);
  return frame(`Latency of attempts: at most ${Math.round(most)} ms`, most, ' ms', minutes, marks);
}

/** Shows the last hour of the ledger. */
export async function show() {
  const minutes = await get('charts');
  const legend = (names) => h('p', { className: 'legend' }, names.map(([name, kind]) => h('span', {}, s('svg', { viewBox: '0 0 10 10', class: 'dot' }, s('rect', { width: 10, height: 10, class: kind })), name)));
  return open('Charts', () => (minutes.length ? h('div', {},
    h('h3', {}, 'Requests a minute'), legend(KINDS.map((kind) => [kind, `v-${kind}`])), bars(minutes),
    h('h3', {}, 'Latency of attempts'), legend([['half of them', 'p50-dot'], ['99 in 100', 'p99-dot']]), lines(minutes))
    : h('p', { className: 'dim' }, 'Nothing was recorded yet.')), { wide: true });
}
