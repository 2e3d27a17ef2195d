//! An endpoint: the subscription of one URL to a provider's events, in the form that the book writes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::form;
use super::limits::EndpointLimits;
use super::reference::Reference;
use crate::clock::{self, Timestamp};
use crate::health::{Disabled, DisabledBy};
use crate::provider::name_of;
use crate::text::printable;

/// A subscription. The order of the fields is the order of the keys in the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// `ep_...` in the local book; a remote store has ids of its own.
    pub id: String,
    /// The user's name for it; unique in its store.
    pub name: String,
    /// Where deliveries go.
    #[serde(deserialize_with = "form::url")]
    pub url: String,
    /// `NAME` or `NAME@VARIANT` of the provider that delivers.
    pub provider: String,
    /// The subscribed events.
    pub events: Events,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Free labels; `env` selects by environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The plan of the account, where the provider limits endpoints by plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Parameters of the provider's envelope, such as the company whose events are wanted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// The tenant whose events it gets; without one it gets those without a tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What the body of an event must say, by dotted paths: all of it.
    #[serde(rename = "where", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<String, Value>,
    /// Headers beside the provider's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How fast it gets deliveries.
    #[serde(default, skip_serializing_if = "EndpointLimits::is_default")]
    pub limits: EndpointLimits,
    /// The current one first, then those that a rotation keeps for a while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<EndpointSecret>,
    /// Absent: active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
    /// Where it is asked to confirm its subscription: `sha256:` and the digest of the token that it was sent last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<String>,
    /// Failed deliveries in a row. This and the next are in the ledger, and in the books of earlier hooks.
    #[serde(default, skip_serializing_if = "form::is_zero")]
    pub failed_deliveries: u32,
    /// When the first of them ended.
    #[serde(
        default,
        serialize_with = "clock::write_short",
        skip_serializing_if = "Option::is_none"
    )]
    pub failing_since: Option<Timestamp>,
    /// When it was enabled last. Never in the book.
    #[serde(skip)]
    pub enabled_at: Option<Timestamp>,
    /// When it was added.
    #[serde(serialize_with = "clock::write_short")]
    pub created: Timestamp,
    /// The last change by hand; counting failed deliveries is not one.
    #[serde(serialize_with = "clock::write_short")]
    pub updated: Timestamp,
}

/// The events of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Events {
    /// Every event, also those that the catalogue does not know.
    All,
    /// Exact names of the catalogue.
    Only(Vec<String>),
}

/// One secret of an endpoint: where it is, never what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSecret {
    /// Where its text is.
    #[serde(rename = "ref")]
    pub reference: Reference,
    /// The name that verdicts show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// After a rotation: how long the old one stays valid.
    #[serde(
        default,
        serialize_with = "clock::write_short",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<Timestamp>,
}

/// What an update changes; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Another name.
    pub name: Option<String>,
    /// Another URL.
    pub url: Option<String>,
    /// Another choice of events. The secret stays.
    pub events: Option<Events>,
    /// Switches it on or off by hand.
    pub active: Option<bool>,
    /// Another description; an empty one removes it.
    pub description: Option<String>,
    /// All labels, replaced.
    pub labels: Option<BTreeMap<String, String>>,
    /// Another plan; an empty one removes it.
    pub plan: Option<String>,
    /// All parameters, replaced.
    pub params: Option<BTreeMap<String, String>>,
    /// Another tenant; an empty one removes it.
    pub tenant: Option<String>,
    /// All conditions, replaced.
    pub conditions: Option<BTreeMap<String, Value>>,
    /// All headers, replaced.
    pub headers: Option<BTreeMap<String, String>>,
    /// All limits, replaced.
    pub limits: Option<EndpointLimits>,
    /// A new secret, and how long those before it still count.
    pub secret: Option<(EndpointSecret, Duration)>,
}

impl Endpoint {
    /// An active endpoint without a secret.
    pub fn new(id: impl Into<String>, name: &str, url: &str, provider: &str, events: Events, now: Timestamp) -> Self {
        let now = form::whole_seconds(now);
        Self {
            id: id.into(),
            name: name.to_owned(),
            url: url.to_owned(),
            provider: provider.to_owned(),
            events,
            description: None,
            labels: BTreeMap::new(),
            plan: None,
            params: BTreeMap::new(),
            tenant: None,
            conditions: BTreeMap::new(),
            headers: BTreeMap::new(),
            limits: EndpointLimits::default(),
            secrets: Vec::new(),
            disabled: None,
            confirmation: None,
            failed_deliveries: 0,
            failing_since: None,
            enabled_at: None,
            created: now,
            updated: now,
        }
    }

    /// The provider without its variant.
    pub fn provider_name(&self) -> &str {
        name_of(&self.provider)
    }

    /// Whether it gets deliveries.
    pub fn is_active(&self) -> bool {
        self.disabled.is_none()
    }

    /// Makes the change. Returns whether anything is different now.
    pub fn apply(&mut self, change: Change, now: Timestamp) -> bool {
        fn set<T>(field: &mut T, new: Option<T>) {
            if let Some(new) = new {
                *field = new;
            }
        }
        let before = self.clone();
        let unless_empty = |text: String| Some(text).filter(|text| !text.is_empty());
        if change.url.as_ref().is_some_and(|url| *url != self.url) && self.confirmation.take().is_some() {
            // A token that was sent to another URL proves nothing about this one.
            self.make_pending(now);
        }
        set(&mut self.name, change.name);
        set(&mut self.url, change.url);
        set(&mut self.events, change.events);
        set(&mut self.description, change.description.map(unless_empty));
        set(&mut self.labels, change.labels);
        set(&mut self.plan, change.plan.map(unless_empty));
        set(&mut self.params, change.params);
        set(&mut self.tenant, change.tenant.map(unless_empty));
        set(&mut self.conditions, change.conditions);
        set(&mut self.headers, change.headers);
        set(&mut self.limits, change.limits);
        if let Some((secret, overlap)) = change.secret {
            self.rotate(secret, overlap, now);
        }
        match change.active {
            Some(true) => self.enable(now),
            Some(false) => self.disable(DisabledBy::Hand, None, now),
            None => false,
        };
        let differs = *self != before;
        if differs {
            self.updated = form::whole_seconds(now);
        }
        differs
    }

    /// Switches it off; one that is off keeps its reason. Returns whether it was on.
    pub fn disable(&mut self, reason: DisabledBy, detail: Option<String>, now: Timestamp) -> bool {
        let was_active = self.is_active();
        if was_active {
            let since = form::whole_seconds(now);
            self.disabled = Some(Disabled { reason, detail, since });
            self.updated = since;
        }
        was_active
    }

    /// Switches it on and forgets the failures. Returns whether it was off. One that is not confirmed stays off: only its
    /// token switches it on.
    pub fn enable(&mut self, now: Timestamp) -> bool {
        if self.is_pending() {
            return false;
        }
        let was_disabled = self.disabled.take().is_some();
        if was_disabled || self.failed_deliveries > 0 {
            self.enabled_at = Some(now);
        }
        (self.failed_deliveries, self.failing_since) = (0, None);
        if was_disabled {
            self.updated = form::whole_seconds(now);
        }
        was_disabled
    }
}

impl From<Reference> for EndpointSecret {
    fn from(reference: Reference) -> Self {
        Self {
            reference,
            name: None,
            until: None,
        }
    }
}

impl Events {
    /// Whether that event is subscribed.
    pub fn contains(&self, event: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|name| name == event),
        }
    }

    /// A text of at most that many characters.
    pub fn summary(&self, most: usize) -> String {
        let Self::Only(names) = self else {
            return "all events".to_owned();
        };
        let all = names.join(", ");
        match names.as_slice() {
            [] => "none".to_owned(),
            _ if all.chars().count() <= most => printable(&all, most),
            [first, rest @ ..] => {
                let first = printable(first, most.saturating_sub(11));
                format!("{first} and {} more", rest.len())
            }
        }
    }

    /// Whether both are the same, in any order.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All) => true,
            (Self::Only(own), Self::Only(others)) => {
                own.iter().collect::<BTreeSet<_>>() == others.iter().collect::<BTreeSet<_>>()
            }
            _ => false,
        }
    }

    /// Whether both have an event in common.
    pub fn overlap(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, Self::All) => true,
            (Self::All, Self::Only(names)) | (Self::Only(names), Self::All) => !names.is_empty(),
            (Self::Only(names), other @ Self::Only(_)) => names.iter().any(|name| other.contains(name)),
        }
    }
}

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Only(names) => f.write_str(&names.join(", ")),
        }
    }
}

impl Serialize for Events {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Only(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EventsVisitor)
    }
}

struct EventsVisitor;

impl<'de> Visitor<'de> for EventsVisitor {
    type Value = Events;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"all\" or a list of event names")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Events, E> {
        match text {
            "all" => Ok(Events::All),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Events, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = seq.next_element()? {
            names.push(name);
        }
        Ok(Events::Only(names))
    }
}
