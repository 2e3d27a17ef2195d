// What stands in front: keys, questions, forms, and two records beside each other.

import { get, query } from './api.js';
import { button, h, rich } from './dom.js';

/** Opens a dialog; resolves with what it was closed with. */
export function open(title, content, props = {}) {
  return new Promise((resolve) => {
    const dialog = h('dialog', { 'aria-label': title, className: props.wide ? 'wide' : '' },
      h('div', { className: 'title' }, h('h2', {}, title), button('Close', () => dialog.close(''), { className: 'quiet', key: 'Esc' })));
    dialog.append(content(dialog));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue || null);
    });
    dialog.addEventListener('click', (event) => event.target === dialog && dialog.close(''));
    document.body.append(dialog);
    dialog.showModal();
  });
}

export const isOpen = () => Boolean(document.querySelector('dialog[open]'));

/** The keys and the words of a filter. */
export function help(tables) {
  return open('Keys', () => h('div', { className: 'columns' },
    h('div', {}, h('h3', {}, 'Keys'), h('dl', { className: 'keys' }, tables.keys.filter((key) => !['quit', 'next-tab', 'previous-tab'].includes(key.command)).map((key) => [
      h('dt', {}, key.keys.map((name) => h('kbd', {}, name))), h('dd', {}, key.help)]))),
    h('div', {}, h('h3', {}, 'Filter'), h('dl', { className: 'keys' }, tables.filter.map((word) => [
      h('dt', {}, h('code', {}, word.word)), h('dd', {}, rich(word.help))]),
    h('dt', {}, h('code', {}, 'text')), h('dd', {}, 'Anything in headers, bodies and answers')))), { wide: true });
}

/** Whether the user says yes. */
export async function confirm(title, text, yes) {
  const answer = await open(title, (dialog) => h('div', {}, h('p', {}, text), h('p', { className: 'line' },
    button(yes, () => dialog.close('yes'), { className: 'danger', autofocus: true }), button('Cancel', () => dialog.close('')))));
  return answer === 'yes';
}

const field = (label, input) => h('label', { className: 'field' }, h('span', {}, label), input);

/** Asks for a target. */
export async function target(known, text) {
  const input = h('input', { name: 'to', value: known, autofocus: true, placeholder: 'localhost:3000/webhooks', spellcheck: false });
  return open('Target', (dialog) => h('form', { onsubmit: (event) => { event.preventDefault(); if (input.value.trim()) dialog.close(input.value.trim()); } },
    h('p', {}, text), field('URL, address or port', input), h('p', { className: 'line' }, h('button', { type: 'submit' }, 'Send'))));
}

/** A name and a value of each line; a line without a colon is an error. */
function headerLines(text) {
  return text.split('\n').filter((line) => line.trim()).map((line) => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`\`${line}\` is not a header: write \`name: value\``);
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
}

/** A form over a request. `send(body)` delivers it; what it refuses is shown in the form, and nothing is lost. */
export async function edit(record, target, send) {
  const form = record.edit;
  const shownHeaders = form.headers.map(([name, value]) => `${name}: ${value}`).join('\n');
  const inputs = {
    method: h('input', { name: 'method', value: form.method, size: 8, autofocus: true }),
    path: h('input', { name: 'path', value: form.path, spellcheck: false }),
    to: h('input', { name: 'to', value: target, spellcheck: false, placeholder: form.to || 'localhost:3000/webhooks' }),
    headers: h('textarea', { name: 'headers', rows: 6, spellcheck: false, value: shownHeaders }),
    body: h('textarea', { name: 'body', rows: 12, spellcheck: false, value: form.body ?? '', disabled: form.body === null }),
  };
  // A text field changes line ends: what was not edited is not sent, and stays as it is recorded.
  const [oldHeaders, oldBody] = [inputs.headers.value, inputs.body.value];
  const problem = h('p', { className: 'note bad', role: 'alert', hidden: true });
  const changed = () => ({
    method: inputs.method.value,
    path: inputs.path.value === form.path ? null : inputs.path.value,
    to: inputs.to.value || null,
    headers: inputs.headers.value === oldHeaders ? null : headerLines(inputs.headers.value),
    body: form.body === null || inputs.body.value === oldBody ? null : inputs.body.value,
  });
  await open(`Edit #${record.number} and replay`, (dialog) => h('form', {
    onsubmit: async (event) => {
      event.preventDefault();
      problem.hidden = true;
      try {
        await send(changed());
        dialog.close('sent');
      } catch (error) {
        problem.replaceChildren(...rich([error.message, ...(error.hints || [])].join('; ')));
        problem.hidden = false;
        problem.scrollIntoView({ block: 'nearest' });
      }
    },
  },
  h('div', { className: 'grid' }, field('Method', inputs.method), field('Path and query', inputs.path)),
  field('Target, if it is another one', inputs.to),
  field('Headers, one a line', inputs.headers),
  field(form.body === null ? 'Body (no text: it stays as it is)' : 'Body', inputs.body),
  h('p', { className: 'dim' }, 'Signature headers are made afresh. A masked value stays as it was recorded.'),
  problem,
  h('p', { className: 'line' }, h('button', { type: 'submit', className: 'main' }, 'Send, signed afresh'))), { wide: true });
}

/** A picker over the catalogue; resolves with event, provider and target. */
export async function sample(known) {
  const to = h('input', { name: 'to', value: known, placeholder: 'localhost:3000/webhooks', spellcheck: false });
  const search = h('input', { type: 'search', name: 'q', autofocus: true, autocomplete: 'off', spellcheck: false, placeholder: 'provider or event', role: 'combobox', 'aria-expanded': 'true', 'aria-controls': 'samples', 'aria-autocomplete': 'list' });
  const list = h('div', { id: 'samples', role: 'listbox', 'aria-label': 'Events', tabIndex: 0 });
  const submit = h('button', { type: 'submit', className: 'main' }, 'Send');
  let found = [];
  let at = 0;
  const draw = () => {
    submit.disabled = found.length === 0;
    list.replaceChildren(...(found.length ? [] : [h('p', { className: 'dim pad' }, 'No event of the catalogue has these letters.')]), ...found.map((one, index) => h('div', {
      role: 'option', id: `sample-${index}`, 'aria-selected': String(index === at), className: index === at ? 'option selected' : 'option',
      'data-index': String(index),
    }, h('span', { className: 'name' }, one.event), h('span', { className: 'dim' }, one.provider))));
    if (found.length) search.setAttribute('aria-activedescendant', `sample-${at}`);
    list.children[at]?.scrollIntoView({ block: 'nearest' });
  };
  const look = async () => {
    const text = search.value;
    const got = await get(query('samples', { q: text }));
    if (text !== search.value) return;
    [found, at] = [got, 0];
    draw();
  };
  let picked = null;
  const choose = (dialog) => {
    if (!found[at]) return;
    if (!to.value.trim()) {
      to.focus();
      return;
    }
    picked = { ...found[at], to: to.value.trim() };
    dialog.close('picked');
  };
  search.addEventListener('input', () => look().catch(() => {}));
  look().catch(() => {});
  await open('Send a sample', (dialog) => {
    search.addEventListener('keydown', (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) {
        event.preventDefault();
        at = Math.max(0, Math.min(found.length - 1, at + step));
        draw();
      }
    });
    list.addEventListener('click', (event) => {
      const option = event.target.closest('[data-index]');
      if (!option) return;
      at = Number(option.dataset.index);
      draw();
      choose(dialog);
    });
    return h('form', { onsubmit: (event) => { event.preventDefault(); choose(dialog); } },
      field('Target', to), field('Event', search), list,
      h('p', { className: 'line' }, submit));
  });
  return picked;
}

/** Two records beside each other. */
export function diff(found) {
  const rows = found.values.map((value) => h('tr', { className: value.change },
    h('th', { scope: 'row' }, value.place), h('td', {}, value.left ?? '–'), h('td', {}, value.right ?? '–'), h('td', {}, value.change)));
  return open(`#${found.left} and #${found.right}`, () => h('div', {},
    h('p', { className: 'dim' }, `${found.values.length} differences${found.more ? ', and more' : ''}${found.structural ? '; bodies compared value by value' : ''}`),
    h('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Differences' }, h('table', { className: 'diff' },
      h('thead', {}, h('tr', {}, ['Place', `#${found.left}`, `#${found.right}`, 'Change'].map((text) => h('th', { scope: 'col' }, text)))),
      h('tbody', {}, rows)))), { wide: true });
}
