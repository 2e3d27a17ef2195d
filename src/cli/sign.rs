//! `hook sign`: the headers of a signed request, without sending it.

use super::input;
use crate::app::sign::{SignOptions, sign};
use crate::cli::session::Session;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::exit::Exit;

/// Print the signature headers of a body
#[derive(Debug, clap::Args)]
pub(super) struct SignArgs {
    /// `NAME` or `NAME@VARIANT`; found by the event unless given
    #[arg(short, long, value_name = "NAME", add = super::complete::providers())]
    provider: Option<String>,
    /// Sign with this secret: `env:VAR`, `file:PATH`, `endpoint:NAME`, `literal:TEXT` or `-`; default: the dev secret
    #[arg(short, long, value_name = "[NAME=]REF", add = super::complete::secrets())]
    secret: Vec<String>,
    /// The body: `@FILE`, `-` for stdin, or the text
    #[arg(long, value_name = "BODY", add = super::complete::at_file())]
    body: String,
    /// The event, where a header names it; read from the body unless given
    #[arg(long, add = super::complete::events())]
    event: Option<String>,
    /// The message's id, where it is signed; default: read from the body, or generated
    #[arg(long)]
    id: Option<String>,
    /// Sign as of this time: Unix seconds or RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = input::moment)]
    at: Option<Timestamp>,
    /// The request's method, where it is signed
    #[arg(long, default_value = "POST")]
    method: String,
    /// The whole URL that the request goes to, where it is signed
    #[arg(long, value_parser = input::whole_url)]
    url: Option<String>,
}

pub(super) fn run(session: &Session, args: SignArgs) -> Result<Exit> {
    input::one_stdin(&args.body, &args.secret)?;
    let options = SignOptions {
        provider: args.provider,
        secrets: args.secret,
        body: input::source(&args.body, "--body")?,
        event: args.event,
        id: args.id,
        at: args.at,
        method: args.method,
        url: args.url,
    };
    session.ui.show(&sign(&session.context, &options)?)?;
    Ok(Exit::Ok)
}
