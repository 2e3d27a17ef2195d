//! The autopsy of a signature that does not match: the likely mistakes, each tried by itself, and a hint for every
//! refusal. All of it is for the operator's eyes, never for the HTTP answer, and never shows a secret or the signature
//! that was expected.

use super::{Received, Refusal, Scheme, Verdict};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// A refused request, and what may explain it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The scheme that refused it.
    pub scheme: &'a Scheme,
    /// The request.
    pub received: Received<'a>,
    /// The secrets that were tried.
    pub secrets: &'a [Secret],
    /// Other secrets that are known.
    pub others: &'a [Secret],
}

/// A mistake that explains the refusal: without it the signature matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// A stable name for scripts.
    pub cause: &'static str,
    /// The fact.
    pub text: String,
    /// What to do.
    pub hint: String,
}

/// Who asks for a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `hook verify`: the request and the flags are at hand.
    Verify,
    /// `hook listen`: the request came from somebody else.
    Listen,
}

/// What a hint depends on.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Who asks.
    pub place: Place,
    /// The provider, when it is known.
    pub label: Option<&'a str>,
    /// Whether the dev secret was tried.
    pub dev_secret: bool,
    /// When the request says that it was signed.
    pub signed_at: Option<Timestamp>,
}

type Probe = fn(&Case<'_>) -> Option<Explanation>;

/// The cheap and the frequent ones first.
const PROBES: [Probe; 5] = [other_secret, secret_blanks, body_end, line_ends, compact_json];

/// The first mistake that explains why the signature did not match. Each probe hashes the body again.
pub fn explain(case: &Case<'_>) -> Option<Explanation> {
    PROBES.iter().find_map(|probe| probe(case))
}

/// What to do about a refusal when no mistake is known to explain it.
pub fn hint(refusal: &Refusal, context: &Context<'_>) -> Option<String> {
    let show = |what: &str| {
        let label = context.label?;
        Some(format!("`hook providers show {label}` shows {what}"))
    };
    let verify = context.place == Place::Verify;
    match refusal {
        Refusal::HeaderMissing { .. } => show("the headers of a signed request"),
        Refusal::PartMissing { .. } if verify => Some("give every header as it came: `--header 'NAME: VALUE'`".into()),
        Refusal::PartMissing { .. } => Some("a proxy in between may have dropped the header".into()),
        Refusal::Malformed { .. } => show("the form of the header, and variants"),
        Refusal::NoMatch { .. } if context.dev_secret => {
            Some("the dev secret was tried; give the one that signed it: `--secret env:VAR`".into())
        }
        Refusal::NoMatch { .. } if verify => {
            Some("compare the secret with the sender's; the body must be the raw bytes: `--body @FILE`".into())
        }
        Refusal::NoMatch { .. } => Some("compare the secret with the one that the sender has for this URL".into()),
        Refusal::TooOld { .. } | Refusal::TooNew { .. } if verify => {
            let at = context.signed_at?.unix();
            Some(format!("`--at {at}` checks it as of its signing"))
        }
        Refusal::TooOld { .. } => {
            Some("compare both clocks; what was captured earlier must be signed afresh: `hook replay ID`".into())
        }
        Refusal::Address { address } => Some(format!("add `--allow-ip {address}`")),
        Refusal::Path => Some("the sender needs the whole URL that `hook listen --inbound` says".into()),
        Refusal::Method { .. } => None,
        Refusal::Bearer => Some("the sender must send `Authorization: Bearer ...`".into()),
        Refusal::TooNew { .. } => Some("compare both clocks with `date -u`".into()),
        Refusal::Unusable { .. } if verify => show("which kind of secret it takes"),
        Refusal::Unusable { .. } => Some("add a secret of that form: `--secret file:PATH`".into()),
        Refusal::UrlUnknown if verify => Some("give it as the sender has it: `--url URL`".into()),
        Refusal::UrlUnknown => Some("give it as the sender has it: `--public-url URL`".into()),
        Refusal::Unrecognised => Some("name the provider: `--provider NAME`; `hook providers list` shows all".into()),
    }
}

impl Case<'_> {
    /// Whether the signature matches with these secrets and this body, whatever its age.
    fn matches(&self, secrets: &[Secret], body: &[u8]) -> bool {
        let Ok(verifier) = self.scheme.verifier_of_usable(secrets) else {
            return false;
        };
        let verdict = verifier.verify(&Received { body, ..self.received });
        let aged = matches!(
            verdict,
            Verdict::Refused(Refusal::TooOld { .. } | Refusal::TooNew { .. })
        );
        verdict.is_verified() || aged
    }

    fn matches_body(&self, body: &[u8]) -> bool {
        self.matches(self.secrets, body)
    }
}

fn other_secret(case: &Case<'_>) -> Option<Explanation> {
    let new = |secret: &&Secret| !case.secrets.iter().any(|tried| tried.expose() == secret.expose());
    let found = case
        .others
        .iter()
        .filter(new)
        .find(|secret| case.matches(std::slice::from_ref(secret), case.received.body))?;
    let name = found.name().unwrap_or("another known secret");
    let reference = name.starts_with("env:") || name.starts_with("file:");
    Some(Explanation {
        cause: "other-secret",
        text: format!("it was signed with `{name}`"),
        hint: if reference {
            format!("check with that one: `--secret {name}`")
        } else {
            "sender and receiver hold different secrets: give both the same".into()
        },
    })
}

fn secret_blanks(case: &Case<'_>) -> Option<Explanation> {
    case.secrets.iter().find_map(|secret| {
        let text = secret.expose();
        let name = secret
            .name()
            .map_or_else(|| "the secret".into(), |name| format!("the secret `{name}`"));
        let fits = |text: Vec<u8>| case.matches(&[Secret::new(text)], case.received.body);
        let trimmed = text.trim_ascii();
        if trimmed.len() < text.len() && fits(trimmed.to_vec()) {
            return Some(Explanation {
                cause: "secret-whitespace",
                text: format!("{name} has blanks or newlines around it that the sender's has not"),
                hint: "keep it without them: `printf %s VALUE > FILE` adds no newline".into(),
            });
        }
        let longer = ["\n", "\r\n", " "]
            .iter()
            .any(|end| fits([text, end.as_bytes()].concat()));
        longer.then(|| Explanation {
            cause: "secret-whitespace",
            text: format!("the sender's secret ends in a blank or newline that {name} has not"),
            hint: "set the secret again at the sender, without it".into(),
        })
    })
}

fn body_end(case: &Case<'_>) -> Option<Explanation> {
    let body = case.received.body;
    let shorter = [b"\r\n".as_slice(), b"\n"].iter().any(|end| {
        body.strip_suffix(*end)
            .is_some_and(|shorter| case.matches_body(shorter))
    });
    if shorter {
        return Some(Explanation {
            cause: "body-newline-added",
            text: "the body got a newline at its end after it was signed".into(),
            hint: "use the raw bytes as they came: editors and `echo` add a newline".into(),
        });
    }
    let longer = [b"\n".as_slice(), b"\r\n"]
        .iter()
        .any(|end| case.matches_body(&[body, end].concat()));
    longer.then(|| Explanation {
        cause: "body-newline-lost",
        text: "the body lost the newline at its end after it was signed".into(),
        hint: "use the raw bytes as they came: `curl -d @FILE` drops newlines, `--data-binary @FILE` keeps them".into(),
    })
}

fn line_ends(case: &Case<'_>) -> Option<Explanation> {
    let unix = unix_line_ends(case.received.body);
    let mut windows = Vec::with_capacity(unix.len() + 64);
    for byte in &unix {
        if *byte == b'\n' {
            windows.push(b'\r');
        }
        windows.push(*byte);
    }
    let other = [unix, windows]
        .into_iter()
        .any(|body| body != case.received.body && case.matches_body(&body));
    other.then(|| Explanation {
        cause: "body-line-ends",
        text: "the line ends of the body were changed after it was signed (CRLF and LF)".into(),
        hint: "use the raw bytes as they came: read and write the body in binary mode".into(),
    })
}

fn compact_json(case: &Case<'_>) -> Option<Explanation> {
    let value: serde_json::Value = serde_json::from_slice(case.received.body).ok()?;
    let compact = serde_json::to_vec(&value).ok()?;
    let other = compact != case.received.body && case.matches_body(&compact);
    other.then(|| Explanation {
        cause: "body-reserialised",
        text: "the body was signed as compact JSON and written anew with other blanks or escapes since".into(),
        hint: "check the raw bytes, before anything parses the JSON".into(),
    })
}

fn unix_line_ends(body: &[u8]) -> Vec<u8> {
    let mut unix = Vec::with_capacity(body.len());
    for (at, byte) in body.iter().enumerate() {
        if *byte != b'\r' || body.get(at + 1) != Some(&b'\n') {
            unix.push(*byte);
        }
    }
    unix
}
