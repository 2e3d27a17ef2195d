//! `hook verify`: the verdict on one request, and a diagnosis when it is refused.

use super::input;
use crate::app::verify::{RequestSource, VerifyOptions, VerifyReport, verify};
use crate::cli::session::Session;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::exit::Exit;

/// Check the signature of a request, and explain when it does not match
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// A record instead of `--header` and `--body`: a received request, or the last attempt of a delivery
    #[arg(value_name = "ID", add = super::complete::records(), conflicts_with_all = ["header", "body", "from"])]
    id: Option<String>,
    #[command(flatten)]
    from: super::from::FromArgs,
    /// `NAME` or `NAME@VARIANT`; detected from the headers unless given
    #[arg(short, long, value_name = "NAME", add = super::complete::providers())]
    provider: Option<String>,
    /// Verify with this secret: `env:VAR`, `file:PATH`, `endpoint:NAME`, `literal:TEXT` or `-`; default: the dev secret
    #[arg(short, long, value_name = "[NAME=]REF", add = super::complete::secrets())]
    secret: Vec<String>,
    /// A header of the request; can be repeated
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = input::header, conflicts_with = "from")]
    header: Vec<(String, String)>,
    /// The raw body: `@FILE`, `-` for stdin, or the text
    #[arg(long, value_name = "BODY", add = super::complete::at_file(), required_unless_present_any = ["id", "from"])]
    body: Option<String>,
    /// Verify as of this time: Unix seconds or RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = input::moment)]
    at: Option<Timestamp>,
    /// The request's method, where it is signed
    #[arg(long)]
    method: Option<String>,
    /// The whole URL that the sender used, where it is signed
    #[arg(long, value_parser = input::whole_url)]
    url: Option<String>,
    /// Show the expected signature; anyone who sees it can forge this request
    #[arg(long)]
    reveal: bool,
}

pub(super) fn run(session: &Session, args: VerifyArgs) -> Result<Exit> {
    let body = args.body.as_deref().or(args.from.source()).unwrap_or_default();
    input::one_stdin(body, &args.secret)?;
    let options = VerifyOptions {
        request: match (args.id, args.from.read()?) {
            (Some(id), _) => RequestSource::Record(id),
            (None, Some(exported)) => RequestSource::Exported(exported),
            (None, None) => {
                let headers = args.header.iter().map(|(name, value)| (name, value.as_bytes()));
                RequestSource::Given(headers.collect(), input::source(body, "--body")?)
            }
        },
        provider: args.provider,
        secrets: args.secret,
        at: args.at,
        method: args.method,
        url: args.url,
        reveal: args.reveal,
    };
    let report = verify(&session.context, options)?;
    let ui = &session.ui;
    if !report.unsigned.is_empty() {
        ui.detail(&format!("not signed: {}", report.unsigned.join(", ")));
    }
    ui.show_now(&report)?;
    tell_diagnosis(session, &report);
    let accepted = report.judged.is_accepted();
    Ok(if accepted { Exit::Ok } else { Exit::Unverified })
}

/// Reports what belongs to the verdict: the mistake, what was looked for, and what to do.
fn tell_diagnosis(session: &Session, report: &VerifyReport) {
    let ui = &session.ui;
    if !report.excluded.is_empty() {
        ui.detail(&format!("did not fit: {}", report.excluded.join(", ")));
    }
    if let Some(diagnosis) = &report.diagnosis {
        ui.note(&format!("caused by: {diagnosis}"));
    }
    if !report.not_tried.is_empty() {
        ui.note(&format!(
            "time limit reached; not tried: {}",
            report.not_tried.join(", ")
        ));
    }
    if let Some(expected) = &report.expected {
        ui.note_unmasked(&format!("expected: {expected}"));
    }
    if let Some(hint) = &report.hint {
        ui.hint(hint);
    }
}
