// One stream of events for all tabs of a browser: the tab that holds the lock reads it and passes everything on. A hidden tab
// gives the lock away.

import { bus, headers } from './api.js';

const LOCK = 'hook-events';
let lastId = '';
let handlers = null;
let release = null;
const kept = {};

function receive(type, data, id) {
  if (id) lastId = id;
  if (type === 'counters' || type === 'state') kept[type] = data;
  handlers(type, data);
}

function publish(type, data, id) {
  receive(type, data, id);
  bus.send({ type, data, id });
}

/** Calls `on(type, data)` with `change`, `counters` and `state` (`live`, `offline`, `denied`). */
export function connect(on) {
  handlers = on;
  bus.listen((message) => {
    if (message.type) receive(message.type, message.data, message.id);
    // The tab that reads the stream sends the current state to a new one.
    if (message.ask === 'state' && release) {
      for (const [type, data] of Object.entries(kept)) bus.send({ type, data, id: lastId });
    }
  });
  document.addEventListener('visibilitychange', follow);
  follow();
}

function follow() {
  if (document.hidden) {
    if (release) release();
    return;
  }
  // What came while this tab was hidden, or before it was there.
  bus.send({ ask: 'state' });
  handlers('change', { reset: true, changed: [] });
  navigator.locks.request(LOCK, { ifAvailable: false }, lead).catch(() => {});
}

async function lead() {
  if (document.hidden) return;
  const stop = new AbortController();
  release = () => stop.abort();
  let wait = 250;
  while (!stop.signal.aborted) {
    try {
      const reply = await fetch('/api/events', {
        headers: headers(lastId ? { 'last-event-id': lastId } : {}),
        signal: stop.signal,
      });
      if (reply.status === 401 || reply.status === 403) {
        publish('state', 'denied');
      } else if (reply.status === 503) {
        publish('state', 'busy');
      } else if (reply.ok) {
        publish('state', 'live');
        wait = 250;
        await read(reply.body.getReader());
      }
    } catch {
      // The server is gone, or this tab is hidden.
    }
    if (stop.signal.aborted) break;
    if (!['denied', 'busy'].includes(kept.state)) publish('state', 'offline');
    await new Promise((resolve) => {
      setTimeout(resolve, wait);
      stop.signal.addEventListener('abort', resolve);
    });
    wait = Math.min(wait * 2, 4000);
  }
  release = null;
}

async function read(reader) {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const fields = {};
      for (const line of block.split('\n')) {
        const colon = line.indexOf(': ');
        if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
      }
      if (fields.event && fields.data) publish(fields.event, JSON.parse(fields.data), fields.id);
    }
  }
}
