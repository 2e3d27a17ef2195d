//! `hook send --handshake`: sends a provider's handshake, and checks the response.

use clap::Args;

use super::SendArgs;
use crate::app::handshake::challenge::{HandshakeOptions, HandshakeRun};
use crate::cli::session::Session;
use crate::error::Result;
use crate::exit::Exit;

/// Flags of `hook send --handshake`.
#[derive(Debug, Clone, Args)]
pub(super) struct ChallengeArgs {
    /// Send the provider's handshake to the receiver, and check the response
    #[arg(long, conflicts_with_all = ["event", "subscribed", "workflow", "count", "dry_run", "curl", "data", "retry", "tamper", "duplicate", "shuffle", "jitter", "burst", "late_success"], help_heading = "Handshake")]
    pub(super) handshake: bool,
    /// Verify token of the handshake, by reference (for example of `hub.verify_token`)
    #[arg(long, value_name = "REF", add = crate::cli::complete::references(), requires = "handshake", help_heading = "Handshake")]
    handshake_token: Option<String>,
}

pub(super) fn run(session: &Session, args: &SendArgs) -> Result<Exit> {
    let request = args.http.options()?;
    let run = HandshakeRun::new(
        &session.context,
        HandshakeOptions {
            provider: args.provider.clone(),
            target: args.targets.choose(session)?,
            secrets: args.secrets.clone(),
            verify_token: args.asking.handshake_token.clone(),
            headers: request.headers(&session.context)?,
            timeout: request.timeout,
        },
    )?;
    let transport = request.transport()?;
    crate::cli::runtime()?.block_on(run.ask_all(transport.as_ref(), |result| session.ui.show_now(result)))
}
