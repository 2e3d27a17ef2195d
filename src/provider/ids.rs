//! Ids of messages: what is made for a new one, and what a receiver reads.

use std::sync::Arc;

use super::compose::{ComposeOptions, Composer};
use super::profile::Profile;
use crate::clock::Timestamp;
use crate::id::{Id, IdKind};
use crate::json_text;
use crate::message::Message;
use crate::random::Random;
use crate::template::{Placeholder, Template};

impl Profile {
    /// A fresh id in the provider's form, else in the ledger's.
    pub fn fresh_id(&self, now: Timestamp, random: &Random) -> String {
        match &self.message.id {
            Some(form) => form.fresh(random),
            None => Id::new(IdKind::Message, now, random).to_string(),
        }
    }

    /// A fresh id for one more message of that event: where the provider has no form of ids, one as in the event's sample.
    pub fn another_id(&self, event: &str, now: Timestamp, random: &Random) -> String {
        let in_sample = || {
            let composer = Composer::new(self, ComposeOptions::example(self, event)).ok()?;
            let message = composer
                .compose(Id::new(IdKind::Message, now, random), now, random)
                .ok()?;
            Some(message.wire_id).filter(|id| !id.is_empty())
        };
        let sample = if self.message.id.is_none() { in_sample() } else { None };
        sample.unwrap_or_else(|| self.fresh_id(now, random))
    }

    /// The id that a receiver of a message reads. `id` is the one that the message was made with: it counts where it is
    /// sent beside the body.
    pub fn wire_id(&self, id: String, content_type: &str, body: &[u8]) -> String {
        if self.has_id_header() {
            return id;
        }
        let headers = [("content-type", content_type)].into_iter().collect();
        self.facts(&headers, body).id.unwrap_or_default()
    }

    /// Whether a header carries the id of a message.
    pub fn has_id_header(&self) -> bool {
        let mut headers = self.headers.values().flat_map(Template::placeholders);
        headers.any(|placeholder| *placeholder == Placeholder::Id)
    }

    /// Whether the id of a message of that event goes over the wire: in a header, in the envelope, or in the sample.
    pub fn carries_id(&self, event: &str) -> bool {
        let mut fields = self.envelope.json.values();
        let in_sample = || {
            self.sample(event)
                .is_ok_and(|sample| sample.to_string().contains("${id}"))
        };
        self.has_id_header() || fields.any(|field| field.0.placeholders().contains(&&Placeholder::Id)) || in_sample()
    }

    /// The body with another id in the place of its own; `None` where it has none.
    pub fn with_id(&self, body: &[u8], id: &str) -> Option<Vec<u8>> {
        let (mark, text) = json_text::split_mark(body)?;
        let mut paths = self.read.id.iter().filter_map(|place| place.body_path());
        let (path, old) = paths.find_map(|path| Some((path, json_text::get(text, path)?)))?;
        // A receiver expects a number where a number stood.
        let is_number = |text: &str| text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        let new = Some(id.to_owned()).filter(|id| is_number(old) && id.bytes().all(|byte| byte.is_ascii_digit()));
        let text = json_text::set(text, path, &new.unwrap_or_else(|| json_text::quoted(id)))?;
        Some([mark, &text].concat().into_bytes())
    }

    /// The message for one more endpoint: the same, or with an id of its own where the provider gives every delivery one.
    pub fn for_another_delivery(&self, message: &Arc<Message>, now: Timestamp, random: &Random) -> Arc<Message> {
        if !self.message.id_per_delivery {
            return Arc::clone(message);
        }
        let mut other = (**message).clone();
        other.id = Id::new(IdKind::Message, now, random);
        let id = self.fresh_id(now, random);
        if let Some(body) = self.with_id(&message.body, &id) {
            other.body = body.into();
        }
        other.wire_id = self.wire_id(id, &message.content_type, &other.body);
        Arc::new(other)
    }
}
