//! Flags of `hook listen`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::super::complete;
use super::super::retry::RetryArgs;
use crate::listener::Network;

/// Receive webhooks: verify, explain, record, answer, forward, run a command
#[derive(Debug, Clone, clap::Args)]
pub(in super::super) struct ListenArgs {
    /// Verify with this secret: `[NAME=]REF`, or alone with the dev secret (can be repeated). A name that is one of several
    /// providers given binds it to that one
    #[arg(short, long = "secret", value_name = "[NAME=]REF", add = complete::secrets(), num_args = 0..=1, default_missing_value = "", help_heading = "Verification")]
    pub(super) secrets: Vec<String>,
    /// Expect this provider instead of recognising it (can be repeated)
    #[arg(short, long = "provider", value_name = "NAME", add = complete::providers(), help_heading = "Verification")]
    pub(super) providers: Vec<String>,
    /// Take bodies up to this size, and answer larger ones 413: `500KiB`, `64MiB`
    #[arg(long, value_name = "SIZE", value_parser = crate::size::body, default_value = "32MiB", help_heading = "Verification")]
    pub(super) max_body: usize,
    /// Require this bearer token, by reference
    #[arg(long, value_name = "REF", add = complete::references(), help_heading = "Verification")]
    pub(super) require_bearer: Option<String>,
    /// Take requests from these addresses only: `10.0.0.0/8` (can be repeated)
    #[arg(long = "allow-ip", value_name = "CIDR", help_heading = "Verification")]
    pub(super) allow_ip: Vec<Network>,
    /// How long a second delivery of the same event counts as a duplicate
    #[arg(long, value_name = "DURATION", value_parser = super::super::duration, help_heading = "Verification")]
    pub(super) dedupe_window: Option<Duration>,

    /// What a provider must say that was told to say something when it asks, by reference: `hub.verify_token`
    #[arg(long, value_name = "REF", add = complete::references(), help_heading = "Handshakes")]
    pub(super) handshake_token: Option<String>,
    /// Open the URL that confirms an SNS subscription, when it is https on `sns.REGION.amazonaws.com`
    #[arg(long, help_heading = "Handshakes")]
    pub(super) confirm_sns: bool,

    /// Be an inbound trigger: take unsigned requests at a path that nobody can guess
    #[arg(long, conflicts_with_all = ["secrets", "dedupe_window", "filter"], help_heading = "Inbound trigger")]
    pub(super) inbound: bool,
    /// The workflow whose trigger it is; each has a URL of its own, which stays the same
    #[arg(long, value_name = "NAME", add = complete::workflows(), requires = "inbound", help_heading = "Inbound trigger")]
    pub(super) workflow: Option<String>,
    /// Take a field of the record from that place of the request: `plan=custom.plan` (can be repeated)
    #[arg(
        long,
        value_name = "FIELD=PATH",
        requires = "inbound",
        help_heading = "Inbound trigger"
    )]
    pub(super) map: Vec<String>,
    /// A fresh path instead of the one so far
    #[arg(long, requires = "inbound", help_heading = "Inbound trigger")]
    pub(super) new_path: bool,
    /// Forget the sample: the next request is kept instead
    #[arg(long, requires = "inbound", help_heading = "Inbound trigger")]
    pub(super) new_sample: bool,

    /// Port to listen on; 0 for any that is free
    #[arg(long, value_name = "PORT", help_heading = "Address")]
    pub(super) port: Option<u16>,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", help_heading = "Address")]
    pub(super) bind: IpAddr,
    /// Allow an address that other machines can reach
    #[arg(long, help_heading = "Address")]
    pub(super) expose: bool,
    /// Speak TLS, with a certificate made on the spot unless one is given
    #[arg(long, help_heading = "Address")]
    pub(super) tls: bool,
    /// Certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"], help_heading = "Address")]
    pub(super) cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["tls", "cert"], help_heading = "Address")]
    pub(super) key: Option<PathBuf>,
    /// The URL under which a tunnel makes this listener reachable
    #[arg(long, value_name = "URL", value_parser = public_url, help_heading = "Address")]
    pub(super) public_url: Option<String>,
    /// Write the URL to this file when ready
    #[arg(long, value_name = "FILE", help_heading = "Address")]
    pub(super) ready_file: Option<PathBuf>,

    /// Status of the answer; 200 unless given, or what the provider takes for success where 200 is none
    #[arg(long, value_name = "CODE", value_parser = clap::value_parser!(u16).range(200..=599), help_heading = "Answer")]
    pub(super) status: Option<u16>,
    /// Status of the answer to refused requests
    #[arg(long, value_name = "CODE", default_value_t = 401, value_parser = clap::value_parser!(u16).range(200..=599), help_heading = "Answer")]
    pub(super) reject_status: u16,
    /// Wait before each answer
    #[arg(long, value_name = "DURATION", value_parser = super::super::duration, default_value = "0", help_heading = "Answer")]
    pub(super) delay: Duration,
    /// Answer the first N requests that are not refused with 500
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Answer")]
    pub(super) fail_first: u64,
    /// Answer at once, or with what the app says
    #[arg(long, value_name = "WHO", default_value = "first", help_heading = "Answer")]
    pub(super) answer: Answer,

    /// Send requests on to this URL, with its query before theirs
    #[arg(short, long, value_name = "URL", help_heading = "Afterwards")]
    pub(super) forward_to: Option<String>,
    /// Forwards to a URL, and runs of a command, at once instead of one after the other
    #[arg(long, value_name = "N", value_parser = super::super::concurrency, help_heading = "Afterwards")]
    pub(super) concurrency: Option<usize>,
    /// Time limit of a forward
    #[arg(long, value_name = "DURATION", value_parser = super::super::duration, default_value = "30s", help_heading = "Afterwards")]
    pub(super) timeout: Duration,
    /// Keep the request's `Host` when forwarding
    #[arg(long, help_heading = "Afterwards")]
    pub(super) preserve_host: bool,
    #[command(flatten)]
    pub(super) retry: RetryArgs,
    /// Run this command for each event: body on stdin, `WEBHOOK_*` in its environment
    #[arg(long, value_name = "CMD", help_heading = "Afterwards")]
    pub(super) exec: Option<String>,
    /// Time limit of a command; none unless given
    #[arg(long, value_name = "DURATION", value_parser = super::super::duration, help_heading = "Afterwards")]
    pub(super) exec_timeout: Option<Duration>,
    /// Send events of a kind to a URL or a command: `EVENT=URL or CMD` (can be repeated)
    #[arg(long, value_name = "ROUTE", help_heading = "Afterwards")]
    pub(super) on: Vec<String>,
    /// Run commands for requests too that carry neither a signature nor a token
    #[arg(long, help_heading = "Afterwards")]
    pub(super) unverified: bool,
    /// Show, forward and run only for events that fit: `job.*`
    #[arg(long, value_name = "PATTERN", add = complete::events(), help_heading = "Afterwards")]
    pub(super) filter: Option<String>,
    /// Show credentials with `-v`
    #[arg(long, help_heading = "Afterwards")]
    pub(super) reveal: bool,

    /// Stop after so many requests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "End")]
    pub(super) count: Option<u64>,
    /// Stop after this time; exit 8 when `--count` was not reached
    #[arg(long = "for", value_name = "DURATION", value_parser = super::super::duration, help_heading = "End")]
    pub(super) lasts: Option<Duration>,
    /// Command to run once ready, with the listener's URL in `HOOK_URL`; its exit code becomes hook's
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<String>,
}

/// Kept as it is typed: signatures may cover it.
fn public_url(text: &str) -> Result<String, String> {
    let has_scheme = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    if has_scheme && super::super::targets::parse_url(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err("expected a URL such as `https://example.com/hooks`".to_owned())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Answer {
    /// At once
    First,
    /// With the answer of the app that requests are forwarded to, 32 MiB at most
    App,
}
