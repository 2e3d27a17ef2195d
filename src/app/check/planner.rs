//! What is sent in a case, and what all plans are made from.

use std::time::Duration;

use super::forge::Forgery;
use super::judge::Expected;
use super::player::Player;
use crate::clock::Timestamp;
use crate::engine::{Delivery, Signing};
use crate::error::Result;
use crate::form::is_urlencoded;
use crate::provider::compose::{ComposeOptions, Composer};
use crate::signature::Scheme;
use crate::transport::WireShape;

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
    /// How long the receiver took for the first event.
    pub(super) took: Duration,
    /// The events that are sent.
    pub(super) events: &'a [String],
    /// How an event is signed with the second secret alone, and with all of them.
    pub(super) second: Option<Signing>,
}

impl<'a> Planner<'a> {
    /// Plans for that player.
    pub(super) fn new(player: &'a Player<'a>, second: Option<Signing>, events: &'a [String]) -> Result<Self> {
        let composer = player.composer()?;
        Ok(Self {
            player,
            composer,
            took: Duration::ZERO,
            events,
            second,
        })
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

    #[expect(clippy::unnecessary_wraps, reason = "it is the end of a plan, and plans can fail")]
    pub(super) fn accepted(&self, delivery: Delivery) -> Planning {
        Ok(Ok(Plan::sequence(vec![self.good("", delivery)])))
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is the end of a plan, and plans can fail")]
    pub(super) fn forged_or(&self, delivery: Option<Delivery>, why: &str) -> Planning {
        Ok(match delivery {
            Some(delivery) => Ok(Plan::sequence(vec![self.bad("", delivery)])),
            None => Err(why.to_owned()),
        })
    }

    /// Why a case about signatures is skipped.
    pub(super) fn unsigned(&self) -> String {
        format!("`{}` signs nothing", self.player.profile.label())
    }

    pub(super) fn is_unsigned(&self) -> bool {
        matches!(self.player.profile.scheme, Scheme::Unsigned)
    }

    pub(super) fn event_at(&self, time: Timestamp) -> Result<Delivery> {
        let options = ComposeOptions {
            time: Some(time),
            ..self.player.compose_options()
        };
        self.player.event_of(&Composer::new(&self.player.profile, options)?)
    }

    pub(super) fn is_form(&self) -> bool {
        is_urlencoded(&self.player.profile.delivery.content_type)
    }

    /// As a forged request, for what it must not be answered with.
    pub(super) fn forgery(planned: &Planned) -> Forgery {
        Forgery {
            delivery: planned.delivery.clone(),
            at: planned.at,
        }
    }
}

/// The delivery with another body, to be signed over that one.
pub(super) fn with_new_body(mut delivery: Delivery, body: String) -> Delivery {
    let mut message = (*delivery.message).clone();
    message.body = body.into_bytes().into();
    delivery.message = message.into();
    delivery
}
