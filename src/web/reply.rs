//! Replies of the page.

use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::exit::Exit;
use crate::mask;
use crate::server::Reply;
use crate::text::printable;

/// What a page from here may do: load its own files, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Headers of every reply.
const HEADERS: [(&str, &str); 6] = [
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Adds the headers of every reply.
pub fn secured(mut reply: Reply) -> Reply {
    for (name, value) in HEADERS {
        reply.headers.set(name, value);
    }
    reply
}

/// A body of that type.
pub fn typed(status: u16, kind: &str, body: impl Into<bytes::Bytes>) -> Reply {
    Reply {
        status,
        headers: [("content-type", kind)].into_iter().collect(),
        body: body.into(),
        ..Reply::default()
    }
}

/// A value as JSON.
pub fn json(status: u16, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => typed(status, "application/json", body),
        Err(_) => Reply::empty(500),
    }
}

/// An error with its hints. Credentials in it are masked.
pub fn error(error: &Error) -> Reply {
    let status = match error.exit {
        Exit::Usage => 422,
        Exit::Nothing => 404,
        Exit::Refused | Exit::Unmet => 409,
        Exit::Store => 503,
        _ => 500,
    };
    let text = |text: &str| printable(&mask::text(text), 2000);
    let body = json!({
        "error": text(&error.to_string()),
        "hints": error.hints.iter().map(|hint| text(hint)).collect::<Vec<_>>(),
    });
    json(status, &body)
}

/// A refusal without details.
pub fn refused(status: u16, text: &str) -> Reply {
    json(status, &json!({ "error": text, "hints": [] }))
}
