//! Cases about the signature: its secret, its text, its time.

use std::time::Duration;

use super::case::CaseCode;
use super::forge::{BEYOND, altered, other_case, padded};
use super::planner::{Plan, Planned, Planner, Planning};
use crate::app::forged::signed;
use crate::engine::Signing;
use crate::exchange::SigningMode;

/// A day, and more than any tolerance.
const DAYS: Duration = Duration::from_secs(2 * 24 * 3600);

/// How far a clock that is a little off is off, at most.
pub(super) const SKEW: Duration = Duration::from_secs(30);

/// What is changed in the text of a signature, and how.
type SignatureChange<'a> = (&'a str, &'a dyn Fn(&str) -> String);

impl Planner<'_> {
    pub(super) fn faulty(&self, mode: SigningMode) -> Planning {
        if self.is_unsigned() {
            return Ok(Err(self.unsigned()));
        }
        self.forged_or(
            self.player.faulty(&self.composer, mode)?,
            "the scheme has no such fault",
        )
    }

    pub(super) fn guessable(&self) -> Planning {
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

    pub(super) fn changed_signature(&self, case: CaseCode) -> Planning {
        let half = |text: &str| text.chars().take(text.chars().count() / 2).collect::<String>();
        let start = |text: &str| text.chars().take(8).collect::<String>();
        let end = |text: &str| altered(text, text.chars().count().saturating_sub(4));
        let tail = |text: &str| altered(text, 8);
        let longer = |text: &str| format!("{}AAAA", text.trim_end_matches('='));
        let changes: Vec<SignatureChange<'_>> = match case {
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

    pub(super) fn padded_body(&self) -> Planning {
        let delivery = signed(self.fresh()?)?;
        if !self.player.profile.scheme.covers_body(&delivery.headers) || self.is_form() {
            return Ok(Err("the bytes of the body are not signed".into()));
        }
        self.forged_or(Some(padded(delivery)), "")
    }

    /// Signatures of another time.
    pub(super) fn aged(&self, case: CaseCode) -> Planning {
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

    pub(super) fn skewed(&self) -> Planning {
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

    pub(super) fn second_secret(&self) -> Planning {
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
    pub(super) fn signature_list(&self) -> Planning {
        let scheme = &self.player.profile.scheme;
        let list = scheme
            .carrier()
            .and_then(|carrier| Some((carrier.list.clone()?, carrier.header.clone())));
        let Some((separator, header)) = list.filter(|_| scheme.carries_several()) else {
            return Ok(Err("a request carries one signature".into()));
        };
        let mut delivery = signed(self.fresh()?)?;
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

    pub(super) fn old_event(&self) -> Planning {
        if self.player.profile.scheme.freshness().tolerance.is_none() || self.player.signs_event_time() {
            return Ok(Err("the scheme enforces no clock beside the body".into()));
        }
        self.accepted(self.event_at(self.player.context.now().minus(DAYS))?)
    }
}
