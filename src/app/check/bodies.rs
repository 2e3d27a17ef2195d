//! Cases about the body and the headers beside the signature, and about many requests.

use serde_json::Value;

use super::case::CaseCode;
use super::planner::{Plan, Planned, Planner, Planning, with_new_body};
use super::signatures::SKEW;
use super::variants;
use crate::app::forged::signed;
use crate::engine::Delivery;
use crate::error::Result;
use crate::headers::Headers;
use crate::json::{get, leaf_paths};
use crate::json_text;
use crate::provider::compose::{ComposeOptions, Composer};
use crate::transport::WireShape;

/// Requests of the load case.
const AT_ONCE: usize = 64;

/// Bytes of a large body.
const LARGE: usize = 1024 * 1024;

/// Events of a grouped request.
const GROUP: usize = 3;

impl Planner<'_> {
    /// The event with its body in other bytes, and signed over them.
    pub(super) fn other_bytes(&self, case: CaseCode) -> Planning {
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
            if case == CaseCode::Numbers {
                return self.other_numbers();
            }
            return Ok(Err("the sample of the event has no place for it".into()));
        };
        self.accepted(with_new_body(delivery, changed))
    }

    /// Another event, which has numbers, with other spellings of them.
    fn other_numbers(&self) -> Planning {
        let profile = &self.player.profile;
        for event in self.events {
            let options = ComposeOptions {
                event: event.clone(),
                ..self.player.compose_options()
            };
            let delivery = self.player.event_of(&Composer::new(profile, options)?)?;
            let text = String::from_utf8_lossy(&delivery.message.body).into_owned();
            if let Some(changed) = variants::numbers(&text) {
                return self.accepted(with_new_body(delivery, changed));
            }
        }
        Ok(Err("no sample has a number".into()))
    }

    /// The JSON with `more` behind the last text that is neither the event, the id, the time nor a word of the catalogue.
    pub(super) fn with_text(&self, text: &str, more: &str) -> Option<String> {
        let document: Value = serde_json::from_str(text).ok()?;
        let facts = |text: &str| {
            let headers = Headers::new();
            let facts = self.player.profile.facts(&headers, text.as_bytes());
            (facts.event, facts.id, facts.time)
        };
        let before = facts(text);
        let looks_like_prose = |path: &String| {
            let value = get(&document, path).and_then(Value::as_str);
            value.is_some_and(|value| value.contains(' ') && !value.contains(':'))
        };
        let (prose, others): (Vec<String>, Vec<String>) = leaf_paths(&document).into_iter().partition(looks_like_prose);
        let candidates = prose.into_iter().chain(others.into_iter().rev());
        candidates.into_iter().find_map(|path| {
            let value = get(&document, &path)?.as_str()?;
            let changed = json_text::set(text, &path, &json_text::quoted(&format!("{value}{more}")))?;
            (facts(&changed) == before).then_some(changed)
        })
    }

    pub(super) fn header_case(&self) -> Planning {
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
    pub(super) fn typed(&self, kind: &str) -> Planning {
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

    pub(super) fn at_once(&self) -> Planning {
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

    pub(super) fn out_of_order(&self) -> Planning {
        let now = self.player.context.now();
        let newer = self.fresh()?;
        let older = match self.data_of(&newer) {
            // About the same object: a receiver may keep the order of each.
            Some(data) => {
                let options = ComposeOptions {
                    time: Some(now.minus(SKEW)),
                    data: Some(data),
                    as_it_is: true,
                    ..self.player.compose_options()
                };
                self.player.event_of(&Composer::new(&self.player.profile, options)?)?
            }
            None => self.event_at(now.minus(SKEW))?,
        };
        let requests = vec![self.good("the newer event", newer), self.good("the older event", older)];
        Ok(Ok(Plan::sequence(requests)))
    }

    /// The data of an event, where its envelope says which part of the body it is.
    fn data_of(&self, delivery: &Delivery) -> Option<String> {
        let document: Value = serde_json::from_slice(&delivery.message.body).ok()?;
        let found = self.player.profile.events_in(Some(&self.player.event), &document);
        let is_part = |data: &&Value| !std::ptr::eq(*data, &raw const document);
        let data = found.first().map(|event| event.data).filter(is_part)?;
        Some(data.to_string())
    }

    pub(super) fn unknown_event(&self) -> Planning {
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
        let request = signed(delivery.clone())?;
        let stated = profile.facts(&request.headers, &request.message.body).event;
        if stated.as_deref() != Some(name.as_str()) {
            return Ok(Err("the event's name is a part of its data".into()));
        }
        self.accepted(delivery)
    }

    pub(super) fn grouped(&self) -> Planning {
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
}
