//! `hook ui --tui` and `hook listen --tui`: the inspector on a terminal.

use std::io::IsTerminal as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::runtime;
use crate::app::context::Context;
use crate::app::notice::{Notice, Notices};
use crate::app::receive::{self, ListenOptions, ListenSummary, Observer, ReceiveEvent};
use crate::cli::session::Session;
use crate::cli::ui::{Output, Ui};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::inspector::model::Input;
use crate::process::{self, CommandOutput};
use crate::shutdown::Shutdown;
use crate::text::printable_lines;
use crate::tui::{self, JobControl, Message, Messages, ViewOptions};
use crate::view::attempt::redirect_hint;
use crate::view::work::notices;
use crate::web::{self, LiveListener, LiveObserver, WebOptions};

/// How long the view may take to give the terminal back: an editor may have it.
const LEAVING: Duration = Duration::from_secs(5);

/// Whether a view can be shown: on a terminal, for a person.
pub(super) fn can_show(ui: &Ui) -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    ui.stdout_is_terminal() && std::io::stdin().is_terminal() && ui.output == Output::Human && !is_dumb
}

/// Whether a terminal of that name knows colours by their numbers: the old ones in hardware do not.
fn has_colors(term: &str) -> bool {
    let is_old = ["vt", "ansi", "cons25", "sun"]
        .iter()
        .any(|name| term.starts_with(name));
    !is_old && !term.ends_with("-m") && !term.ends_with("-mono")
}

/// Shows the view over the ledger.
pub(super) fn run(session: &Session, secrets: &[String]) -> Result<Exit> {
    if !can_show(&session.ui) {
        return Err(Error::usage("the terminal view needs a terminal, and human output")
            .hint("`hook log` lists records, `hook log show ID --why` explains one"));
    }
    runtime()?.block_on(async {
        let shutdown = Shutdown::install()?;
        session.context.refuse_newer()?;
        let stage = Stage::new(session, secrets, None, &shutdown)?;
        stage.show()?;
        tokio::select! {
            () = shutdown.soft.cancelled() => {}
            () = shutdown.hard.cancelled() => {}
        }
        stage.leave()?;
        Ok(Exit::Ok)
    })
}

/// Listens, with the view in front. `screen` announces the listener, and says at the end what came.
pub(super) fn listen(session: &Session, options: ListenOptions, screen: Arc<dyn Observer>) -> Result<ListenSummary> {
    let live = LiveListener::of(&options, &session.context.settings);
    runtime()?.block_on(async {
        let shutdown = Shutdown::install()?;
        let stage = Arc::new(Stage::new(session, &options.secrets, Some(&live), &shutdown)?);
        let context = stage.context.clone();
        let inner = Arc::new(ViewObserver {
            stage: Arc::clone(&stage),
            screen,
        });
        let observer = Arc::new(LiveObserver { live, inner });
        let summary = receive::listen(&context, options, observer, shutdown).await;
        let left = stage.leave();
        summary.and_then(|summary| left.map(|()| summary))
    })
}

/// The view, and where notices go while it is shown.
struct Stage {
    /// Its notices go to the view, or to the screen.
    context: Context,
    /// To be shown.
    options: Mutex<Option<ViewOptions>>,
    /// Ends the view.
    end: CancellationToken,
    /// How it ended.
    ended: Mutex<Option<Receiver<Result<()>>>>,
    /// Whether the terminal is the view's.
    is_shown: Arc<AtomicBool>,
}

impl Stage {
    fn new(
        session: &Session,
        secrets: &[String],
        live: Option<&Arc<LiveListener>>,
        shutdown: &Shutdown,
    ) -> Result<Self> {
        let (messages, received) = tui::messages();
        let is_shown = Arc::new(AtomicBool::new(false));
        let context = context(session, &messages, &is_shown);
        let end = shutdown.soft.child_token();
        let jobs = JobControl::install().map_err(|error| Error::internal("signals cannot be caught").cause(error))?;
        let options = ViewOptions {
            context: context.clone(),
            secrets: secrets.to_vec(),
            filter: String::new(),
            live: live.cloned(),
            colors: session.ui.out.is_on() && has_colors(&std::env::var("TERM").unwrap_or_default()),
            shutdown: shutdown.clone(),
            end: end.clone(),
            jobs,
            open_page: page(&context, secrets, live, shutdown),
            messages: (messages, received),
        };
        Ok(Self {
            context,
            options: Mutex::new(Some(options)),
            end,
            ended: Mutex::new(None),
            is_shown,
        })
    }

    /// Shows the view, in a thread of its own. When that ends, for whatever reason, the process is interrupted.
    fn show(&self) -> Result<()> {
        let Some(options) = lock(&self.options).take() else {
            return Ok(());
        };
        let (sender, ended) = mpsc::channel();
        *lock(&self.ended) = Some(ended);
        let (is_shown, end) = (Arc::clone(&self.is_shown), self.end.clone());
        is_shown.store(true, Ordering::SeqCst);
        let view = move || {
            let shown = catch_unwind(AssertUnwindSafe(|| tui::run(options)));
            is_shown.store(false, Ordering::SeqCst);
            let result = shown.unwrap_or_else(|_| Err(Error::internal("the terminal view broke down")));
            let is_failed = result.is_err();
            let _ = sender.send(result);
            if is_failed && !end.is_cancelled() {
                let _ = process::interrupt_self();
            }
        };
        let thread = std::thread::Builder::new().name("view".to_owned()).spawn(view);
        thread
            .map(drop)
            .map_err(|error| Error::internal("the terminal view cannot be started").cause(error))
    }

    /// Ends the view, and waits until the terminal is as it was before.
    fn leave(&self) -> Result<()> {
        self.end.cancel();
        let Some(ended) = lock(&self.ended).take() else {
            return Ok(());
        };
        let late = |_| Err(Error::internal("the terminal is still in use"));
        ended.recv_timeout(LEAVING).unwrap_or_else(late)
    }
}

/// Opens the page, and serves it from the first time on.
fn page(
    context: &Context,
    secrets: &[String],
    live: Option<&Arc<LiveListener>>,
    shutdown: &Shutdown,
) -> Box<dyn Fn() -> Result<String> + Send> {
    let options = WebOptions {
        port: None,
        secrets: secrets.to_vec(),
        live: live.cloned(),
    };
    let (context, shutdown, served) = (context.clone(), shutdown.clone(), Mutex::new(None));
    // The view has a thread of its own, and the page is served by the one that waits for signals.
    let runtime = tokio::runtime::Handle::current();
    Box::new(move || {
        let mut served = lock(&served);
        let url = match served.take() {
            Some(url) => url,
            None => runtime.block_on(web::serve(&context, options.clone(), &shutdown))?.url,
        };
        let started = super::browser::start(&url);
        let said = started
            .err()
            .unwrap_or_else(|| "the page is open in the browser".to_owned());
        Ok(format!("{said}: {}", served.insert(url)))
    })
}

/// The same context, whose notices and commands print nothing while the view is shown.
fn context(session: &Session, messages: &Messages, is_shown: &Arc<AtomicBool>) -> Context {
    let (ui, to_view, in_view) = (Arc::clone(&session.ui), messages.clone(), Arc::clone(is_shown));
    let notices = Notices::to(move |notice: Notice| {
        // A notice from before the view is on the screen, and soon behind the view.
        if let Some(message) = tui::notice(&notice) {
            let _ = to_view.try_send(message);
        }
        if !in_view.load(Ordering::SeqCst) {
            ui.tell(&notice);
        }
    });
    let (to_view, in_view) = (messages.clone(), Arc::clone(is_shown));
    let screen = session.context.command_output.clone();
    let command_output = CommandOutput::to(Stdio::null, move |bytes| {
        if !in_view.load(Ordering::SeqCst) {
            return screen.write(bytes);
        }
        let text = printable_lines(&String::from_utf8_lossy(bytes), 1000);
        let text = text.trim();
        if !text.is_empty() {
            let _ = to_view.try_send(Message::Input(Input::Note(text.to_owned())));
        }
    });
    Context {
        notices,
        command_output,
        ..session.context.clone()
    }
}

/// Shows the view once the listener is ready. Requests and attempts are in its list; the rest becomes notices.
struct ViewObserver {
    stage: Arc<Stage>,
    screen: Arc<dyn Observer>,
}

impl Observer for ViewObserver {
    fn on(&self, event: ReceiveEvent<'_>) -> Result<()> {
        match event {
            ReceiveEvent::Ready(_) => {
                self.screen.on(event)?;
                self.stage.show()
            }
            ReceiveEvent::Finished(_) => {
                self.stage.leave()?;
                self.screen.on(event)
            }
            ReceiveEvent::Request(_) | ReceiveEvent::Triggered(_) | ReceiveEvent::AllTold => Ok(()),
            ReceiveEvent::Attempt { event, .. } => {
                if let Some(hint) = redirect_hint(event).filter(|_| event.next != crate::engine::Next::Delivered) {
                    self.stage.context.notices.hint(hint);
                }
                Ok(())
            }
            other => {
                for notice in notices(&other) {
                    self.stage.context.notices.emit(notice);
                }
                Ok(())
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
