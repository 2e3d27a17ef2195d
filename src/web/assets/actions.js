// What is done to a record, and what comes of it.

import { blob, get, post, query, remove } from './api.js';
import { copy, toast } from './dom.js';
import * as detail from './detail.js';
import * as dialogs from './dialogs.js';
import * as list from './list.js';

const NAME = 'hook.target';

/** Where replays and samples of this tab go, when nothing else says it. */
export const target = () => sessionStorage.getItem(NAME) || '';
const keep = (to) => to && sessionStorage.setItem(NAME, to);

/** Shows the result of an action. */
export function done(result) {
  toast(result.text, !result.ok);
  for (const notice of result.notices) toast(notice.text, notice.level === 'warning');
}

/** Shows why something failed. */
export function failed(error) {
  const hints = (error.hints || []).map((hint) => `; ${hint}`).join('');
  toast(`${error.message}${hints}`, true);
}

async function replay(number, given) {
  const path = `records/${number}/replay`;
  const record = detail.current()?.number === number ? detail.current() : await get(`records/${number}`);
  // A target that was given in this tab comes before the listener beside the page.
  const body = record.edit.to || !target() ? given : { ...given, to: target() };
  try {
    done(await post(path, body));
  } catch (error) {
    // It was never forwarded: only the user knows where it belongs.
    if (error.status !== 422 || body.to || !(error.hints || []).some((hint) => hint.includes('--to URL'))) throw error;
    const to = await dialogs.target('', `#${number} was never forwarded. Where does it go?`);
    if (!to) return;
    keep(to);
    done(await post(path, { ...body, to }));
  }
}

/** Commands on a record, by name. */
export const onRecord = {
  replay: (number) => replay(number, { mode: 'fresh' }),
  'replay-captured': (number) => replay(number, { mode: 'as-captured' }),
  tamper: (number) => replay(number, { mode: 'tampered' }),
  edit: async (number) => {
    const record = await get(`records/${number}`);
    await dialogs.edit(record, record.edit.to ? '' : target(), async (body) => {
      done(await post(`records/${number}/replay`, body));
      keep(body.to);
    });
  },
  mark: (number) => toast(list.mark(number) ? `#${number} is marked: d on another record compares them` : `#${number} is no longer marked`),
  diff: async (number) => {
    const marked = list.marks();
    const [left, right] = marked.length === 2 ? marked : [marked[0], number];
    if (left === undefined || left === right) {
      toast(left === undefined ? 'Mark a record first: m' : `#${left} is the marked record: select another one`);
      return;
    }
    await dialogs.diff(await get(query('diff', { left, right })));
  },
  curl: async (number) => copy((await get(`records/${number}/curl`)).text, 'curl command'),
  'copy-body': async (number) => {
    const text = await detail.wholeBody(number);
    if (text !== null) await copy(text, 'Body');
  },
  'copy-id': async (number) => copy((await get(`records/${number}`)).id, 'Id'),
  delete: async (number) => {
    if (!(await dialogs.confirm('Delete', `Delete #${number} from the ledger? This cannot be undone.`, 'Delete'))) return;
    done(await remove(`records/${number}`));
    if (detail.current()?.number === number) detail.close();
    await list.update({ newest: Infinity, changed: [number] });
  },
};

/** Commands that need no record. */
export const general = {
  sample: async () => {
    const picked = await dialogs.sample(target());
    if (!picked) return;
    keep(picked.to);
    done(await post('samples', picked));
  },
  resume: async () => done(await post('resume')),
};

export { blob };
