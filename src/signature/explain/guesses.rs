//! What nothing proves: a secret of the wrong kind by its shape, and what the headers say about a body that is not whole.

use serde::de::IgnoredAny;

use super::bodies::BODY_PLACEHOLDERS;
use super::context::SearchContext;
use super::key_kinds::{KeyKind, SHARED, called};
use super::{Case, Explanation};
use crate::secret::Secret;
use crate::signature::Scheme;

/// Beginnings of credentials that call an API and sign nothing, and what they are.
const CREDENTIALS: [(&str, &str); 47] = [
    ("sk_test_", "an API key"),
    ("sk_live_", "an API key"),
    ("rk_test_", "an API key"),
    ("rk_live_", "an API key"),
    ("pk_test_", "a public API key"),
    ("pk_live_", "a public API key"),
    ("sk_", "an API key"),
    ("sk-", "an API key"),
    ("re_", "an API key"),
    ("SG.", "an API key"),
    ("lin_api_", "an API key"),
    ("rzp_test_", "the id of an API key"),
    ("rzp_live_", "the id of an API key"),
    ("pdl_live_apikey_", "an API key"),
    ("pdl_sdbx_apikey_", "an API key"),
    ("AKIA", "the id of an access key, an API key"),
    ("xoxb-", "an API token"),
    ("xoxp-", "an API token"),
    ("xoxa-", "an API token"),
    ("xoxe", "an API token"),
    ("xapp-", "an API token"),
    ("shpat_", "an API access token"),
    ("shpca_", "an API access token"),
    ("shppa_", "an API access token"),
    ("ghp_", "an API access token"),
    ("gho_", "an API access token"),
    ("ghs_", "an API access token"),
    ("github_pat_", "an API access token"),
    ("glpat-", "an API access token"),
    ("pat-na1-", "an API access token"),
    ("pat-eu1-", "an API access token"),
    ("tfp_", "an API access token"),
    ("EAA", "an API access token"),
    ("ntn_", "an API access token"),
    ("sntrys_", "an API access token"),
    ("sntryu_", "an API access token"),
    ("vcp_", "an API access token"),
    ("sl.", "an API access token"),
    ("sq0atp-", "an API access token"),
    ("sq0csp-", "the secret of an application, which calls an API"),
    ("dG9rO", "an API access token"),
    ("pdus+", "an API key"),
    ("eyJ", "a JSON Web Token, an API token"),
    ("we_1", "the id of an endpoint, no API key and no secret"),
    ("acct_", "the id of an account, no API key and no secret"),
    ("http://", "a URL, no API key and no secret"),
    ("https://", "a URL, no API key and no secret"),
];

/// What is likely when nothing is proved.
pub(super) fn guess(context: &SearchContext<'_>) -> Option<Explanation> {
    let likely = || credential(&context.case).or_else(|| incomplete(context));
    key_kind(&context.case).or_else(|| likely().map(Explanation::guess))
}

/// A key of the wrong kind: whether or not it was signed with, it cannot be right. Beside a secret of the right kind it may
/// stand for another variant.
pub(super) fn key_kind(case: &Case<'_>) -> Option<Explanation> {
    let secrets = case.secrets;
    let first = secrets.first()?;
    match case.scheme {
        Scheme::Asymmetric(_) => {
            let private = |secret: &Secret| KeyKind::of(secret) == Some(KeyKind::Private);
            secrets.iter().all(private).then(|| {
                let text = format!(
                    "{} is a private key: it signs, and the public key checks",
                    called(first)
                );
                Explanation::new("key-kind", text, "give the other half: `--secret file:PATH.pub`")
            })
        }
        Scheme::Hmac(_) => {
            let kind = KeyKind::of(first).filter(|_| secrets.iter().all(|secret| KeyKind::of(secret).is_some()))?;
            let text = format!(
                "{} is {}, and a shared secret belongs there",
                called(first),
                kind.name()
            );
            Some(Explanation::new("key-kind", text, SHARED))
        }
        _ => None,
    }
}

/// Whether the only secret is of a kind that calls an API.
fn credential(case: &Case<'_>) -> Option<Explanation> {
    let [secret] = case.secrets else { return None };
    if matches!(case.scheme, Scheme::Asymmetric(_) | Scheme::Token(_)) {
        return None;
    }
    let text = std::str::from_utf8(secret.expose()).ok()?.trim();
    let (beginning, kind) = CREDENTIALS.iter().find(|(beginning, _)| text.starts_with(beginning))?;
    // A provider may give such texts as its signing secrets.
    if case.prefix.is_some_and(|prefix| text.starts_with(prefix)) {
        return None;
    }
    let like = match case.prefix.filter(|prefix| prefix.len() > 2) {
        Some(prefix) => format!(", which begins with `{prefix}`"),
        None => String::new(),
    };
    Some(Explanation::new(
        "key-kind",
        format!(
            "{} looks like {kind} (`{beginning}...`), which signs no webhooks",
            called(secret)
        ),
        format!("give the signing secret of the webhook{like}"),
    ))
}

/// What the headers say about a body that is not there as a whole.
fn incomplete(context: &SearchContext<'_>) -> Option<Explanation> {
    // A token does not cover the body.
    context.case.scheme.content()?;
    let (headers, body) = (context.case.received.headers, context.case.received.body);
    let length = headers
        .get_text("content-length")
        .and_then(|text| text.trim().parse::<usize>().ok());
    let has_type = headers.contains("content-type");
    match length {
        _ if body == b"[object Object]" => {
            let text =
                "the body is `[object Object]`, which JavaScript makes of an object in a text: it was parsed before";
            let hint = "keep the raw bytes of the body before anything parses it";
            return Some(Explanation::new("body-empty", text, hint));
        }
        Some(length) if length > body.len() && body == b"{}" => {
            let text = format!(
                "the body is an empty object, and its headers say {length} bytes: a parser that took no body leaves `{{}}`"
            );
            let hint = "keep the raw bytes of the body before anything parses it";
            return Some(Explanation::new("body-empty", text, hint));
        }
        Some(length) if length > body.len() && body.is_empty() => {
            let text = format!(
                "the body is empty, and its headers say {length} bytes: it was read before the check, or dropped"
            );
            let hint = "read the raw body once, before anything else reads it, and keep it for the check";
            return Some(Explanation::new("body-empty", text, hint));
        }
        Some(length) if length > body.len() => {
            return Some(cut_off(format!(
                "the body has {} bytes, and its headers say {length}",
                body.len()
            )));
        }
        None if body.is_empty() && has_type => {
            let text =
                "the body is empty, though its headers speak of one: a redirect turns POST into GET and drops it";
            let hint =
                "give the sender the last URL itself, with its scheme and slash: `curl -sI URL` shows a redirect";
            return Some(Explanation::new("body-empty", text, hint));
        }
        _ if is_placeholder(body) => {
            let text = format!(
                "the body is `{}`: a program formatted something that is not the body",
                String::from_utf8_lossy(body)
            );
            let hint = "keep the raw bytes of the body before anything parses it";
            return Some(Explanation::new("body-empty", text, hint));
        }
        None if body == b"{}" && has_type => {
            let text = "the body is `{}`: a parser that took no body leaves such an empty object";
            let hint = "keep the raw bytes of the body before anything parses it";
            return Some(Explanation::new("body-empty", text, hint));
        }
        _ => {}
    }
    if breaks_off(context) {
        return Some(cut_off(format!(
            "the body is JSON that breaks off after {} bytes",
            body.len()
        )));
    }
    let coding = headers.get_text("content-encoding").unwrap_or_default();
    let was_compressed = ["gzip", "deflate", "br"].iter().find(|known| coding.contains(**known));
    was_compressed.filter(|_| serde_json::from_slice::<IgnoredAny>(body).is_ok()).map(|coding| {
        let text = format!(
            "the headers say {coding} and the body is not compressed: something on the way decompressed it, and the \
             compressed bytes were signed"
        );
        Explanation::new("body-compressed", text, "check the signature before the compression is undone")
    })
}

/// Whether that is a text of a program in place of a body. Empty documents are bodies too.
fn is_placeholder(body: &[u8]) -> bool {
    let is_document = |text: &str| matches!(text, "{}" | "[]" | "\"\"" | "1" | "true" | "false");
    BODY_PLACEHOLDERS
        .iter()
        .any(|text| text.as_bytes() == body && !is_document(text))
}

fn cut_off(fact: String) -> Explanation {
    let hint = "raise the limit of the proxy or framework in between; the signature covers the whole body";
    Explanation::new("body-truncated", fact + ": it was cut off", hint)
}

/// Whether the body begins as JSON and ends in the middle of it.
fn breaks_off(context: &SearchContext<'_>) -> bool {
    let body = context.case.received.body;
    let reads = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    let read = reads.then(|| context.make(|| serde_json::from_slice::<IgnoredAny>(body).err()));
    read.flatten().flatten().is_some_and(|error| error.is_eof())
}
