//! What to do about a refusal that nothing explains.

use crate::clock::Timestamp;
use crate::signature::RejectReason;

/// Who asks for a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintCaller {
    /// `hook verify`: the request and the flags are at hand.
    Verify,
    /// `hook listen`: the request came from another party.
    Listen,
}

/// What a hint depends on.
#[derive(Debug, Clone, Copy)]
pub struct HintContext<'a> {
    /// Who asks.
    pub place: HintCaller,
    /// The provider, when it is known.
    pub label: Option<&'a str>,
    /// Whether the dev secret was tried.
    pub dev_secret: bool,
    /// The moment as of which it was checked.
    pub now: Timestamp,
}

/// What to do about a refusal when no mistake is known to explain it.
pub fn hint(refusal: &RejectReason, context: &HintContext<'_>) -> Option<String> {
    let show = |what: &str| {
        let label = context.label?;
        Some(format!("`hook providers show {label}` shows {what}"))
    };
    let verify = context.place == HintCaller::Verify;
    match refusal {
        RejectReason::HeaderMissing { .. } => {
            let shown = show("the headers of a signed request")?;
            Some(format!(
                "set the secret at the sender, which is unsigned without one; a proxy may have dropped the header: {shown}"
            ))
        }
        RejectReason::PartMissing { part, .. } if verify => Some(format!(
            "give every header as it came, with the {part} that is signed: `--header 'NAME: VALUE'`"
        )),
        RejectReason::PartMissing { .. } => Some("a proxy in between may have dropped the header".into()),
        RejectReason::Malformed { .. } => show("the form of the header, and variants"),
        RejectReason::NoMatch { .. } | RejectReason::WrongToken { .. } if context.dev_secret => {
            Some("the dev secret was tried; give the one that signed it: `--secret env:VAR`".into())
        }
        RejectReason::NoMatch { .. } if verify => {
            Some("compare the secret with the sender's; the body must be the raw bytes: `--body @FILE`".into())
        }
        RejectReason::NoMatch { .. } | RejectReason::WrongToken { .. } => {
            Some("compare the secret with the one that the sender has for this URL".into())
        }
        RejectReason::TooOld { age, .. } if verify => {
            let at = context.now.minus(*age).unix();
            Some(format!("check it as of its signing: `--at {at}`"))
        }
        RejectReason::TooNew { ahead, .. } if verify => {
            let at = context.now.plus(*ahead).unix();
            Some(format!(
                "compare both clocks and time zones; check it as of its signing: `--at {at}`"
            ))
        }
        RejectReason::TooOld { .. } => {
            Some("compare both clocks; what was captured earlier must be signed afresh: `hook replay ID`".into())
        }
        RejectReason::Address { address } => Some(format!("add `--allow-ip {address}`")),
        RejectReason::Path => Some("the sender needs the whole URL that `hook listen --inbound` says".into()),
        RejectReason::Method { .. } => None,
        RejectReason::Bearer => Some("the sender must send `Authorization: Bearer ...`".into()),
        RejectReason::TooNew { .. } => Some("compare both clocks with `date -u`".into()),
        RejectReason::Unusable { .. } if verify => show("which kind of secret it takes"),
        RejectReason::Unusable { .. } => Some("add a secret of that form: `--secret file:PATH`".into()),
        RejectReason::Unnamed { .. } => Some(format!(
            "name the provider whose secret it is: `--provider {}`",
            context.label.unwrap_or("NAME")
        )),
        RejectReason::Foreign { label, .. } => Some(format!("`--provider {label}` checks such a request")),
        RejectReason::HandshakeAnswer => {
            Some("give the provider that signs handshakes a listener and a secret of its own".into())
        }
        RejectReason::UrlUnknown if verify => Some("give it as the sender has it: `--url URL`".into()),
        RejectReason::UrlUnknown => Some("give it as the sender has it: `--public-url URL`".into()),
        RejectReason::Unrecognised => {
            Some("name the provider: `--provider NAME`; `hook providers list` shows all".into())
        }
    }
}
