//! `hook log show`: one record, whole.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{capture, delivery, why};
use crate::app::inspect::select;
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::clock::{Timestamp, human_duration};
use crate::error::Result;
use crate::exit::Exit;
use crate::headers::Headers;
use crate::mask;
use crate::store::{Lane, NewCapture, Query, Record, Store, Summary};
use crate::text::printable;
use crate::view::body;
use crate::view::record::{self, tone};
use crate::view::request::header_lines;

/// How much of a body is shown without `--full`, in characters.
const BODY_SHOWN: usize = 4096;

/// How much of a header is shown without `--full`, in characters.
const HEADER_SHOWN: usize = 500;

/// Forwards and repetitions that are named, at most.
const LATER: usize = 50;

/// One record, whole: headers, body, verdict, attempts
#[derive(Debug, clap::Args)]
pub(super) struct LogShowArgs {
    /// A number, an id or the beginning of one, `last`, `last~2`
    #[arg(value_name = "ID", add = crate::cli::complete::records(), default_value = "last")]
    id: String,
    /// Whole bodies, and the headers of every attempt
    #[arg(long)]
    full: bool,
    /// In plain words: what happened, why, and what helps
    #[arg(long, conflicts_with = "full")]
    why: bool,
    /// Print the raw bytes of the body and nothing else
    #[arg(long, conflicts_with_all = ["full", "why"])]
    body: bool,
    /// Show credentials
    #[arg(long)]
    reveal: bool,
}

/// How a record is shown.
pub(super) struct View<'a> {
    pub(super) session: &'a Session,
    pub(super) full: bool,
    pub(super) reveal: bool,
    pub(super) now: Timestamp,
    /// Headers of the provider that hold the secret itself.
    masked: Vec<String>,
    /// Deliveries that forward or repeat the record, the oldest first.
    pub(super) later: Vec<Summary>,
    /// Whether the first capture of the same event says another id of it, which is not signed.
    pub(super) same_content: bool,
    /// What is still to be done for the record by `listen`, or by `replay --resume`.
    pub(super) waiting: Vec<Lane>,
    /// Sentences, when they are wanted.
    pub(super) why: Option<Vec<String>>,
}

fn is_same_content(store: &dyn Store, record: &Record) -> Result<bool> {
    let Record::Capture(capture) = record else {
        return Ok(false);
    };
    let first = capture.duplicate_of.map(|first| store.get(first)).transpose()?;
    Ok(match first.flatten() {
        Some(Record::Capture(first)) => first.request.event_id != capture.request.event_id,
        _ => false,
    })
}

pub(super) fn run(session: &Session, args: &LogShowArgs) -> Result<Exit> {
    let store = &*select::reader(session)?;
    let number = select::number(store, &args.id)?;
    let mut record = select::record(store, number)?;
    if args.reveal {
        session.restore(&mut record);
    } else {
        session.recognise(&record);
    }
    if args.body {
        session.ui.raw(match &record {
            Record::Capture(capture) => &capture.request.body,
            Record::Delivery(delivery) => &delivery.delivery.message.body,
        })?;
        return Ok(Exit::Ok);
    }
    let provider = match &record {
        Record::Capture(capture) => capture.request.provider.as_deref(),
        Record::Delivery(delivery) => delivery.delivery.provider.as_deref(),
    };
    let mut view = View {
        session,
        full: args.full,
        reveal: args.reveal,
        now: session.now(),
        masked: masked_headers(session, provider)
            .into_iter()
            .chain(own_secret_header(&record))
            .collect(),
        later: later(store, number)?,
        same_content: is_same_content(store, &record)?,
        waiting: match &record {
            Record::Capture(_) => store.waiting(number)?,
            Record::Delivery(_) => Vec::new(),
        },
        why: None,
    };
    if args.why {
        view.why = Some(match &record {
            Record::Capture(capture) => why::of_capture(&view, capture),
            Record::Delivery(delivery) => why::of_delivery(&view, delivery),
        });
    }
    let json = session.ui.output == Output::Json;
    match &record {
        Record::Capture(capture) if json => capture::json(&view, capture)?,
        Record::Capture(capture) => capture::human(&view, capture)?,
        Record::Delivery(delivery) if json => delivery::json(&view, delivery)?,
        Record::Delivery(delivery) => delivery::human(&view, delivery)?,
    }
    Ok(Exit::Ok)
}

/// The header in which a workflow's own secret goes.
fn own_secret_header(record: &Record) -> Option<String> {
    match record {
        Record::Capture(_) => None,
        Record::Delivery(delivery) => delivery.delivery.execution.as_ref()?.secret_header.clone(),
    }
}

fn later(store: &dyn Store, number: u64) -> Result<Vec<Summary>> {
    let mut query = Query {
        origin: Some(number),
        ..Query::default()
    };
    query.page.limit = LATER;
    query.page.oldest_first = true;
    Ok(store.list(&query)?)
}

/// Headers that hold the secret itself, in any variant of the provider.
pub(super) fn masked_headers(session: &Session, provider: Option<&str>) -> Vec<String> {
    let name = provider.map(|label| label.split_once('@').map_or(label, |(name, _)| name));
    let profiles = name.and_then(|name| session.registry.ranked(name).ok());
    profiles
        .unwrap_or_default()
        .iter()
        .filter_map(|profile| profile.scheme.token_header().map(str::to_owned))
        .collect()
}

impl View<'_> {
    /// `#17  cap_...  verified`
    pub(super) fn title(&self, number: u64, id: &str, state: &str) -> Result<()> {
        let style = self.session.ui.out;
        self.session.ui.line(&format!(
            "{}  {}  {}",
            style.strong(&format!("#{number}")),
            style.dim(id),
            tone(state).paint(style, &printable(state, HEADER_SHOWN)),
        ))
    }

    /// `provider   poolflow`
    pub(super) fn field(&self, name: &str, value: &str) -> Result<()> {
        let style = self.session.ui.out;
        let name = style.dim(&format!("{name:<12}"));
        self.session.ui.line(&format!("{name}{value}"))
    }

    /// Text from the network.
    pub(super) fn foreign(&self, name: &str, value: Option<&str>) -> Result<()> {
        match value {
            Some(value) => self.field(name, &printable(value, HEADER_SHOWN)),
            None => Ok(()),
        }
    }

    /// `2030-01-02 03:04:05, 3m ago`
    pub(super) fn moment(&self, at: Timestamp) -> String {
        format!("{}, {}", at.local_datetime(), ago(at, self.now))
    }

    /// What forwards or repeats the record.
    pub(super) fn later(&self, word: &str) -> Result<()> {
        for summary in &self.later {
            self.field(word, &self.outcome(summary))?;
        }
        Ok(())
    }

    /// `#18 to http://127.0.0.1:3000/: delivered 200`
    pub(super) fn outcome(&self, summary: &Summary) -> String {
        let cause = match (summary.status, &summary.reason) {
            (Some(status), _) => format!(" {status}"),
            (None, Some(reason)) => format!(": {reason}"),
            (None, None) => String::new(),
        };
        let url = mask::url_unless(&summary.target, self.reveal);
        printable(
            &format!("#{} to {url}: {}{cause}", summary.number, summary.state),
            HEADER_SHOWN,
        )
    }

    /// Headers, credentials masked.
    pub(super) fn header_lines(&self, headers: &Headers) -> Vec<(String, String)> {
        header_lines(headers, self.reveal, &self.masked)
    }

    /// A text from the network, unless it is to be revealed without the secrets that are known here.
    pub(super) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.reveal { text.into() } else { mask::text(text) }
    }

    /// A body, in the same way.
    pub(super) fn bytes<'t>(&self, bytes: &'t [u8]) -> Cow<'t, [u8]> {
        if self.reveal { bytes.into() } else { mask::bytes(bytes) }
    }

    /// Path and query of a request.
    pub(super) fn target(&self, request: &NewCapture) -> String {
        if self.reveal {
            return request.target.clone();
        }
        mask::target(&request.target, request.workflow.is_some())
    }

    /// Headers and body under an indentation.
    pub(super) fn content(&self, indent: &str, headers: &Headers, bytes: &[u8]) -> Result<()> {
        let ui = &self.session.ui;
        let most = if self.full { usize::MAX } else { HEADER_SHOWN };
        for (name, value) in self.header_lines(headers) {
            let name = ui.out.dim(&format!("{}:", printable(&name, most)));
            ui.line(&format!("{indent}{name} {}", printable(&value, most)))?;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        if !headers.is_empty() {
            ui.line("")?;
        }
        let shown = body::pretty(&self.bytes(bytes), if self.full { usize::MAX } else { BODY_SHOWN });
        for line in shown.text.lines() {
            ui.line(&format!("{indent}{line}"))?;
        }
        if shown.cut {
            ui.line(
                &ui.out
                    .dim(&format!("{indent}… `--full` shows all, `--body` prints the bytes")),
            )?;
        }
        Ok(())
    }

    /// The sentences, when they are wanted; whether they are.
    pub(super) fn explained(&self) -> Result<bool> {
        let Some(why) = &self.why else { return Ok(false) };
        self.session.ui.line("")?;
        why.iter().try_for_each(|sentence| self.session.ui.line(sentence))?;
        Ok(true)
    }
}

/// `3m ago`, `in 4m 10s`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        return format!("in {}", human_duration(at.since(now)));
    }
    match record::age(at, now).as_str() {
        "now" => "just now".to_owned(),
        _ => format!("{} ago", human_duration(now.since(at))),
    }
}

/// Bytes for JSON: as text, or in base64 when they are none.
pub(super) fn encoded(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}
