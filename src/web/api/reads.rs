//! What the page shows.

use serde_json::json;

use super::{Api, Call, not_found, record};
use crate::app::actions;
use crate::app::inspect::browse::{BrowseOptions, BrowsePage, browse};
use crate::app::inspect::filter::RecordFilter;
use crate::app::inspect::{charts, counters, difference};
use crate::app::verify::{RequestSource, VerifyOptions, verify};
use crate::error::{Error, Result};
use crate::inspector::body::BodyForm;
use crate::inspector::row::ListRow;
use crate::inspector::why::WhyTab;
use crate::inspector::{curl, detail, tables};
use crate::server::Reply;
use crate::store::{Record, StoreError};
use crate::web::reply;

/// Samples that are offered at once.
const SAMPLES: usize = 50;

impl Api {
    /// Answers what changes nothing.
    pub(super) async fn read(&self, call: &Call) -> Result<Reply> {
        Ok(match call.words().as_slice() {
            ["tables"] => reply::json(200, &tables::json()),
            ["status"] => self.status().await?,
            ["records"] => self.records(call).await?,
            ["counters"] => {
                let target = self.options.live.as_ref().and_then(|live| live.forward_to.clone());
                let counted = self.ask(move |context, store| counters::counters(context, store, target.as_deref()));
                reply::json(200, &counted.await?)
            }
            ["charts"] => reply::json(200, &self.ask(|_, store| charts::minutes(store)).await?),
            ["records", number] => self.detail(record(number)?).await?,
            ["records", number, "body"] => self.body(record(number)?, call).await?,
            ["records", number, "bytes"] => self.bytes(record(number)?).await?,
            ["records", number, "why"] => self.why(record(number)?).await?,
            ["records", number, "curl"] => {
                let number = record(number)?;
                let listener = self.options.live.as_ref().and_then(|live| live.facts().url);
                let request = self
                    .ask(move |context, store| actions::curl(context, store, number, listener.as_deref()))
                    .await?;
                reply::json(200, &json!({ "text": curl::command(&request) }))
            }
            ["diff"] => {
                let (left, right) = (call.text("left").to_owned(), call.text("right").to_owned());
                let found = self.ask(move |context, store| difference::records(context, store, &left, &right));
                reply::json(200, &found.await?)
            }
            ["samples"] => {
                let query = call.text("q").to_owned();
                let found = self.aside(move |context| Ok(actions::samples(context, &query, SAMPLES)));
                reply::json(200, &found.await?)
            }
            ["endpoints"] => self.endpoints().await?,
            _ => return Err(not_found()),
        })
    }

    async fn status(&self) -> Result<Reply> {
        let live = self.options.live.as_ref().map(|live| live.facts());
        let endpoints = self
            .aside(|context| Ok(context.book().read()?.len()))
            .await
            .unwrap_or(0);
        let body = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "ledger": self.context.store_place.to_string(),
            "listener": live,
            "endpoints": endpoints,
            "now_ms": self.context.now().unix_ms(),
        });
        Ok(reply::json(200, &body))
    }

    async fn records(&self, call: &Call) -> Result<Reply> {
        let line = call.text("q").to_owned();
        let (before, after) = (call.number("before")?, call.number("after")?);
        let limit = usize::try_from(call.number("limit")?.unwrap_or(100)).unwrap_or(usize::MAX);
        let context = self.context.clone();
        let asked = self.reader.ask(move |store| {
            let filter = RecordFilter::parse(&context, &line);
            Ok(filter.and_then(|filter| {
                let options = BrowseOptions {
                    filter,
                    before,
                    after,
                    limit,
                };
                browse(&context, store, &options)
            }))
        });
        let page = match asked.await {
            // Nothing was recorded yet: an empty list.
            Err(StoreError::Missing(_)) => BrowsePage::default(),
            page => page??,
        };
        let body = json!({
            "records": page.records.iter().map(ListRow::of).collect::<Vec<_>>(),
            "newest": page.newest,
            "oldest": page.oldest,
            "next": page.next,
            "hidden": page.hidden,
        });
        Ok(reply::json(200, &body))
    }

    async fn detail(&self, number: u64) -> Result<Reply> {
        let found = self
            .ask(move |context, store| detail::detail(context, store, number))
            .await?;
        Ok(reply::json(200, &found))
    }

    async fn body(&self, number: u64, call: &Call) -> Result<Reply> {
        let form = BodyForm::from_name(call.text("form")).unwrap_or_default();
        let offset = usize::try_from(call.number("offset")?.unwrap_or(0)).unwrap_or(usize::MAX);
        let page = self
            .ask(move |context, store| detail::body_page(context, store, number, (form, offset)))
            .await?;
        Ok(reply::json(200, &page))
    }

    /// The body as it was recorded, without secrets.
    async fn bytes(&self, number: u64) -> Result<Reply> {
        let bytes = self.aside(move |context| detail::whole_body(context, number)).await?;
        let mut reply = reply::typed(200, "application/octet-stream", bytes);
        reply.headers.set("content-disposition", "attachment");
        Ok(reply)
    }

    /// The verdict, checked again where that is possible.
    async fn why(&self, number: u64) -> Result<Reply> {
        let secrets = self.options.secrets.clone();
        let tab = self
            .aside(move |context| {
                let store = context.reader()?;
                let details = detail::read(context, &*store, number)?;
                // The secret of a delivery is that of its endpoint, and that of a capture the listener's.
                let is_capture = matches!(details.record, Record::Capture(_));
                let report = verify(
                    context,
                    VerifyOptions {
                        request: RequestSource::Record(number.to_string()),
                        provider: None,
                        secrets: if is_capture { secrets } else { Vec::new() },
                        at: None,
                        method: None,
                        url: None,
                        reveal: false,
                    },
                );
                let note = |error: &Error| crate::text::printable(&error.to_string(), 400);
                Ok(WhyTab::of(&details, report.as_ref().map_err(note)))
            })
            .await?;
        Ok(reply::json(200, &tab))
    }

    async fn endpoints(&self) -> Result<Reply> {
        let found = self.aside(actions::endpoints).await?;
        Ok(reply::json(200, &found))
    }
}
