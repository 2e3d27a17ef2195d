//! With provider P named only bytes are accepted that the key's holder signed as a content of P's shape: what was signed as
//! a content of another shape is not, nor is the answer to a handshake.
//!
//! An attacker has bytes that the holder of a key signed, and their signature. He sends them as a request of P, in the ways
//! in which the bytes can be split into the parts that P signs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hook::internals::app::context::Secrets;
use hook::internals::clock::Timestamp;
use hook::internals::headers::Headers;
use hook::internals::id::{Id, IdKind};
use hook::internals::message::{Message, Mode};
use hook::internals::provider::compose::{ComposeOptions, Composer};
use hook::internals::provider::{Profile, Registry, RequestTarget};
use hook::internals::random::Random;
use hook::internals::secret::Secret;
use hook::internals::signature::{AsymmetricKind, Received, Scheme, SignatureLocation, Signed, ToSign, UrlForm};
use hook::internals::template::{Part, Placeholder, Scope, Template};
use hook::internals::verification::{Verification, VerificationResult};
use serde_json::{Value, json};

const URL: &str = "https://shop.example.com/hooks";

/// Requests of each variant that are turned into others.
const ROUNDS: usize = 4;

/// Ways to split bytes that are tried for each.
const SPLITS: usize = 24;

fn now() -> Timestamp {
    Timestamp::from_unix(1_893_553_445)
}

/// A variant that signs, with the key of its holder and that of its receiver.
struct Variant {
    label: String,
    profile: Arc<Profile>,
    private: Secret,
    public: Secret,
    /// Signs any bytes with that key, and gives the text of the signature alone.
    bare: Scheme,
}

/// What stands in the parts of a request.
#[derive(Debug, Default, Clone)]
struct Forged {
    timestamp: Option<String>,
    id: Option<String>,
    url: Option<String>,
    method: Option<String>,
    names: String,
    values: Option<String>,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Variant {
    fn of(profile: Arc<Profile>, pairs: &mut BTreeMap<&'static str, (Secret, String)>) -> Option<Self> {
        let (private, public) = match &profile.scheme {
            Scheme::Asymmetric(scheme) => {
                let kind: AsymmetricKind = scheme.kind;
                let (private, public) = pairs.entry(kind.name()).or_insert_with(|| {
                    let pair = kind.generate().expect("a pair");
                    (pair.private, pair.public)
                });
                let public = scheme
                    .public_text(&Secret::new(public.clone()))
                    .expect("its public half");
                (scheme.private_text(private).expect("its private half"), public)
            }
            Scheme::Hmac(_) | Scheme::Hash(_) => {
                let secret = Secret::new(profile.secret.form.fresh(&Random::seeded(3)));
                (secret.clone(), secret)
            }
            Scheme::Token(_) | Scheme::Unsigned => return None,
        };
        let bare = bare(&profile.scheme);
        Some(Self {
            label: profile.label(),
            profile,
            private,
            public,
            bare,
        })
    }

    fn content(&self) -> &Template {
        self.profile.scheme.content().expect("it signs")
    }

    fn carrier(&self) -> &SignatureLocation {
        self.profile.scheme.carrier().expect("it signs")
    }

    /// What is the same for all whose signatures are the same function of a key and bytes.
    fn mac(&self) -> String {
        match &self.profile.scheme {
            Scheme::Hmac(scheme) => format!("hmac-{}", scheme.algorithm.name()),
            other => other.kind().to_owned(),
        }
    }

    /// The form of what is signed. Seconds and milliseconds look alike.
    fn shape(&self) -> String {
        self.content().to_string().replace("${timestamp.ms}", "${timestamp}")
    }

    /// The text of the signature over these bytes, as the holder of the key makes it.
    fn signature(&self, bytes: &[u8]) -> String {
        let signer = self.bare.signer(std::slice::from_ref(&self.private)).expect("a signer");
        let signed = signer.sign(&ToSign {
            id: "",
            event: "",
            timestamp: now(),
            body: bytes,
            method: "POST",
            url: "",
            headers: &Headers::new(),
        });
        match signed.expect("a signature") {
            Signed::Headers(mut lines) => lines.remove(0).1,
            other => panic!("{}: {other:?}", self.label),
        }
    }

    /// Bytes that the holder of the key signs for an event of this variant, and the body around them.
    fn signed(&self, random: &Random) -> Option<(Vec<u8>, Vec<u8>)> {
        let ids = [
            format!("msg_{}", random.text(b"abcXYZ0123", 20)),
            random.uuid_v4().to_string(),
            "1893553445".to_owned(),
        ];
        let body = self.event(random)?;
        let message = Message {
            id: Id::new(IdKind::Message, now(), random),
            wire_id: pick(random, &ids).clone(),
            event: "thing.happened".into(),
            time: now(),
            mode: Mode::Live,
            content_type: self.profile.type_of(&body).to_owned(),
            body: body.into(),
        };
        let signer = self.profile.scheme.signer(std::slice::from_ref(&self.private)).ok()?;
        let target = RequestTarget {
            method: "POST",
            url: URL,
            retries: 0,
            retry_reason: None,
        };
        let (headers, body) = self.profile.request(&message, Some(&signer), now(), target).ok()?;
        let received = Received {
            method: "POST",
            url: Some(URL),
            headers: &headers,
            body: &body,
            now: now(),
        };
        let scheme = &self.profile.scheme;
        let content = scheme.look_at_signed(&received, UrlForm::Given, |content, _| Some(content.to_vec()))?;
        Some((content, body.to_vec()))
    }

    /// A body: of the catalogue, or any JSON or form.
    fn event(&self, random: &Random) -> Option<Vec<u8>> {
        let events: Vec<&String> = self.profile.events.keys().collect();
        let any_body = self.profile.scheme.signs_body() && self.carrier().time_at.is_none();
        match pick(random, &[0, 1, 2, 3]) {
            0 if any_body => Some(format!("token={}&text=a%20b", random.text(b"abcdef0123", 8)).into_bytes()),
            1 if any_body => Some(br#"[{"at":"2030-01-02T03:04:05Z","n":1893553445}, {"b":"1893553445.{}"}]"#.to_vec()),
            _ if events.is_empty() => Some(br#"{"id":"evt_1","created":1893553445}"#.to_vec()),
            _ => {
                let wishes = ComposeOptions {
                    event: (*pick(random, &events)).clone(),
                    ..ComposeOptions::default()
                };
                let composer = Composer::new(&self.profile, wishes).ok()?;
                let id = Id::new(IdKind::Message, now(), random);
                Some(composer.compose(id, now(), random).ok()?.body.to_vec())
            }
        }
    }

    /// Ways to send signed bytes as a request of this variant.
    fn splits(&self, bytes: &[u8], random: &Random) -> Vec<Forged> {
        let mut found = Vec::new();
        split(self.content().parts(), bytes, &Forged::default(), random, &mut found);
        found
    }

    /// The request with that signature, judged by a receiver.
    fn judged(&self, receiver: &Verification, forged: &Forged, signature: &str) -> VerificationResult {
        let carrier = self.carrier();
        let mut headers = Headers::new();
        let value = carrier.value.render(|placeholder| match placeholder {
            Placeholder::Signature => Some(signature.to_owned()),
            Placeholder::Timestamp(_) => forged.timestamp.clone(),
            Placeholder::Id => forged.id.clone(),
            Placeholder::SignedHeaders => Some(forged.names.clone()),
            _ => None,
        });
        let value = value.unwrap_or_else(|| signature.to_owned());
        let mut body = forged.body.clone();
        if let Some(path) = &carrier.body {
            let mut item = json!({});
            for (at, text) in &forged.fields {
                hook::internals::json::insert(&mut item, at, Value::from(text.as_str()));
            }
            hook::internals::json::insert(&mut item, path, Value::from(value));
            let document = match &carrier.each {
                Some(list) => json!({ list: [item] }),
                None => item,
            };
            body = document.to_string().into_bytes();
        } else {
            headers.set(&carrier.header, &value);
        }
        if let (Some((header, _)), Some(text)) = (&carrier.time_header, &forged.timestamp) {
            headers.set(header, text);
        }
        if let (Some(header), Some(text)) = (&carrier.id_header, &forged.id) {
            headers.set(header, text);
        }
        for (name, value) in forged.names.split_whitespace().zip(forged.values.iter()) {
            headers.set(name, value);
        }
        if let Some((name, value)) = &self.profile.when {
            headers.set(name, value.as_deref().unwrap_or("any"));
        }
        if self.profile.scheme.signs_form() {
            headers.set("content-type", "application/x-www-form-urlencoded");
        }
        receiver.check(&Received {
            method: forged.method.as_deref().unwrap_or("POST"),
            url: Some(forged.url.as_deref().unwrap_or(URL)),
            headers: &headers,
            body: &body,
            now: now(),
        })
    }

    fn receiver(&self, more: &[&str]) -> Verification {
        let labels: Vec<String> = std::iter::once(self.label.as_str())
            .chain(more.iter().copied())
            .map(str::to_owned)
            .collect();
        let secrets = Secrets::Given(vec![self.public.clone()]);
        Verification::new(&Registry::default(), &labels, Some(secrets)).expect("known names")
    }
}

/// The same scheme over bare bytes, whose header is the signature's text.
fn bare(scheme: &Scheme) -> Scheme {
    let carrier = |carrier: &SignatureLocation| SignatureLocation {
        header: "x".to_owned(),
        value: Template::parse("${signature}", Scope::SignatureValue).expect("a template"),
        encoding: carrier.encoding,
        ..SignatureLocation::default()
    };
    let content = |text: &str, scope| Template::parse(text, scope).expect("a template");
    let mut bare = scheme.clone();
    match &mut bare {
        Scheme::Hmac(scheme) => {
            scheme.signed.carrier = carrier(&scheme.signed.carrier);
            scheme.signed.content = content("${body}", Scope::Content);
        }
        Scheme::Hash(scheme) => {
            scheme.signed.carrier = carrier(&scheme.signed.carrier);
            scheme.signed.content = content("${secret}${body}", Scope::Hashed);
        }
        Scheme::Asymmetric(scheme) => {
            scheme.signed.carrier = carrier(&scheme.signed.carrier);
            scheme.signed.content = content("${body}", Scope::Content);
        }
        Scheme::Token(_) | Scheme::Unsigned => {}
    }
    bare
}

fn pick<'a, T>(random: &Random, list: &'a [T]) -> &'a T {
    let mut bytes = [0; 4];
    random.fill(&mut bytes);
    &list[u32::from_le_bytes(bytes) as usize % list.len()]
}

/// Where a part may end: at a change of the kind of characters, or behind a whole time.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let kind = |byte: &u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' | b'A'..=b'Z' => 1,
        _ => 2,
    };
    let mut ends: BTreeSet<usize> = (1..bytes.len().min(400))
        .filter(|at| kind(&bytes[at - 1]) != kind(&bytes[*at]) || kind(&bytes[*at]) == 2)
        .collect();
    ends.extend([0, bytes.len()]);
    ends.into_iter().collect()
}

fn split(parts: &[Part], bytes: &[u8], so_far: &Forged, random: &Random, found: &mut Vec<Forged>) {
    if found.len() >= SPLITS {
        return;
    }
    let Some((part, rest)) = parts.split_first() else {
        found.extend(bytes.is_empty().then(|| so_far.clone()));
        return;
    };
    let placeholder = match part {
        Part::Text(text) => {
            if let Some(after) = bytes.strip_prefix(text.as_bytes()) {
                split(rest, after, so_far, random, found);
            }
            return;
        }
        Part::Placeholder(Placeholder::Secret) => return split(rest, bytes, so_far, random, found),
        Part::Placeholder(placeholder) => placeholder,
    };
    let mut ends = ends(bytes);
    let only_end = rest.is_empty();
    ends.retain(|end| !only_end || *end == bytes.len());
    // Another order each time, so that the rounds do not try the same ones.
    let turn = usize::from(*pick(random, &[0_u8, 1, 2, 3, 4, 5, 6, 7]));
    let turn = turn * ends.len() / 8;
    ends.rotate_left(turn);
    for end in ends {
        let (piece, after) = bytes.split_at(end);
        let Ok(text) = std::str::from_utf8(piece).map(str::to_owned) else {
            continue;
        };
        let mut next = so_far.clone();
        let fits = match placeholder {
            Placeholder::Body | Placeholder::Form => {
                next.body = piece.to_vec();
                true
            }
            Placeholder::Timestamp(form) => {
                let fits = form.read(&text).is_some() && !text.is_empty();
                next.timestamp = Some(text);
                fits
            }
            Placeholder::Id => {
                let fits = !text.is_empty();
                next.id = Some(text);
                fits
            }
            Placeholder::Url => {
                let fits = text.starts_with("http");
                next.url = Some(text);
                fits
            }
            Placeholder::Method => {
                let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic());
                next.method = Some(text);
                fits
            }
            Placeholder::SignedHeaders => {
                let fits = text.split_whitespace().count() <= 1
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                next.names = text;
                fits
            }
            Placeholder::SignedValues => {
                next.values = Some(text);
                true
            }
            Placeholder::BodyPath(path) | Placeholder::OptionalBodyPath(path) => {
                next.fields.push((path.clone(), text));
                true
            }
            other => panic!("no part of a content: {other:?}"),
        };
        if fits {
            split(rest, after, &next, random, found);
        }
    }
}

fn variants() -> Vec<Variant> {
    let registry = Registry::default();
    let mut pairs = BTreeMap::new();
    let all = registry.names().into_iter();
    all.flat_map(|name| registry.ranked(&name).expect("profiles"))
        .filter_map(|profile| Variant::of(profile, &mut pairs))
        .collect()
}

/// Variants that sign the same form of content: with one key nobody can tell whose event it is.
const ALIKE: [&str; 8] = [
    "ed25519 ${body}: gohighlevel, hoopai@ed25519",
    "ed25519 ${id}.${timestamp}.${body}: standard-webhooks@ed25519, svix@ed25519",
    "hmac-sha1 ${body}: github@sha1, intercom, meta@sha1, vercel",
    "hmac-sha256 ${body}: adyen@platform, airtable, asana, bitbucket, circleci, coinbase-commerce, docusign, dropbox, \
     generic, github, gocardless, hoopai, hoopai@hook, hoopai@overview, hoopai@wl, jira, launchdarkly, lemonsqueezy, \
     linear, meta, notion, pagerduty, pocketsflow, pool-brain, poolflow, poolflow@base64, poolflow@hex, \
     poolflow@sha256-prefix, razorpay, sentry, shopify, shopify@events, twitter, typeform, xero",
    "hmac-sha256 ${id}.${timestamp}.${body}: clerk, gitlab@signing, openai, resend, standard-webhooks, svix, \
     svix@unbranded",
    "hmac-sha256 ${timestamp}.${body}: calendly, generic@timestamped, hook0@v0, slotflow, stripe, workos",
    "hmac-sha256 v0:${timestamp}:${body}: slack, zoom",
    "rsa ${body}: gohighlevel@rsa, hoopai@rsa",
];

#[test]
fn what_was_signed_in_one_form_is_never_accepted_in_another() {
    let variants = variants();
    let random = Random::seeded(20);
    let receivers: Vec<Verification> = variants.iter().map(|variant| variant.receiver(&[])).collect();
    let (mut wrong, mut tried) = (Vec::new(), 0);
    let mut alike: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    for holder in variants.iter().flat_map(|holder| std::iter::repeat_n(holder, ROUNDS)) {
        let Some((content, body)) = holder.signed(&random) else {
            continue;
        };
        for (variant, receiver) in variants
            .iter()
            .zip(&receivers)
            .filter(|(variant, _)| variant.mac() == holder.mac())
        {
            let signature = variant.signature(&content);
            for forged in variant.splits(&content, &random) {
                tried += 1;
                let judged = variant.judged(receiver, &forged, &signature);
                if !judged.verdict.is_accepted() {
                    continue;
                }
                if variant.shape() != holder.shape() || forged.body != body && variant.profile.scheme.signs_body() {
                    let content = String::from_utf8_lossy(&content).into_owned();
                    wrong.push(format!(
                        "signed as {}, accepted as {}: {content}\n  {forged:?}",
                        holder.label, variant.label
                    ));
                } else {
                    let group = alike.entry((variant.mac(), variant.shape())).or_default();
                    group.extend([variant.label.as_str(), holder.label.as_str()]);
                }
            }
        }
    }
    assert!(tried > 10_000, "only {tried}");
    assert!(
        wrong.is_empty(),
        "{} of {tried}:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(12)].join("\n")
    );
    let told: Vec<String> = alike
        .iter()
        .filter(|(_, labels)| labels.len() > 1)
        .map(|((mac, shape), labels)| {
            format!(
                "{mac} {shape}: {}",
                labels.iter().copied().collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    assert_eq!(told, ALIKE, "what cannot be told apart with one key");
}

/// A token that whoever asks may choose.
fn token(random: &Random) -> String {
    match pick(random, &[0, 1, 2, 3, 4, 5]) {
        0 => random.text(b"0123456789", 3),
        1 => format!("1893553445{}", random.text(b"0123456789abcdef", 50)),
        2 => format!("1893553445{}", random.text(b"0123456789abcdef", 3)),
        3 => format!("{}=", random.text(b"abcXYZ019-_+/", 11)),
        4 => "deploy-now".to_owned(),
        _ => random.text(b"abcXYZ019-_+/", 48),
    }
}

/// The signature of a token that a receiver answers with, when it answers.
fn answer(receiver: &Verification, profile: &Profile, variant: &Variant, token: &str) -> Option<String> {
    let mut asks = profile.handshakes.iter().filter(|handshake| handshake.needs_secret());
    asks.next().filter(|_| receiver.may_sign(token.as_bytes()))?;
    Some(variant.signature(token.as_bytes()))
}

#[test]
fn the_answer_to_a_handshake_is_no_signature_of_any_provider_that_is_named() {
    let variants = variants();
    let random = Random::seeded(21);
    let registry = Registry::default();
    let names = registry.names();
    let profiles: Vec<_> = names
        .iter()
        .map(|name| registry.get(name).expect("a profile"))
        .collect();
    let signing = |profile: &&Arc<Profile>| {
        profile
            .handshakes
            .iter()
            .any(hook::internals::provider::handshake::Handshake::needs_secret)
    };
    let (mut wrong, mut answered, mut refused) = (Vec::new(), 0, 0);
    let oracles: Vec<&Arc<Profile>> = profiles.iter().filter(signing).collect();
    assert!(oracles.len() >= 2, "{}", oracles.len());
    for oracle in oracles {
        for variant in variants.iter().filter(|variant| variant.mac() == "hmac-sha256") {
            let receiver = variant.receiver(&[&oracle.name]);
            for _ in 0..12 {
                let token = token(&random);
                let Some(signature) = answer(&receiver, oracle, variant, &token) else {
                    refused += 1;
                    continue;
                };
                answered += 1;
                for forged in variant.splits(token.as_bytes(), &random) {
                    if variant.judged(&receiver, &forged, &signature).verdict.is_accepted() {
                        wrong.push(format!(
                            "{token} for {} is an event of {}: {forged:?}",
                            oracle.name, variant.label
                        ));
                    }
                }
            }
        }
    }
    assert!(answered > 300 && refused > 0, "{answered} answered, {refused} refused");
    assert!(
        wrong.is_empty(),
        "{}:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(12)].join("\n")
    );
}
