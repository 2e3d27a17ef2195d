//! The API of the page: what is asked for is read on the thread of the ledger, what is done runs beside the server.

mod acts;
mod reads;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc;

use super::hub::Hub;
use super::reply::{self, refused};
use super::session::{Denied, Session};
use super::{WebOptions, assets};
use crate::app::context::Context;
use crate::app::notice::Notices;
use crate::error::{Error, Result};
use crate::server::{Incoming, Reply};
use crate::shutdown::Shutdown;
use crate::store::{LedgerReader, Store};

/// The reply that is followed by events.
const EVENTS: &str = "text/event-stream";

/// Names where a stream goes on.
const LAST_EVENT: &str = "last-event-id";

pub struct Api {
    context: Context,
    options: WebOptions,
    session: Session,
    reader: LedgerReader,
    hub: Arc<Hub>,
    shutdown: Shutdown,
}

/// A request that was let in.
struct Call {
    method: String,
    /// The path behind `/api/`, divided at its slashes and decoded.
    path: Vec<String>,
    query: HashMap<String, String>,
    body: Bytes,
}

impl Api {
    pub fn new(context: &Context, options: WebOptions, session: Session, shutdown: Shutdown) -> Self {
        // What comes up belongs to a reply, not to the terminal of this process.
        let context = Context {
            notices: Notices::to(|_| {}),
            ..context.clone()
        };
        Self {
            reader: context.background_reader(),
            hub: Hub::start(&context, options.live.clone(), shutdown.soft.clone()),
            context,
            options,
            session,
            shutdown,
        }
    }

    /// Answers a request.
    pub async fn handle(&self, incoming: Incoming) -> Reply {
        let (path, query) = crate::text::halves(&incoming.target, '?');
        if self.session.check_origin(&incoming).is_err() {
            return refused(403, "this address is for pages of this server alone");
        }
        let Some(path) = path.strip_prefix("/api/") else {
            return match incoming.method.as_str() {
                "GET" | "HEAD" => assets::file(path).unwrap_or_else(|| refused(404, "not found")),
                _ => refused(405, "method not allowed"),
            };
        };
        if path == "session" && incoming.method == "POST" {
            return self.enter(&incoming.body);
        }
        match self.session.check(&incoming) {
            Ok(()) => {}
            Err(Denied::Foreign) => return refused(403, "this address is for pages of this server alone"),
            Err(Denied::Unknown) => return refused(401, "open the URL that hook printed"),
        }
        if path == "events" {
            if self.hub.is_full() {
                return refused(503, "too many pages of this server are open");
            }
            return events(&incoming);
        }
        let decoded = |part: &str| {
            percent_encoding::percent_decode_str(part)
                .decode_utf8_lossy()
                .into_owned()
        };
        let query = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let call = Call {
            path: path.split('/').map(decoded).collect(),
            query: query.into_owned().collect(),
            method: incoming.method,
            body: incoming.body,
        };
        let answered = match call.method.as_str() {
            "GET" => self.read(&call).await,
            _ => self.act(&call).await,
        };
        answered.unwrap_or_else(|error| reply::error(&error))
    }

    /// The events that follow a reply.
    pub fn stream(&self, reply: &Reply) -> Option<mpsc::Receiver<Bytes>> {
        if reply.headers.get_text("content-type") != Some(EVENTS) {
            return None;
        }
        self.hub.stream(reply.headers.get_text(LAST_EVENT).unwrap_or_default())
    }

    /// Exchanges the token for cookie and key.
    fn enter(&self, token: &[u8]) -> Reply {
        match self.session.exchange(token) {
            Some((key, cookie)) => {
                let mut reply = reply::json(200, &json!({ "key": key }));
                reply.headers.append("set-cookie", cookie);
                reply
            }
            None => refused(401, "open the URL that hook printed"),
        }
    }

    /// Runs a query on the thread of the ledger.
    async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Context, &dyn Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let context = self.context.clone();
        self.reader.ask(move |store| Ok(query(&context, store))).await?
    }

    /// Runs work on a thread of its own.
    async fn aside<T: Send + 'static>(&self, work: impl FnOnce(&Context) -> Result<T> + Send + 'static) -> Result<T> {
        let context = self.context.clone();
        let done = tokio::task::spawn_blocking(move || work(&context)).await;
        done.unwrap_or_else(|error| Err(Error::internal("a worker thread of the page panicked").cause(error)))
    }
}

/// The head of a stream; [`Api::stream`] adds the events.
fn events(incoming: &Incoming) -> Reply {
    let mut reply = reply::typed(200, EVENTS, "");
    let last = incoming.headers.get_text(LAST_EVENT).unwrap_or_default();
    reply.headers.set(LAST_EVENT, last);
    reply
}

impl Call {
    /// A parameter that is a number.
    fn number(&self, name: &str) -> Result<Option<u64>> {
        let Some(text) = self.query.get(name) else {
            return Ok(None);
        };
        let number = text
            .parse()
            .map_err(|_| Error::usage(format!("`{name}` is not a number")))?;
        Ok(Some(number))
    }

    fn text(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// The words of the path.
    fn words(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// The body as JSON.
    fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| Error::usage("the request is not understood").cause(error))
    }
}

/// The number of a record.
fn record(text: &str) -> Result<u64> {
    text.parse()
        .map_err(|_| Error::nothing(format!("record `{text}` not found")))
}

fn not_found() -> Error {
    Error::nothing("not found")
}
