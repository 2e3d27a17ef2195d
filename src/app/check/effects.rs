//! How many effects a receiver has had so far, by a command or a URL of the user's that gives one integer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::error::{Error, Result};
use crate::exchange::{Outcome, Request};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::process::printed;
use crate::target::TargetSpec;
use crate::text::printable;
use crate::transport::{HttpTransport, Transport as _};

/// How long one reading may take.
const READING: Duration = Duration::from_secs(5);

/// Bytes of what a command prints, at most.
const PRINTED: u64 = 4096;

/// How long an effect may come after the answer: a receiver answers before it works.
pub(super) const LATE: Duration = Duration::from_secs(5);

/// How long the number must stay the same, at least.
const STILL: Duration = Duration::from_millis(150);

/// How long it may go on changing: it is not the number of effects of the audit's requests then.
const RESTLESS: Duration = Duration::from_secs(12);

/// How often it is read.
const POLL: Duration = Duration::from_millis(25);

const EXAMPLE: &str = "let it give the number of effects so far, such as the rows of a table: `--effects 'psql -tAc \"select count(*) from orders\"'`";

/// How the number has grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Growth {
    /// By how much.
    pub(super) seen: i64,
    /// How long that took.
    pub(super) took: Duration,
}

/// Where the number comes from.
pub(super) struct EffectCounter {
    source: EffectSource,
    transport: Arc<HttpTransport>,
    /// Stops reading.
    cancel: CancellationToken,
}

enum EffectSource {
    Url(Url),
    Command(String),
}

impl EffectCounter {
    /// Reads what the user typed: a URL, or a command.
    pub(super) fn parse(text: &str, transport: Arc<HttpTransport>, cancel: CancellationToken) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::usage("`--effects` is empty").hint(EXAMPLE));
        }
        let source = match TargetSpec::parse(text)? {
            TargetSpec::Url(url) => EffectSource::Url(url),
            TargetSpec::Command(command) => EffectSource::Command(command),
        };
        Ok(Self {
            source,
            transport,
            cancel,
        })
    }

    /// The effects so far.
    pub(super) async fn read(&self) -> Result<i64> {
        tokio::select! {
            () = self.cancel.cancelled() => Err(Error::silent(Exit::Interrupted)),
            number = self.number() => number,
        }
    }

    async fn number(&self) -> Result<i64> {
        let text = match &self.source {
            EffectSource::Url(url) => self.fetched(url).await?,
            EffectSource::Command(command) => {
                let printed = printed(command, PRINTED, READING).await;
                printed.map_err(|error| Error::usage("`--effects` cannot be read").cause(error))?
            }
        };
        let number = text.trim();
        number.parse().map_err(|_| {
            Error::usage(format!("`--effects` gave `{}`, not an integer", printable(number, 100))).hint(EXAMPLE)
        })
    }

    async fn fetched(&self, url: &Url) -> Result<String> {
        let request = Request {
            method: "GET".into(),
            url: url.clone(),
            headers: Headers::new(),
            body: bytes::Bytes::new(),
            timeout: READING,
        };
        let outcome = self.transport.send(&request).await;
        match &outcome {
            Outcome::Answer(answer) if answer.status == 200 => Ok(String::from_utf8_lossy(&answer.body).into_owned()),
            outcome => Err(Error::usage(format!(
                "`--effects` cannot be read: {}",
                outcome.summary()
            ))),
        }
    }

    /// The effects since `before`, once `expected` are there and no more come for a while, or none come for `patience`. `None` where the
    /// number never stays the same.
    pub(super) async fn settled(&self, before: i64, expected: i64, patience: Duration) -> Result<Option<Growth>> {
        let started = Instant::now();
        let (mut last, mut since) = (self.read().await?, Instant::now());
        loop {
            let enough = last - before >= expected;
            // Work that takes long may be done a second time just as late.
            let still = STILL.max(since.duration_since(started) / 4);
            if since.elapsed() >= if enough { still } else { patience } {
                return Ok(Some(Growth {
                    seen: last - before,
                    took: since.duration_since(started),
                }));
            }
            if started.elapsed() >= RESTLESS {
                return Ok(None);
            }
            sleep(POLL).await;
            let now = self.read().await?;
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
    }
}
