//! Carries out what the model asks for, beside the thread that draws: one thread reads the ledger, one checks signatures
//! again, one acts. Each has a short queue, so that keys that are held down take no memory.

mod act;
mod read;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use crate::app::actions::{EndpointAction, ReplayAction};
use crate::app::context::Context;
use crate::app::endpoints::EndpointDetails;
use crate::app::inspect::charts::Minute;
use crate::error::Error;
use crate::inspector::detail::EditForm;
use crate::inspector::model::{Effect, Input};
use crate::shutdown::Shutdown;
use crate::web::LiveListener;

/// Jobs that wait in one queue.
const WAITING: usize = 64;

/// Messages that wait for the view: notices beyond that are dropped.
const MESSAGES: usize = 256;

/// Something to do.
#[derive(Debug)]
pub enum Job {
    /// What the model asks for.
    Effect(Effect),
    /// An edited request.
    Edited(u64, Box<ReplayAction>),
    /// What is done to an endpoint.
    Endpoint(String, EndpointAction),
}

/// What comes back.
#[derive(Debug)]
pub enum Message {
    /// For the model.
    Input(Input),
    /// A text for the clipboard, and what it is.
    Copy(Vec<u8>, &'static str),
    /// What an edited request begins with.
    Form(u64, Box<EditForm>),
    /// The endpoints.
    Endpoints {
        /// As they are now.
        found: Vec<EndpointDetails>,
        /// Whether they were asked for; else they are shown only where they still are.
        opens: bool,
    },
    /// Figures for charts.
    Charts(Vec<Minute>),
    /// Why the ledger cannot be read; none: it can.
    Ledger(Option<String>),
}

/// Where messages to the view go.
pub type Messages = SyncSender<Message>;

/// A way to the view, and its end.
pub fn messages() -> (Messages, Receiver<Message>) {
    sync_channel(MESSAGES)
}

/// What every thread works with.
#[derive(Clone)]
struct Worker {
    context: Context,
    secrets: Arc<Vec<String>>,
    /// The listener of this process.
    live: Option<Arc<LiveListener>>,
    messages: Messages,
    unfinished: Arc<AtomicUsize>,
}

/// The threads.
pub struct Workers {
    reader: SyncSender<Job>,
    checker: SyncSender<Job>,
    actor: SyncSender<Job>,
    acting: JoinHandle<()>,
    unfinished: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts them.
    pub fn start(
        context: &Context,
        secrets: &[String],
        live: Option<Arc<LiveListener>>,
        messages: Messages,
        shutdown: Shutdown,
    ) -> std::io::Result<Self> {
        let unfinished = Arc::new(AtomicUsize::new(0));
        let worker = Worker {
            context: context.clone(),
            secrets: Arc::new(secrets.to_vec()),
            live,
            messages,
            unfinished: Arc::clone(&unfinished),
        };
        let [(reader, reads), (checker, checks), (actor, acts)] = [(); 3].map(|()| sync_channel(WAITING));
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let own = worker.clone();
        thread("view-reader").spawn(move || read::run(own, &reads))?;
        let own = worker.clone();
        thread("view-checker").spawn(move || read::check(&own, &checks))?;
        let acting = thread("view-actor").spawn(move || act::run(&worker, &acts, &shutdown))?;
        Ok(Self {
            reader,
            checker,
            actor,
            acting,
            unfinished,
        })
    }

    /// Whether results are to come.
    pub fn is_busy(&self) -> bool {
        self.unfinished.load(Ordering::SeqCst) > 0
    }

    /// Hands a job over; `false` when its queue is full.
    pub fn send(&self, job: Job) -> bool {
        let queue = match &job {
            Job::Effect(Effect::Why(_)) => &self.checker,
            Job::Effect(
                Effect::Replay { .. } | Effect::Delete(_) | Effect::Pause(_) | Effect::Resume | Effect::Send(_),
            )
            | Job::Edited(..)
            | Job::Endpoint(..) => &self.actor,
            Job::Effect(_) => &self.reader,
        };
        self.unfinished.fetch_add(1, Ordering::SeqCst);
        match queue.try_send(job) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.unfinished.fetch_sub(1, Ordering::SeqCst);
                false
            }
        }
    }

    /// Waits for the action in progress, which ends with the shutdown. What was read last is of no use any more.
    pub fn finish(self) {
        drop((self.reader, self.checker, self.actor));
        let _ = self.acting.join();
    }
}

impl Worker {
    /// Where the listener of this process forwards to.
    fn target(&self) -> Option<&str> {
        self.live.as_ref()?.forward_to.as_deref()
    }

    /// A message of a job. The view takes them all the time, so a full queue means that it has ended.
    fn send(&self, message: Message) {
        let _ = self.messages.try_send(message);
    }

    fn input(&self, input: Input) {
        self.send(Message::Input(input));
    }

    fn failed(&self, error: &Error) {
        let facts: Vec<&str> = [&error.message]
            .into_iter()
            .chain(&error.causes)
            .map(String::as_str)
            .collect();
        let mut said = vec![facts.join(": ")];
        said.extend(error.hints.iter().map(|hint| format!("hint: {hint}")));
        let text = crate::mask::text(&said.join("; ")).into_owned();
        self.input(Input::Failed(crate::text::printable(&text, 1000)));
    }

    /// A job is done, and its messages are sent.
    fn finished(&self) {
        self.unfinished.fetch_sub(1, Ordering::SeqCst);
    }
}
