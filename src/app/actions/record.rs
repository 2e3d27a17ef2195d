//! A record as a command, and its removal.

use super::ActionResult;
use super::replay::must_exist;
use crate::app::context::Context;
use crate::app::inspect::difference::{request_body, request_headers};
use crate::app::inspect::show::{RecordDetails, show_from};
use crate::error::{Error, Result};
use crate::exchange::Request;
use crate::exit::Exit;
use crate::store::{self, Access, Record, Store, StoreOptions};
use crate::target::parse_url;

/// Deletes a record. One with something left to do stays.
pub fn delete(context: &Context, number: u64) -> Result<ActionResult> {
    let mut store = store::open(&context.store_place, Access::ReadWrite, StoreOptions::default())?;
    must_exist(&*store, number)?;
    if !store.remove(number)? {
        return Err(Error::new(
            Exit::Refused,
            format!("`#{number}` has work left to do, so it is not deleted"),
        )
        .hint("`hook log prune` drops old records once they are done"));
    }
    Ok(ActionResult {
        text: format!("#{number} was deleted"),
        ok: true,
        records: vec![number],
        ..ActionResult::default()
    })
}

/// Where `hook listen` takes requests by default.
const LISTENER: &str = "http://127.0.0.1:4400";

/// The request of a record, to be shown as a command: what came, or what the last attempt sent. Credentials are masked. What came
/// goes to `listener`, or to where one listens by default: its own `Host` is the sender's word.
pub fn curl(context: &Context, store: &dyn Store, number: u64, listener: Option<&str>) -> Result<Request> {
    let details = show_from(context, store, Some(&number.to_string()), false)?;
    let (method, url) = place(&details, listener.unwrap_or(LISTENER));
    let url = parse_url(&url)?;
    let mut headers = request_headers(&details).end_to_end();
    headers.remove("host");
    headers.remove("content-length");
    Ok(Request {
        method,
        url,
        headers,
        body: request_body(&details).to_vec().into(),
        timeout: std::time::Duration::ZERO,
    })
}

/// The method and the URL of the request: of one that came, the listener's.
fn place(details: &RecordDetails, listener: &str) -> (String, String) {
    match &details.record {
        Record::Capture(capture) => {
            let request = &capture.request;
            let origin = listener.trim_end_matches('/');
            (request.method.clone(), format!("{origin}{}", request.target))
        }
        Record::Delivery(record) => (record.delivery.method.clone(), record.delivery.url.clone()),
    }
}
