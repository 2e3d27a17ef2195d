//! The search for what a request was before it went wrong: every part is changed back in every way that is known, alone at
//! first and the smallest change first, then two parts at once. What makes the signature match is the mistake.

use std::slice::from_ref;

use super::Diagnosis;
use super::context::{SearchContext, Trial};
use super::digests::MacKind;
use super::mistake::{Change, KeyChange, Mistake, Rank, Sink};
use super::{
    bodies, byte_texts, charsets, contents, data_forms, documents, form_bodies, keys, languages, macs, times, urls,
    wrapped,
};
use crate::signature::Scheme;
use crate::template::Template;

/// Bytes of bodies that are kept for pairs.
const MOST_KEPT: usize = 8 << 20;

/// A way to make other bodies, with the causes that it can find.
type BodyStage = (
    &'static [&'static str],
    fn(&SearchContext<'_>, Sink<'_, Vec<u8>>) -> bool,
);

/// The small changes and the frequent ones first.
const BODY_STAGES: [BodyStage; 19] = [
    (&["body-newline"], bodies::ends),
    (&["body-line-ends"], bodies::line_ends),
    (&["body-bom"], bodies::mark),
    (&["body-newline-lost"], documents::newlines_lost),
    (&["body-reserialised"], documents::likely),
    (&["body-charset"], charsets::changes),
    (&["body-compressed"], wrapped::compressed),
    (&["body-encoded"], wrapped::decoded),
    (&["body-encoded-as-text"], byte_texts::read),
    (&["body-chunked"], wrapped::chunked),
    (&["body-form"], form_bodies::changes),
    (&["body-form-parsed"], data_forms::parsed),
    (&["body-form-multipart"], wrapped::multipart),
    (&["body-wrapped"], wrapped::wrapped),
    (&["body-escaped"], wrapped::escaped),
    (&["body-reserialised-rarely"], documents::rare),
    (&["body-string"], documents::string),
    (&["body-empty", "body-truncated"], bodies::cut),
    (&["body-part"], documents::members),
];

/// What else may be wrong with the body, after everything else was tried.
const LATE_BODY_STAGES: [BodyStage; 8] = [
    (&["body-hashed"], bodies::digests),
    (&["body-list"], documents::list_of_one),
    (&["body-members-left-out"], documents::filtered),
    (&["body-listed"], byte_texts::listed),
    (&["body-printed"], languages::printed),
    (&["body-form-of-data"], data_forms::signed),
    (&["body-reserialised-values"], documents::values),
    (&["body-members-added"], documents::last_members),
];

/// Changes of one kind of part, for pairs.
#[derive(Default)]
struct Kept {
    keys: Vec<KeyChange>,
    urls: Vec<urls::UrlChange>,
    contents: Vec<contents::ContentChange>,
    bodies: Vec<Change<Vec<u8>>>,
    macs: Vec<Change<(MacKind, Template)>>,
}

pub(super) struct Search<'c, 'a> {
    context: &'c SearchContext<'a>,
    kept: Kept,
    /// Two mistakes that were met while one was looked for: the second is in the signature's text.
    pair: Option<Vec<Mistake>>,
}

fn with_key<'t>(context: &'t SearchContext<'_>, key: &'t Vec<u8>) -> Trial<'t> {
    Trial {
        keys: from_ref(key),
        ..context.trial()
    }
}

#[expect(
    clippy::borrowed_box,
    reason = "the changes of every group are tried by one function over their values"
)]
fn with_url<'t>(context: &'t SearchContext<'_>, url: &'t Box<str>) -> Trial<'t> {
    Trial {
        url: Some(url),
        ..context.trial()
    }
}

fn with_content<'t>(context: &'t SearchContext<'_>, content: &'t Template) -> Trial<'t> {
    Trial {
        content,
        ..context.trial()
    }
}

fn with_body<'t>(context: &'t SearchContext<'_>, body: &'t Vec<u8>) -> Trial<'t> {
    Trial {
        body,
        ..context.trial()
    }
}

fn with_mac<'t>(context: &'t SearchContext<'_>, change: &'t (MacKind, Template)) -> Trial<'t> {
    Trial {
        mac: change.0,
        content: &change.1,
        ..context.trial()
    }
}

/// In which order two mistakes are told: where the signature stands and what it is, then the secret, then the rest from the
/// head of the request to its body.
fn report_order(mistake: &Mistake) -> u8 {
    match mistake.cause {
        "other-header" => 0,
        cause if cause.starts_with("secret") || cause == "other-secret" || cause == "key-kind" => 1,
        "wrong-hash" | "plain-hash" | "arguments-swapped" => 2,
        "signature-encoding" | "token-form" => 3,
        cause if cause.starts_with("url") => 4,
        cause if cause.starts_with("body") => 6,
        "expired" => 7,
        _ => 5,
    }
}

/// All mistakes of an attempt that matches: those that were taken back, and those of the signature's text.
fn mistakes_if_matching(
    context: &SearchContext<'_>,
    mistakes: &[Mistake],
    attempt: &Trial<'_>,
) -> Option<Vec<Mistake>> {
    let form = context.check(attempt)?;
    let is_plain = mistakes.iter().any(|mistake| mistake.cause == "plain-hash");
    let form = form.iter().filter(|form| !(is_plain && form.cause == "wrong-hash"));
    let mut all: Vec<Mistake> = mistakes.iter().chain(form).cloned().collect();
    all.sort_by_key(report_order);
    // Two with the same name are one mistake of two steps: the last step says what the sender had.
    all.dedup_by(|next, first| next.cause == first.cause);
    if all.is_empty() {
        all.extend(times::unit_fault(context));
    }
    Some(all).filter(|all| (1..=2).contains(&all.len()))
}

impl<'c, 'a> Search<'c, 'a> {
    pub(super) fn new(context: &'c SearchContext<'a>) -> Self {
        Self {
            context,
            kept: Kept::default(),
            pair: None,
        }
    }

    /// Tries all changes that are made, and keeps them.
    fn try_all<T: PartialEq>(
        &mut self,
        kept: fn(&mut Kept) -> &mut Vec<Change<T>>,
        size: fn(&T) -> usize,
        attempt: for<'t> fn(&'t SearchContext<'_>, &'t T) -> Trial<'t>,
        make: impl FnOnce(&SearchContext<'_>, Sink<'_, T>) -> bool,
    ) -> Option<Vec<Mistake>> {
        let (context, pair) = (self.context, &mut self.pair);
        let kept = kept(&mut self.kept);
        let mut bytes: usize = kept.iter().map(|change| size(&change.value)).sum();
        let mut found = None;
        make(context, &mut |change: Change<T>| {
            // What was tried is not tried again: many ways to write a body give the same bytes.
            if kept.iter().any(|have| have.value == change.value) {
                return false;
            }
            match mistakes_if_matching(context, &change.mistakes, &attempt(context, &change.value)) {
                Some(all) if all.len() == 1 => found = Some(all),
                Some(all) => drop(pair.get_or_insert(all)),
                None => {}
            }
            bytes += size(&change.value);
            if change.rank < Rank::Rare && change.mistakes.len() == 1 && bytes <= MOST_KEPT {
                kept.push(change);
            }
            found.is_some()
        });
        found
    }

    /// The one mistake that explains why the signature does not match.
    pub(super) fn single(&mut self, diagnosis: &mut Diagnosis) -> Option<Vec<Mistake>> {
        let context = self.context;
        if !context.has_targets() {
            return None;
        }
        match mistakes_if_matching(context, &[], &context.trial()) {
            Some(all) if all.len() == 1 => return Some(all),
            found => self.pair = found,
        }
        diagnosis.note(&["signature-encoding", "other-header", "wrong-hash"], context.budget);
        let found = self.try_all(
            |kept| &mut kept.keys,
            |_| 0,
            with_key,
            |context, sink| keys::changes(context).into_iter().any(sink),
        );
        diagnosis.note(
            &[
                "other-secret",
                "secret-whitespace",
                "secret-quotes",
                "secret-prefix",
                "secret-encoding",
                "key-kind",
            ],
            context.budget,
        );
        if found.is_some() || matches!(context.case.scheme, Scheme::Token(_)) {
            return found;
        }
        self.url_and_content(diagnosis)
            .or_else(|| self.bodies(&BODY_STAGES, diagnosis))
            .or_else(|| self.late(diagnosis))
    }

    /// The URL, and what else is signed beside the body.
    fn url_and_content(&mut self, diagnosis: &mut Diagnosis) -> Option<Vec<Mistake>> {
        let context = self.context;
        if context.case.scheme.signs_target() {
            let found = self.try_all(
                |kept| &mut kept.urls,
                |_| 0,
                with_url,
                |context, sink| urls::changes(context).into_iter().any(sink),
            );
            diagnosis.note(&["url-differs"], context.budget);
            if found.is_some() {
                return found;
            }
        }
        let found = self.try_all(|kept| &mut kept.contents, |_| 0, with_content, contents::changes);
        diagnosis.note(
            &["timestamp-unit", "timestamp-header", "signed-content", "url-signed"],
            context.budget,
        );
        found
    }

    fn bodies(&mut self, stages: &[BodyStage], diagnosis: &mut Diagnosis) -> Option<Vec<Mistake>> {
        if !self.context.signs_body() {
            return None;
        }
        stages.iter().find_map(|(names, make)| {
            let found = self.try_all(|kept| &mut kept.bodies, Vec::len, with_body, make);
            diagnosis.note(names, self.context.budget);
            found
        })
    }

    fn late(&mut self, diagnosis: &mut Diagnosis) -> Option<Vec<Mistake>> {
        let context = self.context;
        let found = self.try_all(|kept| &mut kept.macs, |_| 0, with_mac, macs::changes);
        diagnosis.note(&["plain-hash", "arguments-swapped"], context.budget);
        let found = found.or_else(|| self.bodies(&LATE_BODY_STAGES, diagnosis));
        found.or_else(|| {
            let found = self.try_all(|kept| &mut kept.contents, |_| 0, with_content, contents::rare);
            diagnosis.note(&["body-hash"], context.budget);
            found
        })
    }

    /// The one mistake that takes longer to look for than two others.
    pub(super) fn last(&mut self, diagnosis: &mut Diagnosis) -> Option<Vec<Mistake>> {
        let found = self.try_all(|kept| &mut kept.contents, |_| 0, with_content, contents::fractions);
        diagnosis.note(&["timestamp-fraction"], self.context.budget);
        found
    }

    /// Two mistakes at once, in two parts of the request.
    pub(super) fn pair(&mut self, diagnosis: &mut Diagnosis) -> Option<Vec<Mistake>> {
        let found = self.pair.take().or_else(|| {
            let orders = [
                (Rank::Common, Rank::Common),
                (Rank::Common, Rank::Sometimes),
                (Rank::Sometimes, Rank::Common),
                (Rank::Sometimes, Rank::Sometimes),
            ];
            orders.into_iter().find_map(|ranks| self.pairs_of(ranks))
        });
        diagnosis.note(&["two-mistakes"], self.context.budget);
        found
    }

    fn pairs_of(&self, ranks: (Rank, Rank)) -> Option<Vec<Mistake>> {
        fn key_and<'t>(key: &'t Vec<u8>, base: Trial<'t>) -> Trial<'t> {
            Trial {
                keys: from_ref(key),
                ..base
            }
        }
        let Kept {
            keys,
            urls,
            contents,
            bodies,
            macs,
        } = &self.kept;
        self.try_pairs(keys, bodies, ranks, |base, key, body| Trial {
            body,
            ..key_and(key, base)
        })
        .or_else(|| {
            self.try_pairs(urls, bodies, ranks, |base, url, body| Trial {
                url: Some(url),
                body,
                ..base
            })
        })
        .or_else(|| {
            self.try_pairs(keys, urls, ranks, |base, key, url| Trial {
                url: Some(url),
                ..key_and(key, base)
            })
        })
        .or_else(|| {
            self.try_pairs(keys, contents, ranks, |base, key, content| Trial {
                content,
                ..key_and(key, base)
            })
        })
        .or_else(|| {
            self.try_pairs(contents, bodies, ranks, |base, content, body| Trial {
                body,
                content,
                ..base
            })
        })
        .or_else(|| {
            self.try_pairs(urls, contents, ranks, |base, url, content| Trial {
                url: Some(url),
                content,
                ..base
            })
        })
        .or_else(|| {
            self.try_pairs(macs, bodies, ranks, |base, mac, body| Trial {
                mac: mac.0,
                content: &mac.1,
                body,
                ..base
            })
        })
    }

    /// The first two changes of those ranks that explain it together.
    fn try_pairs<A, B>(
        &self,
        first: &[Change<A>],
        second: &[Change<B>],
        ranks: (Rank, Rank),
        attempt: impl for<'t> Fn(Trial<'t>, &'t A, &'t B) -> Trial<'t>,
    ) -> Option<Vec<Mistake>> {
        let firsts = first.iter().filter(|change| change.rank == ranks.0);
        firsts.into_iter().find_map(|a| {
            let seconds = second.iter().filter(|change| change.rank == ranks.1);
            seconds.into_iter().find_map(|b| {
                let attempt = attempt(self.context.trial(), &a.value, &b.value);
                if !self.context.budget.takes_pair(attempt.body.len()) {
                    return None;
                }
                let both: Vec<Mistake> = a.mistakes.iter().chain(&b.mistakes).cloned().collect();
                mistakes_if_matching(self.context, &both, &attempt).filter(|all| all.len() == 2)
            })
        })
    }
}
