//! The header lines that a provider sends with a message.

use super::profile::Profile;
use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::message::Message;
use crate::signature::{Signer, ToSign};
use crate::template::Placeholder;

impl Profile {
    /// Every line of a request that begins now, but for those that the transport sets.
    pub fn request_headers(&self, message: &Message, signer: Option<&Signer>, now: Timestamp) -> Headers {
        let mut headers = Headers::new();
        if !message.body.is_empty() && !message.content_type.is_empty() {
            headers.append("content-type", message.content_type.as_str());
        }
        let agent = self.user_agent.as_deref();
        headers.append(
            "user-agent",
            agent.unwrap_or(concat!("hook/", env!("CARGO_PKG_VERSION"))),
        );
        self.add_own(message, signer, now, &mut headers);
        headers
    }

    /// The lines that are the provider's own: the signature and what stands beside it.
    pub fn own_headers(&self, message: &Message, signer: Option<&Signer>, now: Timestamp) -> Headers {
        let mut headers = Headers::new();
        self.add_own(message, signer, now, &mut headers);
        headers
    }

    fn add_own(&self, message: &Message, signer: Option<&Signer>, now: Timestamp, headers: &mut Headers) {
        for (name, template) in &self.headers {
            let value = template.render(|placeholder| match placeholder {
                Placeholder::Event => Some(message.event.clone()),
                Placeholder::Id => Some(message.wire_id.clone()),
                Placeholder::Mode => Some(message.mode.name().to_owned()),
                Placeholder::Timestamp(form) => Some(form.text(now)),
                Placeholder::Time(form, shift) => Some(form.text(message.time.shifted_us(*shift))),
                _ => None,
            });
            // A header about the event cannot be sent when the event is not known, as with bytes given by the user.
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                headers.append(name, value);
            }
        }
        let content = ToSign {
            id: &message.wire_id,
            event: &message.event,
            timestamp: now,
            body: &message.body,
        };
        if let Some((name, value)) = signer.and_then(|signer| signer.sign(&content)) {
            headers.set(&name, value);
        }
    }
}
