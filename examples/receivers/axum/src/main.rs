//! Receives webhooks with axum. `hook check` audits it:
//!
//! ```text
//! cargo build
//! hook check :3000/webhooks -p standard-webhooks --app target/debug/receiver --effects :3000/effects
//! ```
//!
//! SCHEME is `standard-webhooks`, `stripe` or `github`. MISTAKE plants one of the usual mistakes, to see what the audit says.

use std::collections::HashSet;
use std::env;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

#[derive(Default)]
struct Receiver {
    scheme: String,
    mistake: String,
    secrets: Vec<String>,
    claimed: Mutex<HashSet<String>>,
    effects: AtomicI64,
}

/// What the provider signs before the body, its timestamp, and the signatures that it sent.
#[derive(Default)]
struct Parts {
    prefix: String,
    timestamp: Option<String>,
    signatures: Vec<String>,
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

impl Receiver {
    fn read(&self, headers: &HeaderMap) -> Parts {
        match self.scheme.as_str() {
            // [read]
            "standard-webhooks" => {
                // A HeaderMap finds a header whatever its case. Id and time are those that are signed, and all signatures count.
                let timestamp = header(headers, "webhook-timestamp");
                let signed = header(headers, "webhook-signature");
                Parts {
                    prefix: format!("{}.{timestamp}.", header(headers, "webhook-id")),
                    timestamp: Some(timestamp),
                    signatures: signed.split(' ').filter_map(|part| part.strip_prefix("v1,")).map(str::to_owned).collect(),
                }
            }
            // [/read]
            "stripe" => {
                let value = header(headers, "stripe-signature");
                let pairs: Vec<(&str, &str)> = value.split(',').filter_map(|pair| pair.split_once('=')).collect();
                let all = |name: &str| {
                    pairs.iter().filter(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()).collect::<Vec<_>>()
                };
                let timestamp = all("t").into_iter().next().unwrap_or_default();
                Parts { prefix: format!("{timestamp}."), timestamp: Some(timestamp), signatures: all("v1") }
            }
            _ => {
                let value = header(headers, "x-hub-signature-256");
                let signature = value.strip_prefix("sha256=").map(str::to_owned);
                Parts { signatures: signature.into_iter().collect(), ..Parts::default() }
            }
        }
    }

    fn event(&self, headers: &HeaderMap, data: &Value) -> (String, String) {
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        match self.scheme.as_str() {
            "standard-webhooks" => (header(headers, "webhook-id"), text("type")),
            "stripe" => (text("id"), text("type")),
            _ => (header(headers, "x-github-delivery"), header(headers, "x-github-event")),
        }
    }

    fn key(&self, secret: &str) -> Vec<u8> {
        if self.scheme != "standard-webhooks" {
            return secret.as_bytes().to_vec();
        }
        let text = secret.strip_prefix("whsec_").unwrap_or(secret);
        STANDARD.decode(text).expect("WEBHOOK_SECRET has the provider's form")
    }

    fn encode(&self, digest: &[u8]) -> String {
        if self.scheme == "standard-webhooks" { STANDARD.encode(digest) } else { hex::encode(digest) }
    }

    // [expected]
    fn expected(&self, secret: &str, prefix: &str, body: &[u8]) -> String {
        // The raw bytes, exactly as they came: no trimming, no decoding, no serde_json before this.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key(secret)).expect("HMAC takes keys of any length");
        mac.update(prefix.as_bytes());
        mac.update(body);
        self.encode(&mac.finalize().into_bytes())
    }
    // [/expected]

    // [verify]
    fn verified(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let parts = self.read(headers);
        // No signature means no match: `any` of nothing is false. Every secret is tried, so that secrets can be rotated.
        self.secrets.iter().any(|secret| {
            let expected = self.expected(secret, &parts.prefix, body);
            parts.signatures.iter().any(|sent| same(sent, &expected))
        })
    }
    // [/verify]

    // [claim]
    fn claim(&self, id: &str) -> bool {
        // One step, so that two requests at the same moment cannot both win. With several processes: a table with a unique index,
        // `INSERT ... ON CONFLICT DO NOTHING`, and the claim is won when one row was inserted.
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned())
    }
    // [/claim]

    // [work]
    async fn work(&self, kind: &str) {
        match kind {
            // Providers add types: what is not known is no error.
            _ => self.effects.fetch_add(1, Ordering::SeqCst),
        };
    }
    // [/work]

    /// The check as it is, or with one of the mistakes that are often made.
    fn accepts(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let parts = self.read(headers);
        let fresh = parts.timestamp.as_deref().is_none_or(is_fresh);
        match self.mistake.as_str() {
            "no-check" => true,
            "missing-header-ok" if parts.signatures.is_empty() => true,
            "prefix-compare" => {
                let expected = self.expected(&self.secrets[0], &parts.prefix, body);
                fresh && parts.signatures.iter().any(|sent| !sent.is_empty() && expected.starts_with(sent))
            }
            "no-clock" => self.verified(headers, body),
            "reserialises" => {
                let again = serde_json::from_slice::<Value>(body).map(|value| value.to_string()).unwrap_or_default();
                fresh && self.verified(headers, again.as_bytes())
            }
            _ => fresh && self.verified(headers, body),
        }
    }

    async fn wins(&self, id: &str) -> bool {
        match self.mistake.as_str() {
            "no-dedupe" => true,
            "racing-dedupe" => {
                if self.claimed.lock().unwrap_or_else(PoisonError::into_inner).contains(id) {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.claim(id);
                true
            }
            _ => self.claim(id),
        }
    }
}

// [compare]
fn same(sent: &str, expected: &str) -> bool {
    // All of it, in constant time. Another length is another signature.
    sent.as_bytes().ct_eq(expected.as_bytes()).into()
}
// [/compare]

// [clock]
const TOLERANCE_SECONDS: u64 = 300;

fn is_fresh(timestamp: &str) -> bool {
    // The time that is signed, not the one in the body; too far ahead is as wrong as too old.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    timestamp.parse::<u64>().is_ok_and(|signed| now.abs_diff(signed) <= TOLERANCE_SECONDS)
}
// [/clock]

// [refuse]
fn refuse() -> Response {
    StatusCode::UNAUTHORIZED.into_response()
}
// [/refuse]

// [answer]
fn answer(receiver: Arc<Receiver>, kind: String) -> Response {
    // First the answer, then the work: the provider waits for a few seconds only. Use a queue that survives a restart.
    tokio::spawn(async move { receiver.work(&kind).await });
    StatusCode::OK.into_response()
}
// [/answer]

// [raw]
// `Bytes` are the raw bytes, whatever the content type says. `Json<T>` in its place would have parsed them.
async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> Response {
    // [/raw]
    if !receiver.accepts(&headers, &body) {
        if receiver.mistake == "leaks-signature" {
            let right = receiver.expected(&receiver.secrets[0], &receiver.read(&headers).prefix, &body);
            return (StatusCode::UNAUTHORIZED, format!("wrong signature, expected {right}")).into_response();
        }
        return refuse();
    }
    // [parse]
    let json = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&body);
    let Ok(data) = serde_json::from_slice::<Value>(json) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // [/parse]
    let (id, kind) = receiver.event(&headers, &data);
    if receiver.mistake == "unknown-event-500" && kind.ends_with("added_later") {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    // [duplicate]
    // A duplicate is a success: the provider must not send it again.
    if !receiver.wins(&id).await {
        return StatusCode::OK.into_response();
    }
    // [/duplicate]
    if receiver.mistake == "works-before-answering" {
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    answer(receiver, kind)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    // [secret]
    // A receiver without a secret must not start: HMAC takes an empty key, and then anyone can sign.
    let secrets: Vec<String> = ["WEBHOOK_SECRET", "WEBHOOK_SECRET_2"].into_iter().filter_map(variable).collect();
    assert!(!secrets.is_empty(), "WEBHOOK_SECRET is not set");
    // [/secret]
    let receiver = Receiver {
        scheme: variable("SCHEME").unwrap_or_else(|| "standard-webhooks".to_owned()),
        mistake: variable("MISTAKE").unwrap_or_default(),
        secrets,
        ..Receiver::default()
    };
    let effects = |State(receiver): State<Arc<Receiver>>| async move { receiver.effects.load(Ordering::SeqCst).to_string() };
    let app = Router::new()
        .route("/webhooks", post(receive))
        .route("/effects", get(effects))
        // [limit]
        .layer(DefaultBodyLimit::max(4 * 1024 * 1024))
        // [/limit]
        .with_state(Arc::new(receiver));
    let port = variable("PORT").unwrap_or_else(|| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    axum::serve(listener, app).await
}
