//! A provider's management API after everything was checked: what is called, what is answered, what the fields are
//! called. Both sides use it, the client that calls it and the face that plays it.

mod compile;

pub(super) use compile::check_place;

use std::time::Duration;

use url::Url;

use super::causes::Cause;
use super::pattern::Pattern;
use crate::template::Template;

/// A management API for subscriptions.
#[derive(Debug, Clone)]
pub struct Api {
    /// Where it is, without a `/` at the end; absent: the user says where.
    pub base: Option<Url>,
    /// What every call must carry beside its token.
    pub headers: Vec<(String, String)>,
    /// Form of a key.
    pub key: Template,
    /// Form of a key whose calls cause test events only.
    pub test_key: Option<Template>,
    /// How ids are written.
    pub id: IdForm,
    /// Their names of our fields.
    pub fields: Vec<(Field, String)>,
    /// The status of a subscription that is not confirmed yet.
    pub pending: Option<String>,
    /// The calls that there are; always [`Verb::Create`], [`Verb::List`] and [`Verb::Delete`].
    pub calls: Vec<(Verb, Call)>,
    /// How a long list is cut.
    pub paging: Option<Paging>,
    /// What refusals look like.
    pub faults: Faults,
    /// Scopes, and the events that need them.
    pub scopes: Vec<(String, Vec<String>)>,
    /// How many calls are taken in how long.
    pub rate: Option<(u32, Duration)>,
    /// What answers say about that, by header.
    pub rate_headers: Vec<(String, RateFact)>,
    /// ResourceStore that calls make and end.
    pub causes: Vec<Cause>,
}

/// What an answer says about how many calls are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateFact {
    /// How many in a window.
    Limit,
    /// How many are left in this one.
    Remaining,
    /// How long a window is, in milliseconds.
    WindowMs,
    /// How long this one still lasts, in seconds.
    ResetS,
}

/// How ids are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdForm {
    /// As the book has them.
    Own,
    /// The same 128 bits as a uuid.
    Uuid,
}

/// A part of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The provider's id.
    Id,
    /// Where deliveries go.
    Url,
    /// A list of names.
    Events,
    /// What people call it.
    Name,
    /// For people.
    Description,
    /// Whether it gets deliveries.
    Active,
    /// Confirmed or not.
    Status,
    /// What signs, where an answer carries it.
    Secret,
    /// When it was made.
    Created,
}

/// What can be done with subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Make one.
    Create,
    /// Give all.
    List,
    /// Give one.
    Get,
    /// Change one.
    Update,
    /// End one.
    Delete,
    /// Confirm one.
    Confirm,
}

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// `GET` and the like.
    pub method: String,
    /// Below the base; `{id}` is the subscription's.
    pub path: String,
    /// Of success.
    pub status: u16,
    /// What the request may carry.
    pub takes: Vec<Field>,
    /// What the answer leaves out.
    pub hides: Vec<Field>,
    /// What else the request must carry.
    pub with: Vec<(String, Extra)>,
    /// Where the answer has the list; absent: the answer is the list.
    pub items: Option<String>,
    /// Where the answer says how many there are.
    pub total: Option<String>,
    /// The request's body where it is no subscription, with `${id}` and `${token}`.
    pub body: Option<Pattern>,
    /// The answer where it is no subscription.
    pub answer: Answer,
}

/// What else a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extra {
    /// As it stands.
    Text(String),
    /// A parameter of the envelope.
    Param(String),
}

/// What a call that succeeds answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The subscription, or all of them.
    Object,
    /// This, with `${id}`.
    Pattern(Pattern),
    /// No body.
    Nothing,
}

/// How a long list is cut into pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// The query parameter that asks for a page.
    pub param: String,
    /// The query parameter of the number of items.
    pub size_param: String,
    /// How many are asked for; at least 1.
    pub size: u32,
    /// Where the answer names the next page; absent: pages are numbered from 1.
    pub next: Option<String>,
}

/// What refusals look like.
#[derive(Debug, Clone)]
pub struct Faults {
    /// With `${code}`, `${message}` and `${status}`.
    pub answer: Pattern,
    kinds: Vec<(FaultKind, u16, String)>,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The token is missing, unknown or expired.
    Unauthorised,
    /// The plan allows no more.
    Limit,
    /// The token may not do that.
    Forbidden,
    /// There is no such thing.
    Unknown,
    /// It is there already.
    Duplicate,
    /// The request says something that cannot be.
    Invalid,
    /// Too many calls.
    Rate,
    /// There is no such call.
    Method,
}

impl Api {
    /// Their name of a field; `None` where they do not have it.
    pub fn field(&self, field: Field) -> Option<&str> {
        let found = self.fields.iter().find(|(ours, _)| *ours == field);
        found.map(|(_, theirs)| theirs.as_str())
    }

    /// The call for a verb; `None` where they do not have it.
    pub fn call(&self, verb: Verb) -> Option<&Call> {
        self.calls.iter().find(|(ours, _)| *ours == verb).map(|(_, call)| call)
    }

    /// Whether the request of a verb has a place for a field.
    pub fn takes(&self, verb: Verb, field: Field) -> bool {
        self.call(verb).is_some_and(|call| call.takes.contains(&field))
    }

    /// How every key begins: what stands before the first placeholder of its forms.
    pub fn key_prefixes(&self) -> Vec<&str> {
        let forms = std::iter::once(&self.key).chain(&self.test_key);
        forms
            .map(Template::fixed_start)
            .filter(|start| !start.is_empty())
            .collect()
    }
}

impl Faults {
    /// Status and code of a kind.
    pub fn of(&self, kind: FaultKind) -> (u16, &str) {
        let found = self.kinds.iter().find(|(have, ..)| *have == kind);
        found.map_or((kind.usual_status(), kind.name()), |(_, status, code)| (*status, code))
    }

    /// The kind that a status and a code tell; several may share them, then the first of the file. Without a code that
    /// is known the status tells.
    pub fn kind(&self, status: u16, code: Option<&str>) -> Option<FaultKind> {
        let told = self
            .kinds
            .iter()
            .find(|(_, have, known)| *have == status && Some(known.as_str()) == code);
        let by_status = || self.kinds.iter().find(|(_, have, _)| *have == status);
        let usual = || FaultKind::ALL.into_iter().find(|kind| kind.usual_status() == status);
        told.or_else(by_status).map(|(kind, ..)| *kind).or_else(usual)
    }
}

impl FaultKind {
    const ALL: [Self; 8] = [
        Self::Unauthorised,
        Self::Limit,
        Self::Forbidden,
        Self::Unknown,
        Self::Duplicate,
        Self::Invalid,
        Self::Rate,
        Self::Method,
    ];

    /// The name in provider files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unauthorised => "unauthorised",
            Self::Limit => "limit",
            Self::Forbidden => "forbidden",
            Self::Unknown => "unknown",
            Self::Duplicate => "duplicate",
            Self::Invalid => "invalid",
            Self::Rate => "rate",
            Self::Method => "method",
        }
    }

    fn usual_status(self) -> u16 {
        match self {
            Self::Unauthorised => 401,
            Self::Limit => 402,
            Self::Forbidden => 403,
            Self::Unknown => 404,
            Self::Duplicate => 409,
            Self::Invalid => 422,
            Self::Rate => 429,
            Self::Method => 405,
        }
    }
}

impl Verb {
    /// The name in provider files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::List => "list",
            Self::Get => "get",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Confirm => "confirm",
        }
    }

    /// Whether a call may be made again when it is not known whether the first one arrived.
    pub fn is_repeatable(self) -> bool {
        self != Self::Create
    }
}
