// Elements, made without any text being parsed as markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'text') element.textContent = value;
    else if (name in element && !name.includes('-') && element.namespaceURI !== SVG && name !== 'role') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An HTML element. */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** An SVG element. */
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

/** The element of that id. */
export const $ = (id) => document.getElementById(id);

/** A text whose parts in backticks are code. */
export const rich = (text) => text.split('`').map((part, index) => (index % 2 ? h('code', {}, part) : part));

/** A button with its key. */
export function button(label, onclick, props = {}) {
  const { key, ...rest } = props;
  return h('button', { type: 'button', onclick, ...rest }, label, key ? h('kbd', { 'aria-hidden': 'true' }, key) : null);
}

/** `3m` for a moment in the past, `in 4m` for one to come. */
export function ago(ms, now = Date.now()) {
  const seconds = Math.round(Math.abs(now - ms) / 1000);
  const steps = [[60, 1, 's'], [3600, 60, 'm'], [86400, 3600, 'h'], [7 * 86400, 86400, 'd']];
  const step = steps.find(([limit]) => seconds < limit);
  if (!step) return new Date(ms).toISOString().slice(0, 10);
  const text = `${Math.floor(seconds / step[1])}${step[2]}`;
  if (ms > now + 500) return `in ${text}`;
  return seconds < 1 ? 'now' : text;
}

/** The whole local time. */
export const absolute = (ms) => {
  const at = new Date(ms);
  const pad = (n, width = 2) => String(n).padStart(width, '0');
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}.${pad(at.getMilliseconds(), 3)}`;
};

/** A relative time with the absolute one on hover, which `refresh` keeps right. */
export function time(ms) {
  return h('time', { dateTime: new Date(ms).toISOString(), title: absolute(ms), 'data-ms': String(ms) }, ago(ms));
}

/** Brings relative times up to date. */
export function refresh() {
  const now = Date.now();
  for (const element of document.querySelectorAll('time[data-ms]')) {
    const text = ago(Number(element.dataset.ms), now);
    if (element.textContent !== text) element.textContent = text;
  }
}

/** A line that goes by itself. */
export function toast(text, bad = false) {
  const line = h('p', { className: bad ? 'toast bad' : 'toast' }, text);
  $('toasts').append(line);
  while ($('toasts').childElementCount > 4) $('toasts').firstChild.remove();
  setTimeout(() => line.remove(), bad ? 12000 : 6000);
}

/** Puts a text into the clipboard. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast('The browser did not allow the clipboard', true);
  }
}
