//! A provider file after everything was checked: what the rest of the program uses.

use indexmap::IndexMap;
use serde::Deserialize;

use super::api::Api;
use super::file::{
    Dedupe, DeliveryTable, Detect, EndpointRules, EnvelopeTable, EventTable, InboundTable, MessageTable, Param,
    ReadPlace, ReadTable, RetryTable, SecretTable, SignatureTable, TestModeTable, VariantTable, WorkflowTable,
};
use super::handshake::Handshake;
use super::naming::Naming;
use super::policy::Policy;
use super::value::RequestField;
use crate::clock::Timestamp;
use crate::digest::body_sha256;
use crate::finding::Finding;
use crate::headers::Headers;
use crate::message::Mode;
use crate::secret::Secret;
use crate::signature::{KeyError, Scheme, Signer};
use crate::template::{Part, Placeholder, Template};

/// The only file format so far.
pub(super) const FORMAT: u32 = 1;

/// One provider, or one variant of it: the keys of its file, and what is compiled from them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Profile {
    /// Version of the file format, see [`FORMAT`].
    pub(super) format: u32,
    /// Name on the command line, without the variant: lower-case letters, digits and `-`.
    pub name: String,
    /// The variant picked, if any.
    #[serde(skip)]
    pub variant: Option<String>,
    /// Display name.
    pub title: String,
    /// Where the provider documents its webhooks.
    pub docs: Option<String>,
    /// Another provider, whose keys apply where this file states none.
    pub(super) extends: Option<String>,
    /// `false`: the events of that provider, and what it says about itself, are left out.
    pub(super) inherit_events: Option<bool>,
    /// Dotted keys of facts that no source states.
    pub assumed: Vec<String>,
    /// What a reader of `providers show` should know, a sentence each.
    pub notes: Vec<String>,
    /// The form of a generated secret.
    pub secret: SecretTable,
    /// How the message gets its id, its metadata and its time.
    pub message: MessageTable,
    /// What an envelope needs from the user: `${param.NAME}`.
    pub params: IndexMap<String, Param>,
    /// Endpoint rules, checked by `hook endpoints add`.
    pub endpoint: EndpointRules,
    /// Bodies of workflow actions, with merge tags.
    pub workflow: WorkflowTable,
    /// Triggers that accept requests from every sender that knows their URL; absent: the provider has none.
    pub inbound: Option<InboundTable>,
    /// Naming convention of custom events.
    pub naming: Naming,
    /// The event that `hook endpoints test` sends.
    pub test_event: Option<String>,
    /// The catalogue, in the order of the file.
    pub events: IndexMap<String, EventTable>,
    /// Documented deviations, picked with `--provider NAME@VARIANT`.
    pub variants: IndexMap<String, VariantTable>,
    /// A header that this variant requires to decide a request, and its value where one is required.
    #[serde(skip)]
    pub when: Option<(String, Option<String>)>,
    pub(super) signature: Option<SignatureTable>,
    /// How it signs.
    #[serde(skip)]
    pub scheme: Scheme,
    /// Variants whose signatures are sent beside its own.
    pub sends_also: Vec<String>,
    /// How those sign.
    #[serde(skip)]
    pub beside: Vec<Scheme>,
    /// Headers beside the signature.
    pub headers: IndexMap<String, Template>,
    /// How data becomes a body.
    pub envelope: EnvelopeTable,
    /// Where a receiver finds the event, the id and the time.
    pub read: ReadTable,
    /// How it delivers.
    pub delivery: DeliveryTable,
    pub(super) retry: Option<RetryTable>,
    /// Time limit, success, retries.
    #[serde(skip)]
    pub policy: Policy,
    /// What differs in test mode.
    pub test_mode: TestModeTable,
    /// Time limit, success, retries in test mode, where they differ.
    #[serde(skip)]
    pub test_policy: Option<Policy>,
    /// How `listen` recognises it.
    pub detect: Detect,
    /// What makes two captures the same event.
    pub dedupe: Dedupe,
    /// Its management API.
    pub api: Option<Api>,
    pub(super) handshake: Option<Handshake>,
    #[serde(rename = "handshakes")]
    pub(super) named_handshakes: IndexMap<String, Handshake>,
    /// How it challenges an endpoint, in one way or in several.
    #[serde(skip)]
    pub handshakes: Vec<Handshake>,
}

/// Facts that a request states about its event.
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
        match self.secret.form.parts() {
            [Part::Text(prefix), _, ..] => Some(prefix),
            _ => None,
        }
    }

    /// The given parameters, then the defaults of the others.
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
        let mut events = self.events.iter();
        let found = events.find(|(_, event)| event.aliases.iter().any(|a| a == name));
        found.map(|(name, _)| name.as_str())
    }

    /// The other names of the event that a request names: the catalogue's, and its aliases.
    pub fn other_names(&self, event: &str) -> Vec<String> {
        let canonical = self.canonical_event(event);
        let known = canonical.and_then(|name| Some((name, self.events.get(name)?)));
        let names = known.map(|(name, table)| std::iter::once(name.to_owned()).chain(table.aliases.clone()));
        names.into_iter().flatten().filter(|name| name != event).collect()
    }

    /// Checks the name of a custom event against the naming convention; events of the catalogue always pass.
    pub fn check_custom_event(&self, event: &str) -> Option<Finding> {
        match self.canonical_event(event) {
            Some(_) => None,
            None => self.naming.check(&self.label(), event),
        }
    }

    /// Time limit, success and retries in that mode.
    pub fn policy_in(&self, mode: Mode) -> &Policy {
        let test = self.test_policy.as_ref().filter(|_| mode == Mode::Test);
        test.unwrap_or(&self.policy)
    }

    /// Prepares secrets for signing, also for the signatures that are sent beside the provider's own.
    pub fn signer(&self, secrets: &[Secret]) -> Result<Signer, KeyError> {
        let own = self.scheme.signer(secrets)?;
        if self.beside.is_empty() {
            return Ok(own);
        }
        let beside = self.beside.iter().map(|scheme| scheme.signer(secrets));
        let all = std::iter::once(Ok(own)).chain(beside);
        all.collect::<Result<_, _>>().map(Signer::Several)
    }

    /// Whether this variant may decide a request with these headers.
    pub fn decides(&self, headers: &Headers) -> bool {
        self.when.as_ref().is_none_or(|(name, wanted)| match wanted {
            Some(value) => headers.get_text(name) == Some(value),
            None => headers.contains(name),
        })
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

    /// Reads the facts of a request, in one pass over the body.
    pub fn facts(&self, headers: &Headers, body: &[u8]) -> Facts {
        let found = self.read.paths().read_as(headers.get_text("content-type"), body);
        let at = |path: &str| {
            let value = found.get(self.read.paths().slot(path)?)?.as_ref()?;
            value.text().map(str::to_owned)
        };
        let text_at = |field: &RequestField| match field {
            RequestField::Header(name) => headers.get_text(name).map(str::to_owned),
            RequestField::Body(path) => at(path),
        };
        let covers_body = self.scheme.covers_body(headers);
        let is_signed = |field: &RequestField| self.signs(field, headers, covers_body);
        // A sender may change whatever is not signed, and would turn the same request into another event.
        let signed = |field: &RequestField| text_at(field).filter(|_| is_signed(field));
        let first = |places: &[ReadPlace]| places.iter().find_map(|place| place.read(text_at));
        let first_signed = |places: &[ReadPlace]| {
            let mut found = places.iter().filter_map(|place| Some((place, place.read(text_at)?)));
            let (place, text) = found.next()?;
            place.fields().iter().all(is_signed).then_some(text)
        };
        let dedupe_key = self.dedupe.keys.iter().find_map(|key| {
            key.render(|placeholder| match placeholder {
                Placeholder::Event => first_signed(&self.read.event),
                Placeholder::Id => first_signed(&self.read.id),
                Placeholder::BodyPath(path) => signed(&RequestField::Body(path.clone())),
                Placeholder::Header(name) => signed(&RequestField::Header(name.clone())),
                // A signature of nothing is the same for every request: it tells no two events apart.
                Placeholder::BodySha256 => (covers_body && !body.is_empty()).then(|| body_sha256(body)),
                _ => None,
            })
        });
        Facts {
            event: first(&self.read.event),
            id: first(&self.read.id),
            time: first(&self.read.time).and_then(|text| Timestamp::parse_any(&text)),
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
        for field in self.read.fields() {
            let RequestField::Header(name) = &field else { continue };
            let part = field.to_string();
            if headers.contains(name) && !parts.contains(&part) && !self.scheme.signs_header(name, headers) {
                parts.push(part);
            }
        }
        parts
    }
}
