//! What follows a challenge: what the operator has to know, and the URL that confirms.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::app::notice::Notices;
use crate::error::{Error, Result};
use crate::exchange::{Outcome, Request};
use crate::headers::Headers;
use crate::listener::ChallengeReply;
use crate::text::printable;
use crate::text::status_line;
use crate::transport::{HttpOptions, HttpTransport, Transport as _};

/// How long opening a URL may take.
const LIMIT: Duration = Duration::from_secs(10);

/// URLs opened at the same time: whoever floods the listener with questions opens no more.
const AT_ONCE: usize = 4;

/// How much of an answer is read: only its status counts.
const KEPT: usize = 1024;

/// Tells, and opens what may be opened.
pub(super) struct SubscriptionConfirmer {
    notices: Notices,
    /// Absent: nothing is opened.
    transport: Option<Arc<HttpTransport>>,
    under_way: JoinSet<()>,
}

impl SubscriptionConfirmer {
    pub(super) fn new(notices: Notices, confirms: bool) -> Result<Self> {
        let options = HttpOptions {
            proxy_from_env: true,
            answer_kept: Some(KEPT),
            ..HttpOptions::default()
        };
        let transport = confirms.then(|| HttpTransport::new(options)).transpose();
        Ok(Self {
            notices,
            transport: transport
                .map_err(|error| Error::usage(error.to_string()).because_of(&error))?
                .map(Arc::new),
            under_way: JoinSet::new(),
        })
    }

    /// One challenge.
    pub(super) fn take(&mut self, number: u64, reply: &ChallengeReply) {
        let notices = &self.notices;
        if let Some(tell) = &reply.tell {
            // It stands nowhere else: the ledger must not have it, and the provider does not say it again.
            notices.always(format!("#{number}: {}", printable(tell, 2000)));
        }
        if let Some(caution) = reply.caution {
            notices.note(format!("      {caution}"));
        }
        let Some((url, trusted)) = &reply.confirm else {
            return;
        };
        if !trusted {
            notices.warn(format!("#{number}: that URL is not the provider's: do not open it"));
            return;
        }
        match (self.transport.clone(), Url::parse(url)) {
            (Some(transport), Ok(url)) => self.open(number, transport, url),
            _ => notices.hint("open it by hand, or let `--confirm-sns` do it"),
        }
    }

    fn open(&mut self, number: u64, transport: Arc<HttpTransport>, url: Url) {
        let notices = self.notices.clone();
        while self.under_way.try_join_next().is_some() {}
        if self.under_way.len() >= AT_ONCE {
            notices.warn(format!("#{number}: too many URLs are being opened: not confirmed"));
            return;
        }
        let request = Request {
            method: "GET".to_owned(),
            url,
            headers: Headers::new(),
            body: Bytes::new(),
            timeout: LIMIT,
        };
        self.under_way.spawn(async move {
            // Redirects are never followed: the host that was looked at is the only one that is asked.
            let why = match transport.send(&request).await {
                Outcome::Answer(answer) if (200..300).contains(&answer.status) => {
                    return notices.note(format!("#{number}: the subscription is confirmed"));
                }
                Outcome::Answer(answer) => format!("the provider answered {}", status_line(answer.status)),
                Outcome::Error { text, .. } => printable(&text, 400),
            };
            notices.warn(format!("#{number}: not confirmed: {why}"));
        });
    }

    /// Waits for what is being opened.
    pub(super) async fn finish(mut self, late: &CancellationToken) {
        tokio::select! {
            () = late.cancelled() => {}
            () = async { while self.under_way.join_next().await.is_some() {} } => {}
        }
    }
}
