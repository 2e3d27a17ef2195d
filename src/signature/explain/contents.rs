//! What is signed beside the body: other parts of the request, in another order, with other separators, or left out.

use super::added;
use super::context::SearchContext;
use super::form_bodies;
use super::mistake::{Change, Rank, Sink, mistake};
use super::parts::{is_time, joined, must_sign, signs};
use super::times;
use crate::template::{Part, Placeholder, Template};

/// Between parts.
const SEPARATORS: [&str; 16] = [
    ".", "", ":", "\n", "|", "-", "_", ",", "&", " ", ";", "/", "\t", "\r\n", "#", "+",
];

/// Between parts, seldom.
const RARE_SEPARATORS: [&str; 12] = ["=", "::", ". ", ", ", ": ", "\\n", "@", "~", "*", "||", "..", "\n\n"];

/// Separators that are tried beside another mistake, and with many parts.
const USUAL: usize = 4;

/// Versions of a scheme that are signed in front of the rest, as in `v0:`.
const VERSIONS: [&str; 6] = ["v0", "v1", "v2", "v3", "V0", "V1"];

pub(super) type ContentChange = Change<Template>;

/// Contents that are likely to have been signed.
pub(super) fn changes(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    let content = &context.content;
    if content.is_empty() || content.placeholders().any(|p| *p == Placeholder::SignedValues) {
        return false;
    }
    let mut once = once(content.clone(), sink);
    times_in_place(context, times::texts(context), &mut once)
        || swapped(content, &mut once)
        || left_out(context, &mut once)
        || separated(content, &mut once)
        || ordered(content, &mut once)
        || added::methods(context, &mut once)
        || added::part_of_url(context, &mut once)
        || form_bodies::contents(context, &mut once)
        || added::with_key(context, &mut once)
        || added::with_headers(context, &mut once)
        || added::with_url(context, &mut once)
}

/// Contents that are seldom signed.
pub(super) fn rare(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    added::url_alone(context, sink)
}

/// The content with each fraction of the second.
pub(super) fn fractions(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    times_in_place(context, times::fractions(context), sink)
}

/// Passes on what was not passed on yet.
fn once(own: Template, sink: Sink<'_, Template>) -> impl FnMut(ContentChange) -> bool {
    let mut seen = vec![own];
    move |change: ContentChange| {
        if seen.iter().any(|have| have.parts() == change.value.parts()) {
            return false;
        }
        seen.push(change.value.clone());
        sink(change)
    }
}

fn times_in_place(context: &SearchContext<'_>, texts: Vec<times::TimeText>, sink: Sink<'_, Template>) -> bool {
    let content = &context.content;
    content.placeholders().any(is_time)
        && texts.into_iter().any(|time| {
            let filled = content.filled(|placeholder| is_time(placeholder).then(|| time.value.clone()));
            sink(Change {
                value: filled,
                mistakes: time.mistakes,
                rank: time.rank,
            })
        })
}

/// Id and timestamp in each other's place.
fn swapped(content: &Template, sink: Sink<'_, Template>) -> bool {
    let at = |wanted: fn(&Placeholder) -> bool| {
        content
            .parts()
            .iter()
            .position(|part| matches!(part, Part::Placeholder(placeholder) if wanted(placeholder)))
    };
    let (Some(time), Some(id)) = (at(is_time), at(|p| *p == Placeholder::Id)) else {
        return false;
    };
    let mut parts = content.parts().to_vec();
    parts.swap(time, id);
    let said = "the sender signs id and timestamp in the wrong order";
    let said = mistake("id-timestamp-swapped", said, must_sign(content));
    sink(Change::new(Rank::Common, Template::of(parts), said))
}

/// The content without one of its parts, and what separates that from the next.
fn left_out(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    let content = &context.content;
    let parts = content.parts();
    // Where a hash in the URL covers the body, that shows what is signed without it.
    let is_hashed = context
        .case
        .scheme
        .carrier()
        .is_some_and(|carrier| carrier.body_hash.is_some());
    let bodies = |p: &Placeholder| matches!(p, Placeholder::Body | Placeholder::Form);
    let body = content.placeholders().find(|p| bodies(p)).cloned();
    let alone = body
        .filter(|_| parts.len() > 1)
        .map(|body| Template::of(vec![Part::Placeholder(body)]));
    let without = |at: usize| {
        let mut parts = parts.to_vec();
        parts.remove(at);
        if matches!(parts.get(at), Some(Part::Text(_))) {
            parts.remove(at);
        } else if at == parts.len() && matches!(parts.last(), Some(Part::Text(_))) {
            parts.pop();
        }
        Template::of(parts)
    };
    let said = |other: &Template, lost_time: bool, lost: String| {
        if lost_time {
            let text = "the sender signs the body without the timestamp";
            return mistake("timestamp-left-out", text, must_sign(content));
        }
        let text = format!(
            "the sender signs `{}`, without {lost}",
            other.to_string().escape_debug()
        );
        mistake("signed-content", text, must_sign(content))
    };
    let has_time = content.placeholders().any(is_time);
    if let Some(alone) = alone {
        let said = said(&alone, has_time, "what belongs before it".to_owned());
        if sink(Change::new(Rank::Common, alone, said)) {
            return true;
        }
    }
    (0..parts.len()).any(|at| {
        let Part::Placeholder(lost) = &parts[at] else {
            return false;
        };
        if matches!(lost, Placeholder::Body) || parts.len() < 2 || (is_hashed && *lost == Placeholder::Form) {
            return false;
        }
        let other = without(at);
        let name = Template::of(vec![Part::Placeholder(lost.clone())]);
        let said = said(&other, is_time(lost), format!("`{name}`"));
        sink(Change::new(Rank::Common, other, said))
    })
}

/// The same parts with other texts between and before them.
fn separated(content: &Template, sink: Sink<'_, Template>) -> bool {
    let texts = content.parts().iter().any(|part| matches!(part, Part::Text(_)));
    if !texts {
        return false;
    }
    let with = |change: &dyn Fn(usize, &str) -> String| {
        let parts = content.parts().iter().enumerate().map(|(at, part)| match part {
            Part::Text(text) => Part::Text(change(at, text)),
            other @ Part::Placeholder(_) => other.clone(),
        });
        Template::of(
            parts
                .filter(|part| !matches!(part, Part::Text(text) if text.is_empty()))
                .collect(),
        )
    };
    let separators = SEPARATORS.iter().chain(&RARE_SEPARATORS).enumerate();
    let others = separators.map(|(index, separator)| {
        let rank = match index {
            0..USUAL => Rank::Common,
            index if index < SEPARATORS.len() => Rank::Sometimes,
            _ => Rank::Rare,
        };
        let word = |text: &str| text.trim_end_matches(|c: char| !c.is_alphanumeric()).to_owned();
        (rank, with(&|_, text| word(text) + separator))
    });
    let versions = VERSIONS.iter().map(|version| {
        let change = |at: usize, text: &str| {
            let is_version = at == 0 && text.starts_with('v');
            if is_version {
                format!("{version}{}", &text[2.min(text.len())..])
            } else {
                text.to_owned()
            }
        };
        (Rank::Sometimes, with(&change))
    });
    let bare = std::iter::once((
        Rank::Sometimes,
        with(&|at, text| if at == 0 { String::new() } else { text.to_owned() }),
    ));
    let all: Vec<(Rank, Template)> = others.chain(versions).chain(bare).collect();
    all.into_iter().any(|(rank, other)| {
        let said = signs(content, &other);
        sink(Change::new(rank, other, said))
    })
}

/// Every order of some of the parts, with every separator.
fn ordered(content: &Template, sink: Sink<'_, Template>) -> bool {
    let parts: Vec<Placeholder> = content.placeholders().cloned().collect();
    if parts.len() < 2 || parts.len() > 4 {
        return false;
    }
    let body = parts
        .iter()
        .position(|p| matches!(p, Placeholder::Body | Placeholder::Form));
    let few = if parts.len() > 3 { USUAL } else { SEPARATORS.len() };
    orders(parts.len()).into_iter().any(|order| {
        if body.is_some_and(|body| !order.contains(&body)) {
            return false;
        }
        SEPARATORS[..few].iter().enumerate().any(|(at, separator)| {
            let chosen: Vec<&Placeholder> = order.iter().map(|index| &parts[*index]).collect();
            let other = joined(&chosen, separator);
            let said = signs(content, &other);
            let rank = if at < 3 && order.len() == parts.len() {
                Rank::Common
            } else {
                Rank::Sometimes
            };
            sink(Change::new(rank, other, said))
        })
    })
}

/// The orders of all subsets of so many things, the whole sets first.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..count {
        let to = all.len();
        for at in from..to {
            for next in (0..count).filter(|next| !all[at].contains(next)).collect::<Vec<_>>() {
                let mut longer = all[at].clone();
                longer.push(next);
                all.push(longer);
            }
        }
        from = to;
    }
    all.retain(|order| !order.is_empty());
    all.sort_by_key(|order| std::cmp::Reverse(order.len()));
    all
}
