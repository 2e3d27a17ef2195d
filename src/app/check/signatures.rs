//! Cases about the signature: its secret, its text, its time.

use std::time::Duration;

use super::case::CaseCode;
use super::forge::BEYOND;
use super::judge::Expected;
use super::planner::{Plan, Planned, Planner, Planning};
use crate::app::forged::texts::{altered, of_no_alphabet, of_no_length, other_case};
use crate::app::forged::{padded, signed, with_changed_signature, with_header_text, without_pairs};
use crate::engine::{Delivery, Signing};
use crate::error::Result;
use crate::exchange::SigningMode;
use crate::signature::{Encoding, Scheme};

/// How long ago an old event happened.
const DAYS: Duration = Duration::from_secs(2 * 24 * 3600);

/// More than any tolerance, also where milliseconds are taken for seconds.
const YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How far a clock that is a little off is off, at most.
pub(super) const SKEW: Duration = Duration::from_secs(30);

/// A change in the text of a signature.
struct Change {
    /// What it is.
    what: &'static str,
    /// The new text.
    of: fn(&str) -> String,
    /// What must come of it.
    expected: Expected,
}

const fn refused(what: &'static str, of: fn(&str) -> String) -> Change {
    let expected = Expected::Refused;
    Change { what, of, expected }
}

/// The changes of a case. Some decoders of base64 skip what is no base64, and stop at the padding: to them text behind it is nothing.
fn changes(case: CaseCode, is_padded: bool) -> Vec<Change> {
    match case {
        CaseCode::TruncatedSignature => vec![
            refused("half of the signature", |text| {
                text.chars().take(text.chars().count() / 2).collect()
            }),
            refused("8 characters of the signature", |text| text.chars().take(8).collect()),
        ],
        CaseCode::AlteredSignature => vec![
            refused("another end", |text| {
                altered(text, text.chars().count().saturating_sub(4))
            }),
            refused("only the first 8 characters", |text| altered(text, 8)),
        ],
        CaseCode::ExtendedSignature if is_padded => vec![
            Change {
                expected: Expected::Any,
                ..refused("a character that is no base64 before it", |text| format!("*{text}"))
            },
            Change {
                expected: Expected::AsBefore,
                ..refused("text behind it", |text| format!("{text}AAAA"))
            },
            refused("text behind it, without padding", |text| {
                format!("{}AAAA", unpadded(text))
            }),
            refused("text before it", |text| format!("AAAA{text}")),
            refused("text before it, without padding", |text| {
                format!("AAAA{}", unpadded(text))
            }),
        ],
        CaseCode::ExtendedSignature => vec![
            refused("text behind it", |text| format!("{text}AAAA")),
            refused("text before it", |text| format!("AAAA{text}")),
        ],
        CaseCode::UndecodableSignature => vec![
            refused("a wrong length", of_no_length),
            refused("a wrong character", of_no_alphabet),
        ],
        _ => vec![refused("", other_case)],
    }
}

fn unpadded(text: &str) -> &str {
    text.trim_end_matches('=')
}

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

    /// Nothing at the place of the signature: no header, and a header with its other parts.
    pub(super) fn missing(&self) -> Planning {
        let whole = self.player.faulty(&self.composer, SigningMode::Missing)?;
        self.several([("", whole), ("only the parts beside it", self.without_pairs()?)])
    }

    /// An empty signature in each of its forms.
    pub(super) fn empty(&self) -> Planning {
        let whole = self.player.faulty(&self.composer, SigningMode::Empty)?;
        let part = with_changed_signature(self.fresh()?, &self.player.profile, |_| String::new())?;
        let scheme = &self.player.profile.scheme;
        // Where nothing is around a signature, this is the empty header again.
        let is_filled = |part: &Delivery| {
            let mut texts = scheme
                .signature_headers()
                .filter_map(|name| part.headers.get_text(name));
            texts.any(|text| !text.is_empty())
        };
        let part = part.filter(is_filled);
        self.several([
            ("an empty header", whole),
            ("nothing behind the prefix", part),
            ("only the parts beside it", self.without_pairs()?),
        ])
    }

    fn without_pairs(&self) -> Result<Option<Delivery>> {
        without_pairs(self.fresh()?, &self.player.profile)
    }

    /// A header in which there is no signature.
    pub(super) fn malformed_header(&self) -> Planning {
        let profile = &self.player.profile;
        if matches!(profile.scheme, Scheme::Token(_)) {
            return Ok(Err("the header is the secret itself".into()));
        }
        self.several([("", with_header_text(self.fresh()?, profile, "malformed")?)])
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is the end of a plan, and plans can fail")]
    fn several<const N: usize>(&self, requests: [(&str, Option<Delivery>); N]) -> Planning {
        if self.is_unsigned() {
            return Ok(Err(self.unsigned()));
        }
        let made = requests
            .into_iter()
            .filter_map(|(what, delivery)| Some(self.bad(what, delivery?)));
        let made: Vec<Planned> = made.collect();
        if made.is_empty() {
            return Ok(Err("no header carries a signature".into()));
        }
        Ok(Ok(Plan::sequence(made)))
    }

    pub(super) fn changed_signature(&self, case: CaseCode) -> Planning {
        let scheme = &self.player.profile.scheme;
        let encoding = scheme.carrier().map(|carrier| carrier.encoding);
        if case == CaseCode::SignatureCase && encoding == Some(Encoding::Hex) {
            return Ok(Err("hex in the other case is the same signature".into()));
        }
        if case == CaseCode::UndecodableSignature && matches!(scheme, Scheme::Token(_)) {
            return Ok(Err("nothing is decoded".into()));
        }
        let mut requests = Vec::new();
        for Change { what, of, expected } in changes(case, encoding == Some(Encoding::Base64)) {
            let forged = with_changed_signature(self.fresh()?, &self.player.profile, of)?;
            requests.extend(forged.map(|delivery| Planned {
                expected,
                ..self.bad(what, delivery)
            }));
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
            CaseCode::VeryStale => (now.minus(limit + YEARS), SigningMode::Stale),
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
        let mut other = delivery.headers.clone();
        scheme.change_signature(&mut other, b"", |text| altered(text, 0));
        let wrong = other.get_text(&header).unwrap_or_default();
        delivery.headers.set(&header, format!("{wrong}{separator}{right}"));
        delivery.signing = Signing::AsCaptured;
        let plan = Plan::sequence(vec![self.good("", delivery)]);
        Ok(Ok(plan.sent_at_once()))
    }

    pub(super) fn old_event(&self) -> Planning {
        if self.player.profile.scheme.freshness().tolerance.is_none() || self.player.signs_event_time() {
            return Ok(Err("the scheme enforces no clock beside the body".into()));
        }
        self.accepted(self.event_at(self.player.context.now().minus(DAYS))?)
    }
}
