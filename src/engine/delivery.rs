//! A delivery, and the request of each of its attempts.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::time::Instant;
use url::Url;

use crate::clock::Timestamp;
use crate::exchange::{Execution, Request, SecretKind, SigningMode, Source, WorkKey};
use crate::headers::Headers;
use crate::health::HealthTarget;
use crate::id::{Id, IdKind};
use crate::message::Message;
use crate::provider::policy::Policy;
use crate::provider::{Profile, RequestTarget};
use crate::random::Random;
use crate::signature::{SignError, Signer};
use crate::transport::AddressPolicy;

/// One message on its way to one URL.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// `dlv_...`
    pub id: Id,
    /// Its number in the ledger, where it is known.
    pub number: Option<u64>,
    /// What is delivered.
    pub message: Arc<Message>,
    /// Where to.
    pub url: Url,
    /// With which method.
    pub method: String,
    /// Headers beside the provider's own: the user's, or those of a capture. They win over the provider's.
    pub headers: Headers,
    /// How each attempt is signed.
    pub signing: Signing,
    /// Time limit, success and retries.
    pub policy: Arc<Policy>,
    /// Which addresses it may reach.
    pub addresses: AddressPolicy,
    /// Attempts that were made before, of a delivery that is resumed.
    pub progress: Progress,
    /// When it was created.
    pub at: Timestamp,
    /// Whether URL, method or headers are other than its record says, for one that is on record.
    pub is_changed: bool,
    /// For the record.
    pub label: Arc<Label>,
}

/// What the record says about a delivery, beside its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// The use case that created it.
    pub source: Source,
    /// The provider that is played, with its variant.
    pub provider: Option<String>,
    /// The endpoint's name, when it goes to one.
    pub endpoint: Option<String>,
    /// Whose it is.
    pub tenant: Option<String>,
    /// The record that it repeats or forwards.
    pub origin: Option<u64>,
    /// The run of a workflow that it is.
    pub execution: Option<Execution>,
    /// What was promised before it began.
    pub promise: Promise,
    /// Whose health its end changes.
    pub health: Option<HealthTarget>,
}

/// What was promised before a delivery began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Promise {
    /// Nothing: it is recorded with its first attempt.
    #[default]
    Nothing,
    /// It is an item of the ledger's work queue, and stays there when it is not begun.
    Item(WorkKey),
    /// It is an item of the ledger's work queue, whose first attempt is on record.
    Begun(WorkKey),
    /// It was taken from the ledger's queue for one attempt, and waits there for the next one.
    Queued,
    /// The sender waits for the answer, and sends again when it gets none: it is not resumed.
    Answer,
}

impl Promise {
    /// The item of the work queue.
    pub fn item(self) -> Option<WorkKey> {
        match self {
            Self::Item(key) | Self::Begun(key) => Some(key),
            Self::Nothing | Self::Queued | Self::Answer => None,
        }
    }
}

/// How the attempts of a delivery are signed.
#[derive(Debug, Clone)]
pub enum Signing {
    /// Each attempt with the provider's headers and a new signature and timestamp.
    Fresh {
        /// Whose headers.
        profile: Arc<Profile>,
        /// With which keys; absent: unsigned.
        signer: Option<Arc<Signer>>,
        /// What the ledger keeps in place of the keys.
        secret: Arc<SecretKind>,
    },
    /// The headers are sent as they were captured.
    AsCaptured,
    /// With the delivery's own headers, whose signature is wrong on purpose: a receiver must refuse it.
    Invalid(SigningMode),
}

/// The attempts so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Attempts made.
    pub attempts: u32,
    /// When the first one began.
    pub first_at: Option<Timestamp>,
    /// When the next one is due; absent: at once.
    pub next_due: Option<Timestamp>,
    /// The same by a monotonic clock, where it is known.
    pub due: Option<Instant>,
    /// What was wrong with the last one.
    pub retry_reason: Option<&'static str>,
}

impl Delivery {
    /// A delivery that was not tried yet: a POST without headers of its own, to any address.
    pub fn new(
        random: &Random,
        at: Timestamp,
        message: impl Into<Arc<Message>>,
        url: Url,
        signing: Signing,
        policy: Arc<Policy>,
        label: impl Into<Arc<Label>>,
    ) -> Self {
        Self {
            id: Id::new(IdKind::Delivery, at, random),
            number: None,
            message: message.into(),
            url,
            method: "POST".to_owned(),
            headers: Headers::new(),
            signing,
            policy,
            addresses: AddressPolicy::Any,
            progress: Progress::default(),
            at,
            is_changed: false,
            label: label.into(),
        }
    }

    /// The request of an attempt that begins now, after those of the progress. Host and framing headers are left to the
    /// transport.
    pub fn request(&self, now: Timestamp, progress: Progress) -> Result<Request, SignError> {
        let (mut headers, body, url) = match &self.signing {
            Signing::Fresh { profile, signer, .. } => {
                let message = self.message_as_sent();
                let url = match signer {
                    Some(_) => self.address(profile, &message),
                    None => self.url.clone(),
                };
                let target = RequestTarget {
                    method: &self.method,
                    url: url.as_str(),
                    retries: progress.attempts,
                    retry_reason: progress.retry_reason,
                };
                let (headers, body) = profile.request(&message, signer.as_deref(), now, target)?;
                (headers, body, url)
            }
            Signing::AsCaptured | Signing::Invalid(_) => (Headers::new(), self.message.body.clone(), self.url.clone()),
        };
        // The transport decides whether a given `host` is kept.
        let goes_out = |name: &str| name == "host" || !Headers::is_framing(name);
        headers.replace_with(self.headers.iter().filter(|(name, _)| goes_out(name)));
        Ok(Request {
            method: self.method.clone(),
            url,
            headers,
            body,
            timeout: self.policy.timeout,
        })
    }

    /// The message with the content type of the headers: the signature may depend on it.
    fn message_as_sent(&self) -> Cow<'_, Message> {
        match self.headers.get_text("content-type") {
            Some(own) => Cow::Owned(Message {
                content_type: own.to_owned(),
                ..(*self.message).clone()
            }),
            None => Cow::Borrowed(&self.message),
        }
    }

    /// The URL with the query parameters of the signature.
    fn address(&self, profile: &Profile, message: &Message) -> Url {
        let url = self.url.as_str();
        let signed = profile.scheme.address(url, &message.content_type, &message.body);
        let signed = signed.and_then(|url| Url::parse(&url).ok());
        signed.unwrap_or_else(|| self.url.clone())
    }
}
