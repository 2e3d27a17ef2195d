//! `hook endpoints test`: sends a signed event and some with faulty signatures, and checks the responses.

use super::super::http::HttpArgs;
use super::super::{input, runtime};
use crate::app::endpoints::probe::{ProbeOptions, ProbeRemote, probe};
use crate::cli::session::Session;
use crate::endpoints::{Endpoint, EndpointStore};
use crate::error::Result;
use crate::exit::Exit;
use crate::finding::Level;
use crate::shutdown::Shutdown;
use crate::transport::AddressPolicy;

/// Send a signed test event and some with faulty signatures, and check the receiver
#[derive(Debug, clap::Args)]
pub(super) struct EndpointProbeArgs {
    /// Name, id or id prefix
    #[arg(value_name = "NAME", add = crate::cli::complete::endpoints())]
    pub(super) endpoint: String,
    /// The event to send instead of the provider's test event
    #[arg(long, value_name = "EVENT", add = crate::cli::complete::events())]
    event: Option<String>,
    /// How many genuine events to send; the slowest response counts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// Parameter of the provider's envelope: `NAME=VALUE` (can be repeated)
    #[arg(long = "param", value_name = "PAIR", value_parser = input::pair)]
    params: Vec<(String, String)>,
    #[command(flatten)]
    http: HttpArgs,
}

/// Tests an endpoint of the local book, or of the remote store.
pub(super) fn run(
    session: &Session,
    args: &EndpointProbeArgs,
    endpoint: Endpoint,
    remote: Option<(&dyn EndpointStore, &str)>,
) -> Result<Exit> {
    let runtime = runtime()?;
    let shutdown = runtime.block_on(async { Shutdown::install() })?;
    let request = args.http.options()?;
    let options = ProbeOptions {
        event: args.event.clone(),
        count: args.count,
        params: args.params.clone(),
        method: request.method.clone(),
        headers: request.headers(&session.context)?,
        addresses: AddressPolicy::Any,
        timeout: request.timeout,
        transport: request.transport()?,
        cancel: shutdown.soft.clone(),
        remote: remote.map(|(store, flags)| ProbeRemote {
            flags,
            notes: store.book(),
        }),
    };
    let report = runtime.block_on(probe(&session.context, endpoint, &options))?;
    session.ui.show_now(&report)?;
    for finding in report.findings.iter().filter(|finding| finding.level >= Level::Unknown) {
        if let Some(hint) = &finding.hint {
            session.ui.hint(hint);
        }
    }
    Ok(if report.passed() { Exit::Ok } else { Exit::Unmet })
}
