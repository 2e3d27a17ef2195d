//! Reads the ledger: pages of the list, records, bodies, counters, and what changed since the last look.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::{Job, Message, Worker};
use crate::app::actions;
use crate::app::context::Context;
use crate::app::inspect::browse::{BrowseOptions, browse};
use crate::app::inspect::changes::ChangeWatch;
use crate::app::inspect::filter::RecordFilter;
use crate::app::inspect::{charts, counters, difference};
use crate::app::verify::{RequestSource, VerifyOptions, verify};
use crate::error::{Error, Result};
use crate::inspector::model::{CopyKind, Effect, Input, ListRequest};
use crate::inspector::row::ListRow;
use crate::inspector::why::WhyTab;
use crate::inspector::{curl, detail};
use crate::store::{Record, Store, StoreError, open_read_only};
use crate::text::printable;

/// How often the ledger is looked at for changes.
const LOOK: Duration = Duration::from_millis(230);

/// Counting reads every record: this often at most.
const COUNT: Duration = Duration::from_secs(2);

/// And for at most one part in so many of the time.
const COUNT_SHARE: u32 = 20;

/// Samples that are listed.
const SAMPLES: usize = 50;

struct Reader {
    worker: Worker,
    store: Option<Box<dyn Store>>,
    watch: ChangeWatch,
    /// What was said of the ledger last: the same is not said again.
    problem: Option<String>,
    /// A ledger was open before.
    was_open: bool,
    wants_count: bool,
    next_count: Instant,
}

pub(super) fn run(worker: Worker, jobs: &Receiver<Job>) {
    let mut reader = Reader {
        worker,
        store: None,
        watch: ChangeWatch::default(),
        problem: None,
        was_open: false,
        wants_count: false,
        next_count: Instant::now(),
    };
    let mut next_look = Instant::now();
    loop {
        match jobs.recv_timeout(next_look.saturating_duration_since(Instant::now())) {
            Ok(job) => {
                if let Err(error) = reader.carry_out(job) {
                    reader.worker.failed(&error);
                }
                reader.worker.finished();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= next_look {
            reader.look();
            next_look = Instant::now() + LOOK;
        }
    }
}

impl Reader {
    /// The open ledger: the file that has its name now, and none while there is no file.
    fn store(&mut self) -> Option<&dyn Store> {
        if !self.store.as_ref().is_some_and(|store| store.is_current()) {
            self.watch.reset();
            let opened = open_read_only(&self.worker.context.store_place);
            let problem = match &opened {
                Ok(_) => None,
                Err(StoreError::Missing(_)) => Some("no ledger yet".to_owned()),
                Err(error) => Some(printable(&error.to_string(), 300)),
            };
            self.store = opened.ok();
            if self.store.is_some() && std::mem::replace(&mut self.was_open, true) {
                self.worker.input(Input::Replaced);
            }
            self.report(problem);
        }
        self.store.as_deref()
    }

    fn report(&mut self, problem: Option<String>) {
        if self.problem != problem {
            self.problem.clone_from(&problem);
            self.worker.send(Message::Ledger(problem));
        }
    }

    fn look(&mut self) {
        if self.store().is_none() {
            return;
        }
        let Some(store) = self.store.as_deref() else { return };
        match self.watch.look(store) {
            Ok(None) => self.report(None),
            Ok(Some(changes)) => {
                self.report(None);
                self.worker.input(Input::Changed(changes));
            }
            Err(error) => {
                let text = printable(&error.to_string(), 300);
                self.report(Some(text));
            }
        }
        if self.wants_count && Instant::now() >= self.next_count {
            self.count();
        }
    }

    fn count(&mut self) {
        let Some(store) = self.store.as_deref() else { return };
        self.wants_count = false;
        let begun = Instant::now();
        match counters::counters(&self.worker.context, store, self.worker.target()) {
            Ok(found) => self.worker.input(Input::Counters(Box::new(found))),
            Err(error) => self.worker.failed(&error),
        }
        self.next_count = Instant::now() + COUNT.max(begun.elapsed() * COUNT_SHARE);
    }

    fn carry_out(&mut self, job: Job) -> Result<()> {
        let Job::Effect(effect) = job else { return Ok(()) };
        match effect {
            Effect::Samples(query) => {
                let found = actions::samples(&self.worker.context, &query, SAMPLES);
                self.worker.input(Input::Samples(query, found));
                return Ok(());
            }
            Effect::Endpoints => {
                let found = actions::endpoints(&self.worker.context)?;
                self.worker.send(Message::Endpoints { found, opens: true });
                return Ok(());
            }
            Effect::Count => {
                self.wants_count = true;
                return Ok(());
            }
            _ => {}
        }
        let context = self.worker.context.clone();
        let listener = self.worker.live.as_ref().and_then(|live| live.facts().url);
        let Some(store) = self.store() else {
            if let Effect::List(of) = effect {
                self.worker.input(no_rows(of));
            }
            return Ok(());
        };
        let message = match effect {
            Effect::List(of) => {
                let filter = of.filter.clone();
                Message::Input(rows(&context, store, of).unwrap_or_else(|error| not_listed(filter, &error)))
            }
            Effect::Detail(number) => {
                let detail = detail::detail(&context, store, number)?;
                Message::Input(Input::Detail(Box::new(detail)))
            }
            Effect::Body { number, form, offset } => {
                let page = detail::body_page(&context, store, number, (form, offset))?;
                Message::Input(Input::Body(number, page))
            }
            Effect::Diff(left, right) => {
                let found = difference::records(&context, store, &left.to_string(), &right.to_string())?;
                Message::Input(Input::Differences(Box::new(found)))
            }
            Effect::Copy(number, kind) => copied(&context, store, (number, kind), listener.as_deref())?,
            Effect::Edit(number) => {
                let form = detail::detail(&context, store, number)?.edit;
                Message::Form(number, Box::new(form))
            }
            Effect::Charts => Message::Charts(charts::minutes(store)?),
            _ => return Ok(()),
        };
        self.worker.send(message);
        Ok(())
    }
}

fn no_rows(of: ListRequest) -> Input {
    Input::Rows {
        of,
        rows: Vec::new(),
        next: None,
        hidden: 0,
    }
}

fn not_listed(filter: String, error: &Error) -> Input {
    let words: Vec<&str> = std::iter::once(&error.message)
        .chain(&error.causes)
        .chain(&error.hints)
        .map(String::as_str)
        .collect();
    Input::NoRows {
        filter,
        text: printable(&words.join("; "), 400),
    }
}

fn rows(context: &Context, store: &dyn Store, of: ListRequest) -> Result<Input> {
    let options = BrowseOptions {
        filter: RecordFilter::parse(context, &of.filter)?,
        before: of.before,
        after: of.after,
        limit: of.limit,
    };
    let page = browse(context, store, &options)?;
    Ok(Input::Rows {
        of,
        rows: page.records.iter().map(ListRow::of).collect(),
        next: page.next,
        hidden: page.hidden,
    })
}

fn copied(
    context: &Context,
    store: &dyn Store,
    (number, kind): (u64, CopyKind),
    listener: Option<&str>,
) -> Result<Message> {
    Ok(match kind {
        CopyKind::Curl => {
            let command = curl::command(&actions::curl(context, store, number, listener)?);
            Message::Copy(command.into_bytes(), "the curl command")
        }
        CopyKind::Body => Message::Copy(detail::whole_body(context, number)?, "the body"),
        CopyKind::Id => {
            let id = detail::detail(context, store, number)?.id;
            Message::Copy(id.into_bytes(), "the id")
        }
    })
}

/// Checks records again. A search for the mistake may take seconds, so only the last record that was asked for counts.
pub(super) fn check(worker: &Worker, jobs: &Receiver<Job>) {
    while let Ok(mut job) = jobs.recv() {
        while let Ok(later) = jobs.try_recv() {
            worker.finished();
            job = later;
        }
        if let Job::Effect(Effect::Why(number)) = job {
            match why(worker, number) {
                Ok(tab) => worker.input(Input::Why(number, Box::new(tab))),
                Err(error) => worker.failed(&error),
            }
        }
        worker.finished();
    }
}

fn why(worker: &Worker, number: u64) -> Result<WhyTab> {
    let context = Context {
        // What the check remarks is part of its result.
        notices: crate::app::notice::Notices::to(|_| {}),
        ..worker.context.clone()
    };
    let store = context.reader()?;
    let details = detail::read(&context, &*store, number)?;
    // The secret of a delivery is that of its endpoint, and that of a capture the listener's.
    let secrets = match details.record {
        Record::Capture(_) => worker.secrets.to_vec(),
        Record::Delivery(_) => Vec::new(),
    };
    let options = VerifyOptions {
        request: RequestSource::Record(number.to_string()),
        provider: None,
        secrets,
        at: None,
        method: None,
        url: None,
        reveal: false,
    };
    let report = verify(&context, options);
    let note = |error: &Error| printable(&error.to_string(), 400);
    Ok(WhyTab::of(&details, report.as_ref().map_err(note)))
}
