// Requests to this server. Cookie and key together let them in.

const NAME = 'hook.key';
const channel = new BroadcastChannel('hook');
let key = null;

/** A request that was answered with an error. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body.error || `status ${status}`);
    this.status = status;
    this.hints = body.hints || [];
  }
}

/** Messages between the tabs of this page. */
export const bus = {
  send: (message) => channel.postMessage(message),
  listen: (heard) => channel.addEventListener('message', (event) => heard(event.data)),
};

// A new tab has no storage of its own: one that is open gives it the key. Only pages of this origin can hear it.
bus.listen((message) => {
  if (message.ask === 'key' && key) bus.send({ key });
});

function keyOfAnotherTab() {
  return new Promise((resolve) => {
    const heard = (event) => event.data.key && done(event.data.key);
    const done = (found) => {
      channel.removeEventListener('message', heard);
      resolve(found);
    };
    channel.addEventListener('message', heard);
    bus.send({ ask: 'key' });
    setTimeout(() => done(null), 250);
  });
}

/** Whether this tab may use the server. A token in the URL is exchanged and taken out of it. */
export async function enter() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token) {
    history.replaceState(null, '', location.pathname + location.search);
    const reply = await fetch('/api/session', { method: 'POST', body: token });
    if (reply.ok) {
      key = (await reply.json()).key;
      sessionStorage.setItem(NAME, key);
      return true;
    }
  }
  key = sessionStorage.getItem(NAME) || (await keyOfAnotherTab());
  if (key) sessionStorage.setItem(NAME, key);
  return Boolean(key);
}

/** The headers that every request needs. */
export const headers = (more = {}) => ({ 'x-hook-key': key || '', ...more });

async function call(method, path, body) {
  const reply = await fetch(`/api/${path}`, {
    method,
    headers: headers(body === undefined ? {} : { 'content-type': 'application/json' }),
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!reply.ok) throw new ApiError(reply.status, await reply.json().catch(() => ({})));
  return reply;
}

export const get = async (path) => (await call('GET', path)).json();
export const blob = async (path) => (await call('GET', path)).blob();
export const post = async (path, body = {}) => (await call('POST', path, body)).json();
export const remove = async (path) => (await call('DELETE', path)).json();

/** A path with its query; empty values are left out. */
export function query(path, values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const text = new URLSearchParams(given).toString();
  return text ? `${path}?${text}` : path;
}
