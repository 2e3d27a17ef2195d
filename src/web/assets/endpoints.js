// The endpoints of the book.

import { get, post } from './api.js';
import { button, h, toast } from './dom.js';
import { confirm, open } from './dialogs.js';

/** Shows the endpoints, with what can be done to them. */
export async function show(on, tables) {
  const box = h('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Endpoints' });
  const draw = async () => {
    const found = await get('endpoints');
    box.replaceChildren(found.length ? table(found, act) : h('p', { className: 'dim' }, 'There are no endpoints. ', h('code', {}, tables.no_endpoints), ' makes one.'));
  };
  const act = async (endpoint, action) => {
    if (action === 'rotate' && !(await confirm('New secret', `${endpoint.name} gets a new secret, which is written to a private file. The old one verifies for 24h.`, 'Make a new secret'))) return;
    try {
      on.done(await post(`endpoints/${encodeURIComponent(endpoint.name)}/${action}`));
      await draw();
    } catch (error) {
      toast([error.message, ...(error.hints || [])].join('; '), true);
    }
  };
  await draw();
  return open('Endpoints', () => box, { wide: true });
}

function table(found, act) {
  return h('table', { className: 'endpoints' },
    h('thead', {}, h('tr', {}, ['Name', 'Provider', 'URL', 'Events', 'Health', 'Actions'].map((text) => h('th', { scope: 'col' }, text)))),
    h('tbody', {}, found.map((endpoint) => h('tr', {},
      h('th', { scope: 'row' }, endpoint.name), h('td', {}, endpoint.provider), h('td', { className: 'url' }, endpoint.url),
      h('td', {}, events(endpoint.events)), h('td', {}, health(endpoint)),
      h('td', { className: 'acts' },
        button('Test', () => act(endpoint, 'test')),
        button('Rotate', () => act(endpoint, 'rotate')),
        endpoint.paused ? button('Resume', () => act(endpoint, 'resume')) : button('Pause', () => act(endpoint, 'pause')),
        endpoint.active ? button('Disable', () => act(endpoint, 'disable')) : button('Enable', () => act(endpoint, 'enable')))))));
}

const events = (given) => (Array.isArray(given) ? given.join(', ') : String(given));

function health(endpoint) {
  if (endpoint.disabled) return h('span', { className: 'word bad', title: endpoint.disabled.detail }, `disabled: ${endpoint.disabled.detail}`);
  if (endpoint.paused) return h('span', { className: 'word caution' }, 'paused');
  if (endpoint.failed_deliveries) return h('span', { className: 'word caution' }, `${endpoint.failed_deliveries} failed in a row`);
  return h('span', { className: 'word good' }, 'active');
}
