// Keys, from the same table as in the terminal view. `Tab` stays the browser's: it leads through the page.

const LEFT_TO_THE_BROWSER = ['Tab', 'Shift+Tab'];

/** Calls `run(command)` for each key of the table. */
export function setup(keys, run, isBlocked) {
  let typed = [];
  const find = (sequence) => keys.find((key) => key.keys.includes(sequence));
  document.addEventListener('keydown', (event) => {
    const name = event.shiftKey && event.key === 'Tab' ? 'Shift+Tab' : event.key;
    if (event.ctrlKey || event.metaKey || event.altKey || LEFT_TO_THE_BROWSER.includes(name) || isBlocked(event)) return;
    typed.push(name);
    const sequence = typed.join(' ');
    const found = find(sequence);
    if (!found && keys.some((key) => key.keys.some((known) => known.startsWith(`${sequence} `)))) return;
    typed = [];
    // A button that has the focus keeps its own keys.
    const isButton = event.target.closest?.('button, a, summary') && (name === 'Enter' || name === ' ');
    if (!found || isButton) return;
    event.preventDefault();
    run(found.command);
  });
}
