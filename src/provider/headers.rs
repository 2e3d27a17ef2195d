//! The header lines that a provider sends with a message.

use bytes::Bytes;

use super::profile::Profile;
use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::message::{Message, Mode};
use crate::random::Random;
use crate::signature::{SignError, Signed, Signer, ToSign};
use crate::template::{Placeholder, Template, text_of};

/// Where a request goes, which some signatures cover, and how often that was tried.
#[derive(Debug, Clone, Copy)]
pub struct RequestTarget<'a> {
    /// With which method.
    pub method: &'a str,
    /// The whole URL.
    pub url: &'a str,
    /// Attempts before this one.
    pub retries: u32,
    /// What was wrong with the last of them.
    pub retry_reason: Option<&'static str>,
}

impl Profile {
    /// Every line of a request that begins now, but for those that the transport sets, and its body: the message's, with
    /// the signature in it where the provider signs so.
    pub fn request(
        &self,
        message: &Message,
        signer: Option<&Signer>,
        now: Timestamp,
        target: RequestTarget<'_>,
    ) -> Result<(Headers, Bytes), SignError> {
        let mut headers = Headers::new();
        if !message.body.is_empty() && !message.content_type.is_empty() {
            headers.append("content-type", message.content_type.as_str());
        }
        let agent = self.delivery.user_agent.as_deref();
        headers.append(
            "user-agent",
            agent.unwrap_or(concat!("hook/", env!("CARGO_PKG_VERSION"))),
        );
        self.signed(message, signer, now, target, headers)
    }

    /// The headers beside the signature in that mode.
    fn headers_in(&self, mode: Mode) -> impl Iterator<Item = (&String, &Template)> {
        let own = Some(&self.test_mode.headers).filter(|_| mode == Mode::Test);
        let replaced =
            move |name: &str| own.and_then(|own| own.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)));
        let all = self.headers.iter();
        let kept = all.map(move |(name, template)| replaced(name).unwrap_or((name, template)));
        let is_new = |name: &str| !self.headers.keys().any(|known| known.eq_ignore_ascii_case(name));
        let new = own.into_iter().flatten().filter(move |(name, _)| is_new(name));
        kept.chain(new)
    }

    /// The profile's own headers, those of the signature among them, beside the given ones, and the body as it is sent.
    pub fn signed(
        &self,
        message: &Message,
        signer: Option<&Signer>,
        now: Timestamp,
        target: RequestTarget<'_>,
        mut headers: Headers,
    ) -> Result<(Headers, Bytes), SignError> {
        for (name, template) in self.headers_in(message.mode) {
            let value = template.render(|placeholder| match placeholder {
                Placeholder::Event => Some(message.event.clone()),
                Placeholder::Id => Some(message.wire_id.clone()),
                // Ids of the ledger sort by time, while a version 4 uuid is what is expected there.
                Placeholder::MessageUuid => {
                    let of_message = Random::derived(message.id.uuid.as_bytes().to_vec());
                    Some(of_message.uuid_v4().to_string())
                }
                Placeholder::Mode => Some(message.mode.name().to_owned()),
                Placeholder::Live => Some((message.mode == Mode::Live).to_string()),
                Placeholder::Attempt(first) => Some(target.retries.saturating_add(*first).to_string()),
                Placeholder::Retry => (target.retries > 0).then(|| target.retries.to_string()),
                Placeholder::RetryReason => target.retry_reason.map(str::to_owned),
                Placeholder::Timestamp(form) => Some(form.text(now)),
                Placeholder::Time(form, shift) => Some(text_of(&form.value(message.time.shifted_us(*shift)))),
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
            method: target.method,
            url: target.url.split('#').next().unwrap_or_default(),
            headers: &headers,
        };
        match signer.map_or(Ok(Signed::Nothing), |signer| signer.sign(&content))? {
            Signed::Headers(lines) => lines.into_iter().for_each(|(name, value)| headers.set(&name, value)),
            Signed::Body(body) => return Ok((headers, body.into())),
            Signed::Nothing => {}
        }
        Ok((headers, message.body.clone()))
    }
}
