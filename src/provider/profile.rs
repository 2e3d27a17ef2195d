//! A provider after everything was checked: what the rest of the program uses.

use indexmap::IndexMap;

use super::api::Api;
use super::file::{Dedupe, Detect, EndpointRules, EventTable, InboundTable, Param, ReadTable};
use super::handshake::Handshake;
use super::naming::Naming;
use super::policy::Policy;
use super::value::RequestField;
use crate::clock::Timestamp;
use crate::digest::body_sha256;
use crate::finding::Finding;
use crate::headers::Headers;
use crate::signature::Scheme;
use crate::template::{Part, Placeholder, Template};

/// One provider, or one variant of it.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Without the variant.
    pub name: String,
    /// The variant picked, if any.
    pub variant: Option<String>,
    /// For people.
    pub title: String,
    /// Where the provider documents its webhooks.
    pub docs: Option<String>,
    /// A sentence each.
    pub notes: Vec<String>,
    /// Dotted keys of facts that no source states.
    pub assumed: Vec<String>,
    /// How it signs.
    pub scheme: Scheme,
    /// A header and what it must say for this variant to decide a request.
    pub when: Option<(String, String)>,
    /// Form of a generated secret.
    pub secret_form: Template,
    /// Headers beside the signature.
    pub headers: IndexMap<String, Template>,
    /// The body's fields in order; the key `...` spreads the data.
    pub envelope: IndexMap<String, Template>,
    /// Form of the message's id; absent: the ledger's.
    pub id: Option<Template>,
    /// Body path of `--metadata`.
    pub metadata: Option<String>,
    /// What the envelope needs from the user.
    pub params: IndexMap<String, Param>,
    /// Where a receiver finds event, id and time.
    pub read: ReadTable,
    /// Request method.
    pub method: String,
    /// Of the body.
    pub content_type: String,
    /// Absent: hook's own.
    pub user_agent: Option<String>,
    /// Time limit, success, retries.
    pub policy: Policy,
    /// Rules for endpoints.
    pub endpoint: EndpointRules,
    /// How a request is recognised.
    pub detect: Detect,
    /// What makes two captures the same event.
    pub dedupe: Dedupe,
    /// A sample record for merge tags, as JSON text.
    pub workflow_context: Option<String>,
    /// Triggers that take requests of anybody who knows their URL; absent: the provider has none.
    pub inbound: Option<InboundTable>,
    /// How events of the user's own are to be named.
    pub naming: Naming,
    /// What `endpoints test` sends.
    pub test_event: Option<String>,
    /// The catalogue.
    pub events: IndexMap<String, EventTable>,
    /// Its management API.
    pub api: Option<Api>,
    /// What it asks an endpoint first, in one way or in several.
    pub handshakes: Vec<Handshake>,
    /// Names and summaries of the documented deviations.
    pub variants: Vec<(String, String)>,
}

/// What a request said about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The event's type.
    pub event: Option<String>,
    /// The event's id.
    pub id: Option<String>,
    /// The event's time.
    pub time: Option<Timestamp>,
    /// The key that a second delivery of the same event has too, where all of it is signed.
    pub dedupe_key: Option<String>,
}

impl Profile {
    /// What its secrets begin with, where all of them do.
    pub fn secret_prefix(&self) -> Option<&str> {
        match self.secret_form.parts() {
            [Part::Text(prefix), _, ..] => Some(prefix),
            _ => None,
        }
    }

    /// Those parameters, and the defaults of the others, as a message will have them.
    pub fn effective_params(&self, given: &[(String, String)]) -> Vec<(String, String)> {
        let is_given = |name: &str| given.iter().any(|(known, _)| known == name);
        let defaults = self.params.iter().filter(|(name, _)| !is_given(name));
        let defaults = defaults.filter_map(|(name, param)| Some((name.clone(), param.default.clone()?)));
        given.iter().cloned().chain(defaults).collect()
    }

    /// `NAME` or `NAME@VARIANT`, as it is typed.
    pub fn label(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}@{variant}", self.name),
            None => self.name.clone(),
        }
    }

    /// The catalogue's name for an event name or one of its aliases.
    pub fn canonical_event<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if self.events.contains_key(name) {
            return Some(name);
        }
        self.events
            .iter()
            .find(|(_, event)| event.aliases.iter().any(|a| a == name))
            .map(|(name, _)| name.as_str())
    }

    /// What is wrong with the name of an event of the user's own; nothing is with those of the catalogue.
    pub fn check_custom_event(&self, event: &str) -> Option<Finding> {
        match self.canonical_event(event) {
            Some(_) => None,
            None => self.naming.check(&self.label(), event),
        }
    }

    /// Whether this variant may decide a request with these headers.
    pub fn decides(&self, headers: &Headers) -> bool {
        let says = |(name, value): &(String, String)| headers.get_text(name) == Some(value);
        self.when.as_ref().is_none_or(says)
    }

    /// Whether that dotted key is marked as assumed, itself or a table around it.
    pub fn is_assumed(&self, key: &str) -> bool {
        self.assumed
            .iter()
            .any(|a| a == key || key.strip_prefix(a.as_str()).is_some_and(|rest| rest.starts_with('.')))
    }

    /// What a variant assumes, by the last names of the keys.
    pub fn assumed_in_variant(&self, name: &str) -> Vec<&str> {
        let prefix = format!("variants.{name}.");
        let own = |key: &String| key.starts_with(&prefix);
        let assumed = self.assumed.iter().filter(|key| own(key));
        assumed.filter_map(|key| key.rsplit('.').next()).collect()
    }

    /// Reads what a request says about itself, in one pass over the body.
    pub fn facts(&self, headers: &Headers, body: &[u8]) -> Facts {
        let found = self.read.paths().read_as(headers.get_text("content-type"), body);
        let at = |path: &str| {
            found
                .get(self.read.paths().slot(path)?)?
                .as_ref()?
                .text()
                .map(str::to_owned)
        };
        let first = |places: &[RequestField]| {
            places.iter().find_map(|place| {
                let text = match place {
                    RequestField::Header(name) => headers.get_text(name).map(str::to_owned),
                    RequestField::Body(path) => at(path),
                };
                text.map(|text| (text, place.clone()))
            })
        };
        let (event, id) = (first(&self.read.event), first(&self.read.id));
        let time = first(&self.read.time).and_then(|(text, _)| Timestamp::parse(&text));
        let covers_body = self.scheme.covers_body(headers);
        // Whoever has a signed request may change the rest of it, and would make it another event.
        let signed = |found: &Option<(String, RequestField)>| {
            let (text, place) = found.as_ref()?;
            self.signs(place, headers, covers_body).then(|| text.clone())
        };
        let signed_at = |place: RequestField, text: Option<String>| signed(&text.map(|text| (text, place)));
        let dedupe_key = self.dedupe.keys.iter().find_map(|key| {
            key.render(|placeholder| match placeholder {
                Placeholder::Event => signed(&event),
                Placeholder::Id => signed(&id),
                Placeholder::BodyPath(path) => signed_at(RequestField::Body(path.clone()), at(path)),
                Placeholder::Header(name) => signed_at(
                    RequestField::Header(name.clone()),
                    headers.get_text(name).map(str::to_owned),
                ),
                Placeholder::BodySha256 => covers_body.then(|| body_sha256(body)),
                _ => None,
            })
        });
        Facts {
            event: event.map(|(text, _)| text),
            id: id.map(|(text, _)| text),
            time,
            dedupe_key,
        }
    }

    fn signs(&self, place: &RequestField, headers: &Headers, covers_body: bool) -> bool {
        match place {
            RequestField::Header(name) => self.scheme.signs_header(name, headers),
            RequestField::Body(path) => covers_body || self.scheme.signs_field(path),
        }
    }

    /// What of a request is used or passed on, though the provider does not sign it: `body`, `query`, `header:NAME`.
    pub fn unsigned_parts(&self, headers: &Headers, body: &[u8], has_query: bool) -> Vec<String> {
        let mut parts = Vec::new();
        if !body.is_empty() && !self.scheme.covers_body(headers) {
            parts.push("body".to_owned());
        }
        if has_query && !self.scheme.signs_target() {
            parts.push("query".to_owned());
        }
        let read = [&self.read.event, &self.read.id, &self.read.time];
        for place in read.into_iter().flatten() {
            let RequestField::Header(name) = place else { continue };
            let part = place.to_string();
            if headers.contains(name) && !parts.contains(&part) && !self.scheme.signs_header(name, headers) {
                parts.push(part);
            }
        }
        parts
    }
}
