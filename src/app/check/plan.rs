//! What is sent in each case.

use std::time::Duration;

use super::case::CaseCode;
use super::duplicates;
use super::forge::{BEYOND, Forgery, altered, other_case, padded};
use super::judge::Expected;
use super::player::Player;
use super::variants;
use crate::clock::Timestamp;
use crate::engine::{Delivery, Signing};
use crate::error::Result;
use crate::exchange::SigningMode;
use crate::form::is_urlencoded;
use crate::json::leaf_paths;
use crate::json_text;
use crate::provider::compose::{ComposeOptions, Composer};
use crate::signature::Scheme;
use crate::transport::WireShape;

/// Requests of the load case.
const AT_ONCE: usize = 64;

/// Bytes of a large body.
const LARGE: usize = 1024 * 1024;

/// Events of a grouped request.
const GROUP: usize = 3;

/// A day, and more than any tolerance.
const DAYS: Duration = Duration::from_secs(2 * 24 * 3600);

/// How far a clock that is a little off is off, at most.
const SKEW: Duration = Duration::from_secs(30);

/// A request of a case.
pub(super) struct Planned {
    /// What it is, where a case has several.
    pub(super) what: String,
    /// The request.
    pub(super) delivery: Delivery,
    /// What must come of it.
    pub(super) expected: Expected,
    /// The moment that its signature states, where that is not the moment of sending.
    pub(super) at: Timestamp,
}

/// What is sent in a case.
pub(super) struct Plan {
    /// Requests, in rounds: the next round is sent when the one before it is over.
    pub(super) rounds: Vec<Vec<Planned>>,
    /// Requests of a round in flight at once.
    pub(super) at_once: usize,
    /// How they go over the wire.
    pub(super) shape: WireShape,
    /// How often the event must be applied in all, where that matters.
    pub(super) effects: Option<i64>,
}

/// A plan, or why the case is skipped.
pub(super) type Planning = Result<std::result::Result<Plan, String>>;

impl Plan {
    /// One after the other.
    pub(super) fn sequence(requests: Vec<Planned>) -> Self {
        Self {
            rounds: vec![requests],
            at_once: 1,
            shape: WireShape::default(),
            effects: None,
        }
    }

    /// Whether nothing has to be done between its requests, before or after them.
    pub(super) fn is_plain(&self) -> bool {
        self.at_once == 1 && self.effects.is_none() && !self.shape.title_case
    }

    /// Whether all of it must be refused.
    pub(super) fn is_forged(&self) -> bool {
        self.rounds
            .iter()
            .flatten()
            .all(|planned| planned.expected == Expected::Refused)
    }

    /// With that many effects.
    pub(super) fn applied(self, effects: i64) -> Self {
        Self {
            effects: Some(effects),
            ..self
        }
    }
}

/// What the plans of an audit are made from.
pub(super) struct Planner<'a> {
    pub(super) player: &'a Player<'a>,
    pub(super) composer: Composer<'a>,
    /// How an event is signed with the second secret alone, and with all of them.
    pub(super) second: Option<Signing>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(player: &'a Player<'a>, second: Option<Signing>) -> Result<Self> {
        let composer = player.composer()?;
        Ok(Self {
            player,
            composer,
            second,
        })
    }

    /// The plan of a case that sends requests of its own.
    pub(super) fn plan(&self, case: CaseCode) -> Planning {
        use CaseCode as Case;
        let player = self.player;
        match case {
            Case::MissingSignature => self.faulty(SigningMode::Missing),
            Case::EmptySignature => self.faulty(SigningMode::Empty),
            Case::WrongSecret => self.faulty(SigningMode::WrongSecret),
            Case::TamperedBody => self.faulty(SigningMode::Tampered),
            Case::GuessableSecret => self.guessable(),
            Case::TruncatedSignature | Case::AlteredSignature | Case::ExtendedSignature | Case::SignatureCase => {
                self.changed_signature(case)
            }
            Case::PaddedBody => self.padded_body(),
            Case::TamperedTimestamp => self.forged_or(player.with_other_time()?, "no time beside the body is signed"),
            Case::TamperedId => {
                self.forged_or(player.with_other_id(&self.composer)?, "no id beside the body is signed")
            }
            Case::Stale | Case::VeryStale | Case::Future => self.aged(case),
            Case::ClockSkew => self.skewed(),
            Case::OldEvent => self.old_event(),
            Case::SecondSecret => self.second_secret(),
            Case::SignatureList => self.signature_list(),
            Case::WhiteSpace
            | Case::KeyOrder
            | Case::UnicodeEscapes
            | Case::SlashEscapes
            | Case::TrailingNewline
            | Case::LineEnds
            | Case::Utf8
            | Case::Numbers
            | Case::Bom
            | Case::LargeBody => self.other_bytes(case),
            Case::HeaderCase => self.header_case(),
            Case::Charset => self.typed("; charset=utf-8"),
            Case::ContentType => self.typed("application/cloudevents+json"),
            Case::AtOnce => self.at_once(),
            Case::OutOfOrder => self.out_of_order(),
            Case::UnknownEvent => self.unknown_event(),
            Case::Grouped => self.grouped(),
            Case::SameId
            | Case::Resigned
            | Case::SameMoment
            | Case::OtherBytes
            | Case::OtherId
            | Case::ForgedFirst
            | Case::ForgedDuplicate => duplicates::plan(self, case),
            Case::Event | Case::RefusedEffect | Case::InTime | Case::SlowAnswer | Case::Leak | Case::RefusalStatus => {
                Ok(Err("judged by the answers to other cases".into()))
            }
        }
    }

    /// A new event.
    pub(super) fn fresh(&self) -> Result<Delivery> {
        self.player.event_of(&self.composer)
    }

    /// A request that must be accepted.
    pub(super) fn good(&self, what: &str, delivery: Delivery) -> Planned {
        Planned {
            what: what.to_owned(),
            expected: Expected::Accepted,
            at: self.player.context.now(),
            delivery,
        }
    }

    /// A request that must be refused.
    pub(super) fn bad(&self, what: &str, delivery: Delivery) -> Planned {
        Planned {
            expected: Expected::Refused,
            ..self.good(what, delivery)
        }
    }

    fn accepted(&self, delivery: Delivery) -> Planning {
        Ok(Ok(Plan::sequence(vec![self.good("", delivery)])))
    }

    fn forged_or(&self, delivery: Option<Delivery>, why: &str) -> Planning {
        Ok(match delivery {
            Some(delivery) => Ok(Plan::sequence(vec![self.bad("", delivery)])),
            None => Err(why.to_owned()),
        })
    }

    /// Why a case about signatures is skipped.
    pub(super) fn unsigned(&self) -> String {
        format!("`{}` signs nothing", self.player.profile.label())
    }

    fn is_unsigned(&self) -> bool {
        matches!(self.player.profile.scheme, Scheme::Unsigned)
    }

    fn faulty(&self, mode: SigningMode) -> Planning {
        if self.is_unsigned() {
            return Ok(Err(self.unsigned()));
        }
        self.forged_or(
            self.player.faulty(&self.composer, mode)?,
            "the scheme has no such fault",
        )
    }

    fn guessable(&self) -> Planning {
        if self.is_unsigned() {
            return Ok(Err(self.unsigned()));
        }
        let guessed = self.player.guessed(&self.composer)?;
        if guessed.is_empty() {
            return Ok(Err("the secrets of this scheme cannot be guessed".into()));
        }
        Ok(Ok(Plan::sequence(
            guessed.into_iter().map(|delivery| self.bad("", delivery)).collect(),
        )))
    }

    fn changed_signature(&self, case: CaseCode) -> Planning {
        let half = |text: &str| text.chars().take(text.chars().count() / 2).collect::<String>();
        let start = |text: &str| text.chars().take(8).collect::<String>();
        let end = |text: &str| altered(text, text.chars().count().saturating_sub(4));
        let tail = |text: &str| altered(text, 8);
        let longer = |text: &str| format!("{}AAAA", text.trim_end_matches('='));
        let changes: Vec<(&str, &dyn Fn(&str) -> String)> = match case {
            CaseCode::TruncatedSignature => vec![
                ("half of the signature", &half),
                ("8 characters of the signature", &start),
            ],
            CaseCode::AlteredSignature => vec![("another end", &end), ("only the first 8 characters", &tail)],
            CaseCode::ExtendedSignature => vec![("", &longer)],
            _ => vec![("", &other_case)],
        };
        let mut requests = Vec::new();
        for (what, change) in changes {
            let forged = self.player.with_signature(&self.composer, change)?;
            requests.extend(forged.map(|delivery| self.bad(what, delivery)));
        }
        if requests.is_empty() {
            return Ok(Err("no header carries a signature".into()));
        }
        Ok(Ok(Plan::sequence(requests)))
    }

    fn padded_body(&self) -> Planning {
        let delivery = crate::app::forged::signed(self.fresh()?)?;
        if !self.player.profile.scheme.covers_body(&delivery.headers) || self.is_form() {
            return Ok(Err("the bytes of the body are not signed".into()));
        }
        self.forged_or(Some(padded(delivery)), "")
    }

    /// Signatures of another time.
    fn aged(&self, case: CaseCode) -> Planning {
        let freshness = self.player.profile.scheme.freshness();
        let Some(limit) = freshness.tolerance else {
            return Ok(Err("the scheme enforces no clock".into()));
        };
        let now = self.player.context.now();
        let (at, mode) = match case {
            CaseCode::Future if freshness.past_only => return Ok(Err("the provider limits the past only".into())),
            CaseCode::Future => (now.plus(limit + BEYOND), SigningMode::Future),
            CaseCode::VeryStale => (now.minus(limit + DAYS), SigningMode::Stale),
            _ => (now.minus(limit + BEYOND), SigningMode::Stale),
        };
        let delivery = self.player.signed_at(at, mode)?;
        let planned = Planned {
            at,
            ..self.bad("", delivery)
        };
        Ok(Ok(Plan::sequence(vec![planned])))
    }

    fn skewed(&self) -> Planning {
        let Some(limit) = self.player.profile.scheme.freshness().tolerance else {
            return Ok(Err("the scheme enforces no clock".into()));
        };
        let (now, skew) = (self.player.context.now(), SKEW.min(limit / 4));
        let behind = self.player.signed_at(now.minus(skew), SigningMode::Fresh)?;
        let ahead = self.player.signed_at(now.plus(skew), SigningMode::Fresh)?;
        Ok(Ok(Plan::sequence(vec![
            self.good(&format!("signed {} s ago", skew.as_secs()), behind),
            self.good(&format!("signed {} s ahead", skew.as_secs()), ahead),
        ])))
    }

    fn event_at(&self, time: Timestamp) -> Result<Delivery> {
        let options = ComposeOptions {
            time: Some(time),
            ..self.player.compose_options()
        };
        self.player.event_of(&Composer::new(&self.player.profile, options)?)
    }

    /// Whether the body's own time is the one of the signature.
    fn signs_event_time(&self) -> bool {
        self.player
            .profile
            .scheme
            .carrier()
            .is_some_and(|carrier| carrier.time_at.is_some())
    }

    fn old_event(&self) -> Planning {
        if self.player.profile.scheme.freshness().tolerance.is_none() || self.signs_event_time() {
            return Ok(Err("the scheme enforces no clock beside the body".into()));
        }
        self.accepted(self.event_at(self.player.context.now().minus(DAYS))?)
    }

    fn out_of_order(&self) -> Planning {
        let now = self.player.context.now();
        let older = self.event_at(now.minus(SKEW))?;
        let newer = self.fresh()?;
        let requests = vec![self.good("the newer event", newer), self.good("the older event", older)];
        Ok(Ok(Plan::sequence(requests)))
    }

    fn second_secret(&self) -> Planning {
        let Some(second) = &self.second else {
            return Ok(Err(
                "one secret was given: a second `-s` is the next secret of a rotation".into(),
            ));
        };
        let mut delivery = self.fresh()?;
        delivery.signing = second.clone();
        self.accepted(delivery)
    }

    /// The signature behind one that is wrong, as in a rotation that the receiver has not followed yet.
    fn signature_list(&self) -> Planning {
        let scheme = &self.player.profile.scheme;
        let list = scheme
            .carrier()
            .and_then(|carrier| Some((carrier.list.clone()?, carrier.header.clone())));
        let Some((separator, header)) = list.filter(|_| scheme.carries_several()) else {
            return Ok(Err("a request carries one signature".into()));
        };
        let mut delivery = crate::app::forged::signed(self.fresh()?)?;
        let Some(right) = delivery.headers.get_text(&header).map(str::to_owned) else {
            return Ok(Err("no header carries a signature".into()));
        };
        let texts = self.player.signatures(&delivery.headers);
        let wrong = texts.iter().fold(right.clone(), |value, text| {
            value.replace(text.as_str(), &altered(text, 0))
        });
        delivery.headers.set(&header, format!("{wrong}{separator}{right}"));
        delivery.signing = Signing::AsCaptured;
        self.accepted(delivery)
    }

    fn is_form(&self) -> bool {
        is_urlencoded(&self.player.profile.delivery.content_type)
    }

    /// The event with its body in other bytes, and signed over them.
    fn other_bytes(&self, case: CaseCode) -> Planning {
        let delivery = self.fresh()?;
        let body = delivery.message.body.clone();
        let text = std::str::from_utf8(&body)
            .ok()
            .and_then(|text| json_text::valid(text.as_bytes()));
        let Some(text) = text.filter(|_| !self.is_form()) else {
            return Ok(Err("the body is not JSON".into()));
        };
        let looks_inside = self
            .player
            .profile
            .scheme
            .carrier()
            .is_some_and(|carrier| carrier.body.is_some());
        if looks_inside {
            return Ok(Err("the signature is in the body".into()));
        }
        let changed = match case {
            CaseCode::WhiteSpace => Some(variants::white_space(text)),
            CaseCode::LineEnds => Some(variants::line_ends(text)),
            CaseCode::TrailingNewline => Some(format!("{text}\n")),
            CaseCode::KeyOrder => variants::key_order(text),
            CaseCode::UnicodeEscapes => variants::unicode_escapes(text),
            CaseCode::SlashEscapes => {
                variants::slash_escapes(text).or_else(|| variants::slash_escapes(&self.with_text(text, " a/b")?))
            }
            CaseCode::Utf8 => self.with_text(text, " J\u{f6}rg \u{2603} \u{1f600}"),
            CaseCode::Numbers => variants::numbers(text),
            CaseCode::Bom => Some(format!("\u{feff}{text}")),
            _ => Some(text.replacen('{', &format!("{{{}", " ".repeat(LARGE)), 1)),
        };
        let Some(changed) = changed.filter(|changed| changed != text) else {
            return Ok(Err("the sample of the event has no place for it".into()));
        };
        self.accepted(self.with_new_body(delivery, changed))
    }

    /// The delivery with another body, to be signed over that one.
    pub(super) fn with_new_body(&self, mut delivery: Delivery, body: String) -> Delivery {
        let mut message = (*delivery.message).clone();
        message.body = body.into_bytes().into();
        delivery.message = message.into();
        delivery
    }

    /// The JSON with `more` behind the last text that is neither the event, the id, the time nor a word of the catalogue.
    fn with_text(&self, text: &str, more: &str) -> Option<String> {
        let document: serde_json::Value = serde_json::from_str(text).ok()?;
        let facts = |text: &str| {
            let headers = crate::headers::Headers::new();
            let facts = self.player.profile.facts(&headers, text.as_bytes());
            (facts.event, facts.id, facts.time)
        };
        let before = facts(text);
        let looks_like_prose = |path: &String| {
            let value = crate::json::get(&document, path).and_then(serde_json::Value::as_str);
            value.is_some_and(|value| value.contains(' ') && !value.contains(':'))
        };
        let (prose, others): (Vec<String>, Vec<String>) = leaf_paths(&document).into_iter().partition(looks_like_prose);
        let candidates = prose.into_iter().chain(others.into_iter().rev());
        candidates.into_iter().find_map(|path| {
            let value = crate::json::get(&document, &path)?.as_str()?;
            let changed = json_text::set(text, &path, &json_text::quoted(&format!("{value}{more}")))?;
            (facts(&changed) == before).then_some(changed)
        })
    }

    fn header_case(&self) -> Planning {
        if !self.player.transport.can_shape(&self.player.url) {
            return Ok(Err("only over plain HTTP without a proxy".into()));
        }
        let shape = WireShape {
            title_case: true,
            ..WireShape::default()
        };
        let delivery = self.fresh()?;
        Ok(Ok(Plan {
            shape,
            ..Plan::sequence(vec![self.good("", delivery)])
        }))
    }

    /// The event with another type of JSON, or with parameters behind the type.
    fn typed(&self, kind: &str) -> Planning {
        let own = &self.player.profile.delivery.content_type;
        if self.is_form() || !own.contains("json") {
            return Ok(Err("the body is not JSON".into()));
        }
        let base = own.split(';').next().unwrap_or(own).trim();
        let kind = if kind.starts_with(';') {
            format!("{base}{kind}")
        } else {
            kind.to_owned()
        };
        let mut delivery = self.fresh()?;
        delivery.headers.set("content-type", kind);
        self.accepted(delivery)
    }

    fn at_once(&self) -> Planning {
        let requests: Result<Vec<Planned>> = (0..AT_ONCE).map(|_| Ok(self.good("", self.fresh()?))).collect();
        Ok(Ok(Plan {
            rounds: vec![requests?],
            at_once: AT_ONCE,
            shape: WireShape {
                together: Some(AT_ONCE),
                ..WireShape::default()
            },
            effects: None,
        }))
    }

    fn unknown_event(&self) -> Planning {
        let (profile, known) = (&self.player.profile, self.player.event.as_str());
        let stem = known.rfind(['.', '_', ':', '/', '-']).map_or("", |at| &known[..=at]);
        let name = format!("{stem}added_later");
        let sample = profile.sample(known).map(|sample| sample.to_string());
        let options = ComposeOptions {
            event: name.clone(),
            data: sample.ok(),
            ..self.player.compose_options()
        };
        let Ok(composer) = Composer::new(profile, options) else {
            return Ok(Err("the provider's events have no other name".into()));
        };
        let delivery = self.player.event_of(&composer)?;
        let request = crate::app::forged::signed(delivery.clone())?;
        let stated = profile.facts(&request.headers, &request.message.body).event;
        if stated.as_deref() != Some(name.as_str()) {
            return Ok(Err("the event's name is a part of its data".into()));
        }
        self.accepted(delivery)
    }

    fn grouped(&self) -> Planning {
        let profile = &self.player.profile;
        let Some((name, _)) = profile.events.iter().find(|(_, event)| event.grouping) else {
            return Ok(Err("the provider does not group events".into()));
        };
        let options = ComposeOptions {
            event: name.clone(),
            group: Some(GROUP),
            ..self.player.compose_options()
        };
        match Composer::new(profile, options) {
            Ok(composer) => self.accepted(self.player.event_of(&composer)?),
            Err(_) => Ok(Err("the provider does not group events".into())),
        }
    }

    /// As a forged request, for what it must not be answered with.
    pub(super) fn forgery(planned: &Planned) -> Forgery {
        Forgery {
            delivery: planned.delivery.clone(),
            at: planned.at,
        }
    }
}
