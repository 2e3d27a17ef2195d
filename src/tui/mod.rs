//! The terminal view of the inspector: a skin of [`crate::inspector::model`]. Threads beside it carry out what the model
//! asks for; this one reads keys and draws.

mod draw;
mod edit;
mod keys;
mod lines;
mod signals;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod worker;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event};
use tokio_util::sync::CancellationToken;

pub use signals::JobControl;
pub use worker::{Message, Messages, messages};

use crate::app::actions::{ActionNotice, NoticeLevel};
use crate::app::context::Context;
use crate::app::notice::Notice;
use crate::error::{Error, Result};
use crate::inspector::detail::EditForm;
use crate::inspector::model::Input;
use crate::shutdown::Shutdown;
use crate::web::LiveListener;
use keys::Typed;
use state::{Step, ViewState};
use terminal::TakenTerminal;
use theme::Theme;
use worker::{Job, Workers};

/// At most 30 times a second.
const BETWEEN_DRAWS: Duration = Duration::from_millis(34);

/// How long keys are waited for before results are looked for: while some are to come, and else.
const WAIT: [Duration; 2] = [Duration::from_millis(8), Duration::from_millis(100)];

/// How long the process is given to be stopped by a signal.
const STOPPING: Duration = Duration::from_secs(1);

/// What a view works with.
pub struct ViewOptions {
    /// Its notices are not looked at; those of the process come by the messages.
    pub context: Context,
    /// References of secrets for records that were signed with a secret of a command line.
    pub secrets: Vec<String>,
    /// The filter of the list.
    pub filter: String,
    /// The listener of this process.
    pub live: Option<Arc<LiveListener>>,
    /// Whether there are colours.
    pub colors: bool,
    /// Cancels what is under way.
    pub shutdown: Shutdown,
    /// Ends the view.
    pub end: CancellationToken,
    /// Stopping and going on.
    pub jobs: JobControl,
    /// Opens the page in a browser, and says what it did.
    pub open_page: Box<dyn Fn() -> Result<String> + Send>,
    /// Results and notices.
    pub messages: (Messages, Receiver<Message>),
}

/// A notice of the process, for the view.
pub fn notice(notice: &Notice) -> Option<Message> {
    let ActionNotice { level, text } = ActionNotice::of(notice)?;
    let text = crate::mask::text(&text).into_owned();
    Some(Message::Input(match level {
        NoticeLevel::Warning => Input::Failed(text),
        NoticeLevel::Note | NoticeLevel::Hint => Input::Note(text),
    }))
}

/// Shows the view until it is left, which interrupts the process, or ended. When this returns, the terminal is as it was
/// before.
pub fn run(options: ViewOptions) -> Result<()> {
    let failed = |error: io::Error| Error::internal("the terminal cannot be used").cause(error);
    let ViewOptions { context, messages, .. } = &options;
    let workers = Workers::start(
        context,
        &options.secrets,
        options.live.clone(),
        messages.0.clone(),
        options.shutdown.clone(),
    );
    let workers = workers.map_err(failed)?;
    let mut view = View::new(options, workers).map_err(failed)?;
    let ended = view.run().map_err(failed);
    let View {
        terminal,
        workers,
        options,
        ..
    } = view;
    drop(terminal);
    if !options.end.is_cancelled() {
        crate::process::interrupt_self().map_err(failed)?;
    }
    workers.finish();
    ended?;
    if terminal::has_panicked() {
        return Err(Error::internal("a thread of hook panicked"));
    }
    Ok(())
}

struct View {
    options: ViewOptions,
    terminal: TakenTerminal,
    workers: Workers,
    state: ViewState,
    drawn: Option<Instant>,
    is_stale: bool,
    has_ended: bool,
    /// An edited text with a mistake, and its record.
    unsent: Option<(u64, String)>,
}

impl View {
    fn new(options: ViewOptions, workers: Workers) -> io::Result<Self> {
        let ledger = options.context.store_place.to_string();
        let theme = Theme { colors: options.colors };
        let (mut state, steps) = ViewState::new(&options.filter, ledger, theme, options.context.now());
        if let Some(live) = &options.live {
            state.model.target = live.default_target();
            state.live = Some(Arc::clone(live));
        }
        let mut view = Self {
            terminal: TakenTerminal::take()?,
            options,
            workers,
            state,
            drawn: None,
            is_stale: true,
            has_ended: false,
            unsent: None,
        };
        view.carry_out(steps);
        Ok(view)
    }

    fn run(&mut self) -> io::Result<()> {
        let end = self.options.end.clone();
        while !self.has_ended && !end.is_cancelled() && !terminal::has_panicked() {
            self.job_control()?;
            self.take_messages()?;
            let wait = self.draw_if_due()?;
            if event::poll(wait)? {
                let event = event::read()?;
                self.event(event)?;
            }
        }
        Ok(())
    }

    /// Draws what has changed, and returns how long to wait for keys.
    fn draw_if_due(&mut self) -> io::Result<Duration> {
        let idle = WAIT[usize::from(!self.workers.is_busy())];
        let now = self.options.context.now();
        // A countdown goes on, and notices go away.
        let is_ticking = self.state.model.counters.next_due.is_some() || self.state.notices().next().is_some();
        if is_ticking && now.unix() != self.state.now.unix() {
            self.is_stale = true;
        }
        if !self.is_stale {
            return Ok(idle);
        }
        let waited = self.drawn.map_or(BETWEEN_DRAWS, |drawn| drawn.elapsed());
        if let Some(left) = BETWEEN_DRAWS.checked_sub(waited).filter(|left| !left.is_zero()) {
            return Ok(left.min(idle));
        }
        self.state.now = now;
        let state = &mut self.state;
        self.terminal.terminal.draw(|frame| draw::draw(frame, state))?;
        (self.drawn, self.is_stale) = (Some(Instant::now()), false);
        Ok(idle)
    }

    fn event(&mut self, event: Event) -> io::Result<()> {
        self.is_stale = true;
        let steps = match event {
            Event::Key(key) => match keys::typed(key) {
                Typed::Key(key) => {
                    #[cfg(feature = "internals")]
                    panic_for_a_test(&key);
                    self.state.key(&key)
                }
                Typed::Interrupt => vec![Step::Quit],
                Typed::Suspend => return self.suspend(),
                Typed::Redraw => return self.terminal.take_again(),
                Typed::Nothing => Vec::new(),
            },
            Event::Paste(text) => self.state.pasted(&text),
            _ => Vec::new(),
        };
        self.carry_out(steps);
        Ok(())
    }

    fn take_messages(&mut self) -> io::Result<()> {
        while let Ok(message) = self.options.messages.1.try_recv() {
            self.is_stale = true;
            match message {
                Message::Copy(text, what) => {
                    let note = if self.terminal.copy(&text)? {
                        Input::Note(format!("copied {what}, if the terminal takes OSC 52"))
                    } else {
                        Input::Failed(format!("{what} is too long for the clipboard of a terminal"))
                    };
                    self.state.input(note);
                }
                Message::Form(number, form) => {
                    let edited = self.edit(number, &form)?;
                    self.carry_out(edited);
                }
                message => {
                    let steps = self.state.take(message);
                    self.carry_out(steps);
                }
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Quit => self.has_ended = true,
                Step::OpenPage => {
                    let opened = (self.options.open_page)();
                    let note = opened.map_or_else(|error| Input::Failed(error.to_string()), Input::Note);
                    self.state.input(note);
                }
                Step::Job(job) => {
                    if !self.workers.send(job) {
                        self.state
                            .input(Input::Failed("too much is under way: try again later".to_owned()));
                    }
                }
            }
        }
    }

    /// Lets the user edit a request, and sends it signed afresh.
    fn edit(&mut self, number: u64, form: &EditForm) -> io::Result<Vec<Step>> {
        // What could not be sent before is edited further.
        let unsent = self.unsent.take().filter(|(of, _)| *of == number);
        let text = unsent.map_or_else(|| edit::written(form), |(_, text)| text);
        let edited = self.terminal.lend(|| crate::editor::edit(text.as_bytes(), "http"))?;
        let read = edited.map_err(|error| error.to_string()).and_then(|text| {
            let text = String::from_utf8_lossy(&text);
            edit::read(&text, form).inspect_err(|_| self.unsent = Some((number, text.into_owned())))
        });
        let note = match read {
            Ok(Some(mut action)) => {
                // A record that went nowhere before goes where the view sends things.
                if form.to.is_empty() && action.to.is_none() {
                    action.to.clone_from(&self.state.model.target);
                }
                return Ok(vec![Step::Job(Job::Edited(number, Box::new(action)))]);
            }
            Ok(None) => Input::Note("nothing was changed, so nothing was sent: `r` replays it as it is".to_owned()),
            Err(text) if self.unsent.is_some() => Input::Failed(format!("{text}; `e` opens the edited text again")),
            Err(text) => Input::Failed(text),
        };
        Ok(self.state.input(note))
    }

    fn job_control(&mut self) -> io::Result<()> {
        if self.options.jobs.take_stop() {
            self.suspend()?;
        }
        if self.options.jobs.take_continued() {
            self.is_stale = true;
            self.terminal.take_again()?;
        }
        Ok(())
    }

    /// Gives the terminal back and stops the process, until the shell continues it.
    fn suspend(&mut self) -> io::Result<()> {
        let jobs = self.options.jobs.clone();
        jobs.take_continued();
        self.is_stale = true;
        self.terminal.lend(|| {
            crate::process::stop_self()?;
            // Another thread may take the signal, a moment later.
            let deadline = Instant::now() + STOPPING;
            while !jobs.take_continued() && Instant::now() < deadline {
                std::thread::sleep(WAIT[0]);
            }
            Ok(())
        })?
    }
}

/// Tests need a panic, and the view should have none.
#[cfg(feature = "internals")]
fn panic_for_a_test(key: &str) {
    assert!(
        key != "!" || std::env::var_os("__HOOK_PANIC").is_none(),
        "a test asked for it"
    );
}
