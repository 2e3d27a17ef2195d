//! Messages: composed events, bytes, or the fields of a workflow.

use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;
use serde_json::value::RawValue;

use crate::app::context::Context;
use crate::app::workflow;
use crate::clock::Timestamp;
use crate::engine::Delivery;
use crate::error::{Error, Result};
use crate::form::{self, is_urlencoded};
use crate::id::{Id, IdKind, is_uuid};
use crate::json_text;
use crate::message::Message;
use crate::provider::Profile;
use crate::provider::compose::{ComposeOptions, Composer};
use crate::provider::workflow::Merge;
use crate::random::Random;
use crate::text::{printable, quoted};

/// The content of the message.
#[derive(Debug, Clone, Default)]
pub struct BodyOptions {
    /// The data and what changes it. The event is the send's.
    pub compose: ComposeOptions,
    /// A body instead of one that is composed.
    pub whole: Option<WholeBody>,
    /// The type of a body that is given as bytes; absent: the provider's.
    pub content_type: Option<String>,
    /// Whether the fields are sent as a form.
    pub form: bool,
    /// The record that merge tags are filled from, a JSON document, instead of the provider's sample.
    pub record: Option<Vec<u8>>,
    /// Whether merge tags that are empty or lack their namespace are refused.
    pub strict: bool,
}

/// A body without an envelope.
#[derive(Debug, Clone)]
pub enum WholeBody {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// Fields of a workflow, with merge tags.
    Fields(Vec<(String, String)>),
    /// A workflow's body, JSON text, its tags filled in.
    Document(String),
}

/// Where messages come from.
pub(super) enum MessageSource<'a> {
    /// An event in its envelope.
    Composed(Box<Composer<'a>>),
    /// Fixed but for the ids and, unless it was given, the time.
    Fixed {
        profile: &'a Profile,
        wanted: Box<ComposeOptions>,
        content_type: String,
        body: Bytes,
    },
}

/// Makes the messages of one run: fresh ones, or the same on every run of one seed.
pub struct MessageFactory<'a> {
    source: MessageSource<'a>,
    random: Arc<Random>,
    /// The time of the first message, where it must be the same on every run.
    base: Option<Timestamp>,
}

impl<'a> MessageFactory<'a> {
    pub(super) fn new(context: &Context, source: MessageSource<'a>, seed: Option<u64>) -> Self {
        Self {
            source,
            random: seed.map_or_else(|| Arc::clone(&context.random), |seed| Arc::new(Random::seeded(seed))),
            // Any fixed moment would do; one in the future is not mistaken for a real one.
            base: seed.map(|_| Timestamp::from_unix(1_893_456_000)),
        }
    }

    /// The message of that number, with identities of its own.
    pub fn message(&self, context: &Context, index: u64) -> Result<Arc<Message>> {
        let now = context.now();
        let id = Id::new(IdKind::Message, now, &context.random);
        let at = self
            .base
            .map_or(now, |base| base.shifted_us(i64::try_from(index).unwrap_or(0) * 1000));
        Ok(Arc::new(match &self.source {
            MessageSource::Composed(composer) => composer.compose(id, at, &self.random)?,
            MessageSource::Fixed {
                profile,
                wanted,
                content_type,
                body,
            } => Message {
                id,
                wire_id: {
                    let fresh = || profile.fresh_id(at, &self.random);
                    profile.wire_id(wanted.id.clone().unwrap_or_else(fresh), content_type, body)
                },
                event: wanted.event.clone(),
                time: wanted.time.unwrap_or(at),
                mode: wanted.mode,
                content_type: content_type.clone(),
                body: body.clone(),
            },
        }))
    }
}

impl BodyOptions {
    /// Whether the body names the event itself, so that none must be given.
    pub fn is_whole(&self) -> bool {
        self.whole.is_some()
    }

    /// The source of messages of that event.
    pub(super) fn source<'a>(
        &self,
        context: &Context,
        profile: &'a Profile,
        event: Option<&str>,
        params: Vec<(String, String)>,
    ) -> Result<MessageSource<'a>> {
        let wanted = ComposeOptions {
            event: event.unwrap_or_default().to_owned(),
            params,
            ..self.compose.clone()
        };
        let document = match &self.whole {
            None if event.is_none() => return Err(no_event(profile)),
            None => return self.composed(context, profile, wanted),
            Some(WholeBody::Bytes(_)) if !wanted.edits.is_empty() => {
                let what = "`--set` does not change a `--body`: its bytes are sent as they are";
                return Err(Error::usage(what));
            }
            Some(WholeBody::Bytes(bytes)) => return Ok(self.fixed(profile, wanted, bytes.clone())),
            Some(WholeBody::Document(document)) => Ok(document.clone()),
            Some(WholeBody::Fields(fields)) => self.merge(context, profile, |merge| Ok(merge.fields(fields))),
        };
        let mut edits = wanted.edits.iter();
        let document = edits.try_fold(document?, |document, edit| edit.apply(&document))?;
        Ok(self.fixed(profile, wanted, document.into_bytes()))
    }

    fn fixed<'a>(&self, profile: &'a Profile, mut wanted: ComposeOptions, body: Vec<u8>) -> MessageSource<'a> {
        let content_type = self.content_type.as_deref();
        let content_type = content_type.unwrap_or_else(|| profile.type_of(&body)).to_owned();
        if wanted.event.is_empty() {
            let headers = [("content-type", content_type.as_str())].into_iter().collect();
            wanted.event = profile.facts(&headers, &body).event.unwrap_or_default();
        }
        MessageSource::Fixed {
            profile,
            content_type,
            wanted: Box::new(wanted),
            body: body.into(),
        }
    }

    fn composed<'a>(
        &self,
        context: &Context,
        profile: &'a Profile,
        mut wanted: ComposeOptions,
    ) -> Result<MessageSource<'a>> {
        if let (Some(data), Some(_)) = (&wanted.data, &self.record) {
            wanted.data = Some(self.merge(context, profile, |merge| merge.document(data))?);
        }
        if wanted.id.is_some() && !profile.carries_id(profile.canonical_event(&wanted.event).unwrap_or_default()) {
            context.notices.warn(format!(
                "messages of `{}` carry no id: `--id` changes nothing",
                profile.label()
            ));
        } else if let Some(id) = &wanted.id
            && is_uuid(&profile.fresh_id(context.clock.now(), &context.random))
            && !is_uuid(id)
        {
            let (id, label) = (printable(id, 100), profile.label());
            context
                .notices
                .warn(format!("`{id}` is no UUID, as the ids of `{label}` are"));
        }
        let event = wanted.event.clone();
        let composer = Composer::new(profile, wanted)?;
        if composer.event() != event {
            context
                .notices
                .note(format!("`{event}` is an alias of `{}`", composer.event()));
        }
        Ok(MessageSource::Composed(Box::new(composer)))
    }

    /// Fills in merge tags.
    fn merge(
        &self,
        context: &Context,
        profile: &Profile,
        fill: impl FnOnce(&mut Merge<'_>) -> std::result::Result<String, serde_json::Error>,
    ) -> Result<String> {
        let sample = workflow::sample_record(profile);
        let record = workflow::record(profile, self.record.as_deref())?;
        let mut merge = Merge::new(&record).within(sample.as_ref());
        let filled = fill(&mut merge).map_err(|error| Error::usage("the data is not JSON").cause(error))?;
        workflow::check_tags(context, profile, &merge.faults, self.strict)?;
        Ok(filled)
    }
}

/// A GET has no body: its fields go to the query. A form has another body and type.
pub(super) fn reshape(delivery: &mut Delivery, is_form: bool) -> Result<()> {
    let is_get = delivery.method == "GET";
    let has_form = is_urlencoded(&delivery.message.content_type);
    if is_get && (has_form || delivery.message.body.is_empty()) {
        let mut message = (*delivery.message).clone();
        if !message.body.is_empty() {
            let fields = form::fields(&message.content_type, &message.body);
            delivery.url.query_pairs_mut().extend_pairs(fields);
        }
        message.body = Bytes::new();
        delivery.message = Arc::new(message);
        return Ok(());
    }
    if !is_get && (!is_form || has_form) {
        return Ok(());
    }
    let fields: IndexMap<String, &RawValue> = serde_json::from_slice(&delivery.message.body)
        .map_err(|error| Error::usage("only a JSON object can be sent as fields").cause(error))?;
    let fields = fields.iter().map(|(name, value)| (name, json_text::bare(value.get())));
    let mut message = (*delivery.message).clone();
    if is_get {
        if fields.len() > 0 {
            delivery.url.query_pairs_mut().extend_pairs(fields);
        }
        message.body = Bytes::new();
    } else {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        message.body = form.extend_pairs(fields).finish().into();
        message.content_type = "application/x-www-form-urlencoded".into();
    }
    delivery.message = Arc::new(message);
    Ok(())
}

/// The error when no event of that provider is given.
pub fn no_event(profile: &Profile) -> Error {
    let label = profile.label();
    let some = quoted(profile.events.keys().take(3));
    Error::usage("no event is given").hint(format!(
        "{} has {}; `hook providers events {label}` shows its whole catalogue",
        profile.title, some
    ))
}
