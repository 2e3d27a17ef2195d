//! Options of [`listen`](super::listen).

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::app::certificate::CertificateFiles;
use crate::app::expect::Expectations;
use crate::app::retry::RetryPlan;
use crate::event_filter::EventFilter;
use crate::listener::AnswerRules;

/// How requests are received, answered and passed on.
#[derive(Debug)]
pub struct ListenOptions {
    /// References of the secrets to verify with: `[NAME=]REF`.
    pub secrets: Vec<String>,
    /// Verify with the dev secret.
    pub dev_secret: bool,
    /// The providers that are expected; none: whichever is recognised.
    pub providers: Vec<String>,
    /// Bytes of a body, at most.
    pub max_body: usize,
    /// Reference of the bearer token that requests must carry.
    pub require_bearer: Option<String>,
    /// How long a second delivery of an event is a duplicate, instead of what the settings say.
    pub dedupe_window: Option<Duration>,
    /// Reference of the verify token that a provider has to send in its challenge.
    pub handshake_token: Option<String>,
    /// Open URLs that confirm a subscription.
    pub confirm_sns: bool,
    /// Be an inbound trigger.
    pub inbound: Option<TriggerOptions>,
    /// The address to listen on.
    pub bind: IpAddr,
    /// The port, instead of the settings'; 0 for any that is free.
    pub port: Option<u16>,
    /// Whether other machines may reach the address.
    pub expose: bool,
    /// Speak TLS.
    pub tls: Option<TlsOptions>,
    /// The URL under which a tunnel makes the listener reachable.
    pub public_url: Option<String>,
    /// How requests are answered.
    pub answers: AnswerRules,
    /// The provider whose schedule the senders' retries must follow.
    pub expect_retries: Option<String>,
    /// Answer with what the app answers, instead of at once.
    pub answer_by_app: bool,
    /// Where requests are forwarded to, instead of where the settings say.
    pub forward_to: Option<String>,
    /// Forwards to a URL, and runs of a command, at once.
    pub concurrency: usize,
    /// Time limit of a forward.
    pub timeout: Duration,
    /// Keep the request's `Host` when forwarding.
    pub preserve_host: bool,
    /// Do not check certificates when forwarding.
    pub insecure: bool,
    /// Certificates to trust when forwarding, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Which attempts follow a failed forward.
    pub retry: RetryPlan,
    /// Divides every wait between attempts.
    pub time_scale: f64,
    /// Command to run for each event.
    pub exec: Option<String>,
    /// Time limit of a command.
    pub exec_timeout: Option<Duration>,
    /// Routes: `EVENT=URL or CMD`.
    pub on: Vec<String>,
    /// Run commands for anybody.
    pub unverified: bool,
    /// Report and pass on only events that match all of these.
    pub filters: Vec<Arc<EventFilter>>,
    /// Stop after so many requests.
    pub count: Option<u64>,
    /// What has to arrive; none: nothing is judged.
    pub expectations: Option<Expectations>,
    /// Stop after this time.
    pub duration: Option<Duration>,
    /// Program with its arguments that runs beside the listener: both end together.
    pub command: Vec<String>,
    /// Whether that program may read the terminal.
    pub in_terminal: bool,
}

/// An inbound trigger: unsigned requests at a path that cannot be guessed.
#[derive(Debug)]
pub struct TriggerOptions {
    /// The workflow whose trigger it is.
    pub workflow: Option<String>,
    /// Fields of the record, and where in the request they come from.
    pub map: Vec<(String, String)>,
    /// Make a fresh path.
    pub new_path: bool,
    /// Keep the next request as the sample.
    pub new_sample: bool,
}

/// The certificate to serve with.
#[derive(Debug)]
pub struct TlsOptions {
    /// Chain and private key; absent: a certificate made on the spot.
    pub files: Option<CertificateFiles>,
}
