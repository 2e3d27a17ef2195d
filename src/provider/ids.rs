//! Ids of messages: what is made for a new one, and what a receiver reads.

use super::profile::Profile;
use crate::clock::Timestamp;
use crate::id::{Id, IdKind};
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
}
