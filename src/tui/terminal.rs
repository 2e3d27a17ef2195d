//! The terminal: taken for the view, and given back after every end, a panic included.

use std::io::{self, Stdout, Write as _, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

/// Bytes that are handed to the clipboard, at most: terminals drop longer sequences.
pub const MOST_COPIED: usize = 74_000;

/// Whether the terminal is in the state of the view. Global, as the panic hook has nothing else.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether something panicked while it was.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// The terminal in the state of the view: raw, on the alternate screen, without a cursor. Dropped, it is as it was before.
pub struct TakenTerminal {
    /// Draws on it.
    pub terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl TakenTerminal {
    /// Takes it.
    pub fn take() -> io::Result<Self> {
        restore_after_panics();
        enter()?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout()));
        if terminal.is_err() {
            leave();
        }
        Ok(Self { terminal: terminal? })
    }

    /// Runs something that uses the terminal as it was before, and takes it again.
    pub fn lend<T>(&mut self, work: impl FnOnce() -> T) -> io::Result<T> {
        leave();
        let done = work();
        self.take_again()?;
        Ok(done)
    }

    /// Sets every mode again, and draws everything afresh: the shell, or another program, may have changed both.
    pub fn take_again(&mut self) -> io::Result<()> {
        leave();
        enter()?;
        self.terminal.clear()
    }

    /// Hands a text to the terminal's clipboard by OSC 52; `false` when it is too long for that.
    pub fn copy(&mut self, text: &[u8]) -> io::Result<bool> {
        let encoded = STANDARD.encode(text);
        if encoded.len() > MOST_COPIED {
            return Ok(false);
        }
        let out = self.terminal.backend_mut();
        write!(out, "\u{1b}]52;c;{encoded}\u{7}")?;
        io::Write::flush(out)?;
        Ok(true)
    }
}

impl Drop for TakenTerminal {
    fn drop(&mut self) {
        leave();
    }
}

/// Whether something panicked while the terminal was taken.
pub fn has_panicked() -> bool {
    PANICKED.load(Ordering::SeqCst)
}

fn enter() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    let taken = enable_raw_mode().and_then(|()| execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide));
    if taken.is_err() {
        leave();
    }
    taken
}

/// Gives it back. What fails here cannot be helped: the terminal is gone.
fn leave() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(stdout(), Show, DisableBracketedPaste, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}

/// A panic of any thread gives the terminal back before its message is printed, else the message would be lost with the
/// alternate screen.
fn restore_after_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if TAKEN.load(Ordering::SeqCst) {
                PANICKED.store(true, Ordering::SeqCst);
                leave();
            }
            print(info);
        }));
    });
}
