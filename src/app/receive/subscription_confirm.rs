//! After a challenge: the text for the operator, and the URL that confirms the subscription.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::app::context::http_transport;
use crate::app::notice::Notices;
use crate::error::Result;
use crate::exchange::{Outcome, Request};
use crate::headers::Headers;
use crate::listener::ChallengeReply;
use crate::text::printable;
use crate::text::status_line;
use crate::transport::{HttpTransport, Transport as _};

/// How long opening a URL may take.
const LIMIT: Duration = Duration::from_secs(10);

/// URLs opened at the same time: a flood of challenges opens no more.
const AT_ONCE: usize = 4;

/// Bytes of an answer that are read: only its status counts.
const KEPT: usize = 1024;

/// Reports challenges, and opens their URLs.
pub(super) struct SubscriptionConfirmer {
    notices: Notices,
    /// Absent: nothing is opened.
    transport: Option<Arc<HttpTransport>>,
    under_way: JoinSet<()>,
}

impl SubscriptionConfirmer {
    pub(super) fn new(notices: Notices, confirms: bool) -> Result<Self> {
        let transport = confirms.then(|| http_transport(Some(KEPT))).transpose()?;
        Ok(Self {
            notices,
            transport: transport.map(Arc::new),
            under_way: JoinSet::new(),
        })
    }

    /// One challenge.
    pub(super) fn take(&mut self, number: u64, reply: &ChallengeReply) {
        let notices = &self.notices;
        if let Some(tell) = &reply.tell {
            // Shown however quiet hook is: the ledger must not have it, and the provider does not send it again.
            notices.always(format!("#{number}: {}", printable(tell, 2000)));
        }
        if let Some(caution) = reply.caution {
            notices.note(format!("      {caution}"));
        }
        let Some((url, trusted)) = &reply.confirm else {
            return;
        };
        if !trusted {
            notices.warn(format!("#{number}: do not open that URL: it is not the provider's"));
            return;
        }
        match (self.transport.clone(), Url::parse(url)) {
            (Some(transport), Ok(url)) => self.open(number, transport, url),
            _ => notices.hint("open it by hand, or pass `--confirm-sns`"),
        }
    }

    fn open(&mut self, number: u64, transport: Arc<HttpTransport>, url: Url) {
        let notices = self.notices.clone();
        while self.under_way.try_join_next().is_some() {}
        if self.under_way.len() >= AT_ONCE {
            notices.warn(format!("#{number}: not confirmed: too many URLs are being opened"));
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
            // Redirects are never followed: only the checked host gets a request.
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

    /// Waits for the open requests.
    pub(super) async fn finish(mut self, late: &CancellationToken) {
        tokio::select! {
            () = late.cancelled() => {}
            () = async { while self.under_way.join_next().await.is_some() {} } => {}
        }
    }
}
