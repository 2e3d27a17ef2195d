//! Where a mistake is tried out: the same request with one part or two changed, and whether its signature matches then.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};

use serde_json::Value;

use super::digests::{Digest, MacKind};
use super::json::{self, Fault, JsonNode};
use super::mistake::{Mistake, mistake};
use super::signature_metadata::SignatureMetadata;
use super::texts::{self, Target};
use super::time_budget::{StepKind, TimeBudget};
use super::token_values::within;
use super::{Case, SignedBytes};
use crate::headers::Headers;
use crate::json::get;
use crate::known::MASK;
use crate::secret::Secret;
use crate::signature::content::{PieceSource, Pieces, check_body_hash};
use crate::signature::location::Carried;
use crate::signature::url_form::UrlForm;
use crate::signature::{Received, Scheme, SignatureLocation, TokenScheme, same};
use crate::template::{Placeholder, Template};

/// Headers that are looked through for a signature, at most.
const MOST_HEADERS: usize = 24;

/// Before a document.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// A request as it may have been signed.
#[derive(Clone, Copy)]
pub(super) struct Trial<'t> {
    /// The bytes of keys, any of which may match.
    pub(super) keys: &'t [Vec<u8>],
    pub(super) body: &'t [u8],
    pub(super) url: Option<&'t str>,
    pub(super) content: &'t Template,
    pub(super) mac: MacKind,
}

/// Signatures over one content, with what the header says beside them.
struct SignedItem {
    document: Option<Value>,
    stamp: Option<String>,
    id: Option<String>,
    names: Option<String>,
    targets: Vec<Target>,
}

/// A refused request, and the time left to look at it.
pub(super) struct SearchContext<'a> {
    pub(super) case: Case<'a>,
    pub(super) budget: &'a TimeBudget,
    /// The keys that the secrets give.
    pub(super) keys: Vec<Vec<u8>>,
    /// The scheme's content; empty for a token.
    pub(super) content: Template,
    /// The timestamp that goes with the signature, as it is written.
    pub(super) stamp: Option<String>,
    /// Each with all of its items; one of them must match.
    sources: Vec<Vec<SignedItem>>,
    document: OnceCell<Result<JsonNode<'a>, Fault>>,
    /// What was signed, of the last attempt that matched.
    matched: RefCell<Option<Vec<u8>>>,
}

impl<'a> SearchContext<'a> {
    pub(super) fn new(case: Case<'a>, budget: &'a TimeBudget) -> Self {
        let mut context = Self {
            case,
            budget,
            keys: Vec::new(),
            content: case.scheme.content().cloned().unwrap_or_default(),
            stamp: None,
            sources: Vec::new(),
            document: OnceCell::new(),
            matched: RefCell::new(None),
        };
        context.keys = case.secrets.iter().filter_map(|secret| context.key(secret)).collect();
        match (case.scheme, case.scheme.carrier()) {
            (Scheme::Token(token), _) => context.sources = vec![vec![token_item(token, case.received.headers)]],
            (_, Some(carrier)) => context.find_sources(carrier),
            _ => {}
        }
        context.stamp = context.sources.iter().flatten().find_map(|item| item.stamp.clone());
        context
    }

    fn find_sources(&mut self, carrier: &SignatureLocation) {
        let Received { headers, body, .. } = self.case.received;
        let look = || carrier.document(headers, body);
        let wanted = self.case.scheme.looks_into_body();
        let read = wanted.then(|| self.budget.step(StepKind::Look, body.len(), look));
        let document: Option<Value> = read.flatten().flatten();
        let items = document.as_ref().and_then(|document| carrier.items(document));
        let mut own: Vec<SignedItem> = match items {
            Some(items) => items
                .into_iter()
                .map(|item| self.item(carrier, headers, Some(item)))
                .collect(),
            None => vec![self.item(carrier, headers, None)],
        };
        let mut others = Vec::new();
        for (name, value) in headers.iter().take(MOST_HEADERS) {
            if carrier.body.is_some() || carrier.headers().any(|own| own.eq_ignore_ascii_case(name)) {
                continue;
            }
            let mut moved = headers.clone();
            moved.remove(&carrier.header);
            moved.append(&carrier.header, value);
            let mut item = self.item(carrier, &moved, document.as_ref());
            let text = format!("the signature is in `{name}` instead of `{}`", carrier.header);
            let hint = format!("the sender must put the signature into `{}`", carrier.header);
            let displaced = mistake("other-header", text, hint);
            item.targets
                .iter_mut()
                .for_each(|target| target.mistakes.insert(0, displaced.clone()));
            match own
                .first_mut()
                .filter(|first| (&first.stamp, &first.id) == (&item.stamp, &item.id))
            {
                Some(first) => first.targets.append(&mut item.targets),
                None => others.push(vec![item]),
            }
        }
        others.retain(|items| items.iter().all(|item| !item.targets.is_empty()));
        self.sources = std::iter::once(own).chain(others).collect();
    }

    fn item(&self, carrier: &SignatureLocation, headers: &Headers, document: Option<&Value>) -> SignedItem {
        let scheme = self.case.scheme;
        let mut targets = Vec::new();
        match &carrier.body {
            Some(path) => {
                if let Some(Value::String(text)) = document.and_then(|document| get(document, path)) {
                    targets = texts::targets(scheme, carrier, text.as_bytes());
                }
            }
            None => {
                let values = carrier.headers().flat_map(|header| headers.all(header));
                targets.extend(values.take(16).flat_map(|value| texts::targets(scheme, carrier, value)));
            }
        }
        let metadata = SignatureMetadata::of(carrier, headers);
        for target in &mut targets {
            target.mistakes.extend(metadata.moved.iter().cloned());
        }
        SignedItem {
            document: document.cloned(),
            stamp: metadata.stamp,
            id: metadata.id,
            names: metadata.names,
            targets,
        }
    }

    /// The bytes that the scheme makes of a secret; none when it cannot use it.
    pub(super) fn key(&self, secret: &Secret) -> Option<Vec<u8>> {
        match self.case.scheme {
            Scheme::Hmac(scheme) => scheme.key_bytes(secret).ok(),
            Scheme::Asymmetric(scheme) => scheme.public_bytes(secret).ok(),
            Scheme::Hash(_) | Scheme::Token(_) if !secret.is_empty() => Some(secret.expose().to_vec()),
            _ => None,
        }
    }

    /// Whether a key is any text, so that a changed text is another key.
    pub(super) fn is_keyed_by_text(&self) -> bool {
        matches!(self.case.scheme, Scheme::Hmac(_) | Scheme::Hash(_))
    }

    /// The request as it came.
    pub(super) fn trial(&self) -> Trial<'_> {
        Trial {
            keys: &self.keys,
            body: self.case.received.body,
            url: self.case.received.url,
            content: &self.content,
            mac: MacKind::Scheme,
        }
    }

    /// Whether the scheme signs the body: where it does not, no change of it explains anything.
    pub(super) fn signs_body(&self) -> bool {
        let by_hash = self
            .case
            .scheme
            .carrier()
            .is_some_and(|carrier| carrier.body_hash.is_some());
        let is_body = |p: &Placeholder| matches!(p, Placeholder::Body | Placeholder::Form);
        by_hash || self.content.placeholders().any(is_body)
    }

    /// Whether there is anything to compare with.
    pub(super) fn has_targets(&self) -> bool {
        self.sources.iter().flatten().any(|item| !item.targets.is_empty())
    }

    /// The body as a document, without a mark before it.
    pub(super) fn document(&self) -> Option<&JsonNode<'a>> {
        if self.document.get().is_none() {
            let body = self.case.received.body;
            let text = body.strip_prefix(BOM).unwrap_or(body);
            let read = self.budget.step(StepKind::Read, body.len(), || json::parse(text))?;
            let _ = self.document.set(read);
        }
        match self.document.get()? {
            Ok(node) => return Some(node),
            Err(Fault::TooMuch) => self.budget.leave_out(),
            Err(Fault::NotJson) => {}
        }
        None
    }

    /// Another body, made when there is the time.
    pub(super) fn make<T>(&self, make: impl FnOnce() -> T) -> Option<T> {
        self.budget.step(StepKind::Change, self.case.received.body.len(), make)
    }

    /// The mistakes of the signature's text when the signature matches so, whatever its age; nothing when it does not, or
    /// when there is no time for the check.
    pub(super) fn check(&self, attempt: &Trial<'_>) -> Option<&[Mistake]> {
        let size = attempt.body.len() * attempt.keys.len();
        let matched = self.budget.check(self.case.scheme, size, || self.matches(attempt));
        matched.flatten()
    }

    fn matches(&self, attempt: &Trial<'_>) -> Option<&[Mistake]> {
        let given = attempt.url.unwrap_or_default();
        let forms = self.case.scheme.carrier().map_or(&[][..], |carrier| &carrier.url_forms);
        let mut urls: Vec<Cow<'_, str>> = Vec::with_capacity(1);
        for form in forms.iter().chain(forms.is_empty().then_some(&UrlForm::Given)) {
            let url = form.of(given);
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        let pairs = attempt
            .keys
            .iter()
            .flat_map(|key| urls.iter().map(move |url| (key, url)));
        for (key, url) in pairs {
            for items in &self.sources {
                let mut matched = items.iter().map(|item| self.matching(item, key, url, attempt));
                let first = matched.next().flatten();
                if first.is_some() && matched.all(|target| target.is_some()) {
                    self.matched.replace(self.content_of(items, url, attempt));
                    return first.map(|target| target.mistakes.as_slice());
                }
            }
        }
        None
    }

    /// What the signature covers: of the request as it came, and of the last attempt that matched.
    pub(super) fn bytes(&self) -> Option<SignedBytes> {
        let attempt = self.trial();
        let url = attempt.url.unwrap_or_default();
        let mut sources = self.sources.iter();
        Some(SignedBytes {
            arrived: sources.find_map(|items| self.content_of(items, url, &attempt))?,
            signed: self.matched.borrow().clone(),
        })
    }

    /// What is signed of the first item, with a mask where a scheme puts the secret.
    fn content_of(&self, items: &[SignedItem], url: &str, attempt: &Trial<'_>) -> Option<Vec<u8>> {
        let key = MASK.as_bytes();
        self.with_pieces(items.first()?, key, url, attempt, |pieces| Some(pieces.concat()))
    }

    fn matching<'s>(&'s self, item: &'s SignedItem, key: &[u8], url: &str, attempt: &Trial<'_>) -> Option<&'s Target> {
        let targets = || item.targets.iter();
        if let Scheme::Token(_) = self.case.scheme {
            return targets().find(|target| same(&target.bytes, key));
        }
        self.with_pieces(item, key, url, attempt, |pieces| {
            if let Scheme::Asymmetric(scheme) = self.case.scheme {
                let content = attempt.mac.content(pieces);
                return targets().find(|target| scheme.is_signature(key, &content, &target.bytes));
            }
            let keyed = matches!(self.case.scheme, Scheme::Hmac(_));
            let mut best: Option<&Target> = None;
            let mut made: Vec<(Digest, Vec<u8>)> = Vec::with_capacity(1);
            for target in targets() {
                let at = made.iter().position(|(digest, _)| *digest == target.digest);
                let at = at.unwrap_or_else(|| {
                    made.push((target.digest, attempt.mac.sign(target.digest, keyed, key, pieces)));
                    made.len() - 1
                });
                let fewer = best.is_none_or(|best| best.mistakes.len() > target.mistakes.len());
                if fewer && target.is_of(&made[at].1) {
                    best = Some(target);
                }
            }
            best
        })
    }

    /// Calls `run` with what is signed of the attempt.
    fn with_pieces<T>(
        &self,
        item: &SignedItem,
        key: &[u8],
        url: &str,
        attempt: &Trial<'_>,
        run: impl FnOnce(&Pieces<'_>) -> Option<T>,
    ) -> Option<T> {
        let carrier = self.case.scheme.carrier()?;
        let received = Received {
            body: attempt.body,
            url: attempt.url,
            ..self.case.received
        };
        let signs = |wanted: &Placeholder| attempt.content.placeholders().any(|p| p == wanted);
        if signs(&Placeholder::Url) && attempt.url.is_none() {
            return None;
        }
        if let Some(param) = carrier.body_hash.as_deref().filter(|_| signs(&Placeholder::Form)) {
            check_body_hash(param, url, &received).ok()?;
        }
        let carried = Carried {
            timestamp: item.stamp.as_deref().map(str::as_bytes),
            id: item.id.as_deref().map(str::as_bytes),
            signed_headers: item.names.as_deref().map(str::as_bytes),
            ..Carried::default()
        };
        let source = PieceSource {
            carrier,
            carried: &carried,
            received: &received,
            document: item.document.as_ref(),
            url,
            secret: key,
            event: "",
        };
        run(&source.pieces(attempt.content).ok()?)
    }
}

/// A token with all that its header may have around it.
fn token_item(token: &TokenScheme, headers: &Headers) -> SignedItem {
    let mut targets = Vec::new();
    let mut add = |text: &[u8], mistakes: Vec<Mistake>| {
        targets.push(Target {
            bytes: text.to_vec(),
            digest: Digest::Sha256,
            written: None,
            mistakes,
        });
    };
    let (header, value) = (&token.header, &token.value);
    for sent in headers.all(header) {
        let text = format!("the token is right, and the text around it in `{header}` is not");
        let form = mistake("token-form", text, format!("the header must be `{header}: {value}`"));
        let inner = token.secret_in(sent);
        // All of a value stands for the secret when the value does not have the form.
        let fits = inner.len() < sent.len() || value.single().is_some();
        add(&sent[inner], if fits { Vec::new() } else { vec![form.clone()] });
        for text in within(sent) {
            add(&text, vec![form.clone()]);
        }
    }
    for (name, sent) in headers.iter().take(MOST_HEADERS) {
        if !name.eq_ignore_ascii_case(header) {
            let text = format!("the token is in `{name}` instead of `{header}`");
            let hint = format!("the sender must put it into `{header}`");
            let moved = mistake("other-header", text, hint);
            for text in within(sent) {
                add(&text, vec![moved.clone()]);
            }
        }
    }
    SignedItem {
        document: None,
        stamp: None,
        id: None,
        names: None,
        targets,
    }
}
