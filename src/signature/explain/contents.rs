//! What is signed beside the body: other parts of the request, in another order, with other separators, or left out.

use super::context::SearchContext;
use super::forms;
use super::mistake::{Change, Mistake, Rank, Sink, mistake};
use super::times;
use super::urls;
use crate::template::{Part, Placeholder, Template};

/// Between parts.
const SEPARATORS: [&str; 12] = [".", "", ":", "\n", "|", "-", "_", ",", "&", " ", ";", "/"];

/// Separators that are tried beside another mistake, and with many parts.
const USUAL: usize = 4;

/// Versions of a scheme that are signed in front of the rest, as in `v0:`.
const VERSIONS: [&str; 4] = ["v0", "v1", "v2", "v3"];

/// Headers whose values may be signed, at most, and how long those are.
const MOST_HEADERS: usize = 8;
const LONGEST: usize = 200;

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
        || methods(context, &mut once)
        || forms::contents(context, &mut once)
        || with_key(context, &mut once)
        || with_headers(context, &mut once)
        || with_url(context, &mut once)
}

/// Contents of which there are many: each fraction of a second, and what is not signed at all.
pub(super) fn rare(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    let content = &context.content;
    let mut once = once(content.clone(), sink);
    times_in_place(context, times::fractions(context), &mut once) || url_alone(context, &mut once)
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

/// What the sender signs, as the template shows it, and what it must sign.
fn signs(content: &Template, other: &Template) -> Mistake {
    let text = format!("the sender signs `{}`", other.to_string().escape_debug());
    mistake("signed-content", text, must_sign(content))
}

fn must_sign(content: &Template) -> String {
    format!("what is signed must be `{}`", content.to_string().escape_debug())
}

fn is_time(placeholder: &Placeholder) -> bool {
    matches!(placeholder, Placeholder::Timestamp(_))
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
    // Where a hash in the URL covers the body, what is signed without it is told by that.
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
    let others = SEPARATORS.iter().enumerate().map(|(rank, separator)| {
        let rank = if rank < USUAL { Rank::Common } else { Rank::Sometimes };
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
    let has_time = parts.iter().any(is_time);
    let few = if parts.len() > 3 { USUAL } else { SEPARATORS.len() };
    orders(parts.len()).into_iter().any(|order| {
        if body.is_some_and(|body| !order.contains(&body)) {
            return false;
        }
        SEPARATORS[..few].iter().enumerate().any(|(at, separator)| {
            let chosen: Vec<&Placeholder> = order.iter().map(|index| &parts[*index]).collect();
            let other = joined(&chosen, separator);
            let said = if has_time && !chosen.iter().any(|p| is_time(p)) {
                mistake(
                    "timestamp-left-out",
                    "the sender signs the body without the timestamp",
                    must_sign(content),
                )
            } else {
                signs(content, &other)
            };
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

fn joined(placeholders: &[&Placeholder], separator: &str) -> Template {
    let mut parts = Vec::new();
    for (index, placeholder) in placeholders.iter().enumerate() {
        if index > 0 && !separator.is_empty() {
            parts.push(Part::Text(separator.to_owned()));
        }
        parts.push(Part::Placeholder((*placeholder).clone()));
    }
    Template::of(parts)
}

fn methods(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    let content = &context.content;
    let given = context.case.received.method;
    let lower = given.to_ascii_lowercase();
    content.placeholders().any(|p| *p == Placeholder::Method)
        && ["POST", "PUT", "GET", "PATCH", "DELETE", &lower]
            .into_iter()
            .any(|method| {
                let other = content.filled(|p| (*p == Placeholder::Method).then(|| method.to_owned()));
                let said = format!("the sender signs the method as `{method}`, and it is `{given}` here");
                let said = mistake(
                    "method-differs",
                    said,
                    "give the method as the sender has it, with --method",
                );
                let said = said.alone(format!("give the method as the sender has it: `--method {method}`"));
                sink(Change::new(Rank::Sometimes, other, said))
            })
}

/// The timestamp with its key before it, as the header has the pair.
fn with_key(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    let Some(carrier) = context.case.scheme.carrier() else {
        return false;
    };
    let parts = carrier.value.parts();
    let time = parts.windows(2).find_map(|two| match two {
        [Part::Text(key), Part::Placeholder(time)] if is_time(time) => Some((key.clone(), time.clone())),
        _ => None,
    });
    let Some((key, time)) = time else { return false };
    [".", ",", "", ":", ";", "&"].into_iter().any(|separator| {
        let mut parts = joined(&[&time, &Placeholder::Body], separator).parts().to_vec();
        parts.insert(0, Part::Text(key.clone()));
        let other = Template::of(parts);
        let said = signs(&context.content, &other);
        sink(Change::new(Rank::Sometimes, other, said))
    })
}

/// A header's value before or behind the content.
fn with_headers(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    let (content, headers) = (&context.content, context.case.received.headers);
    let own = context.case.scheme.carrier();
    let is_own = |name: &str| own.is_some_and(|own| own.headers().any(|own| own.eq_ignore_ascii_case(name)));
    let short = headers
        .iter()
        .filter(|(name, value)| !is_own(name) && value.len() <= LONGEST);
    let times = times::times_of_headers(context);
    let seconds = |(name, text): &(String, String)| {
        let ms: i64 = text.parse().ok()?;
        Some((name.clone(), Part::Text((ms / 1000).to_string())))
    };
    let in_seconds = times.iter().filter_map(seconds);
    let values = short
        .map(|(name, _)| (name.to_owned(), Part::Placeholder(Placeholder::Header(name.to_owned()))))
        .chain(in_seconds)
        .take(MOST_HEADERS);
    values.collect::<Vec<_>>().into_iter().any(|(name, value)| {
        let what = if times.iter().any(|(time, _)| *time == name) {
            "a timestamp, that of "
        } else {
            ""
        };
        [".", "", ":", "\n"].into_iter().any(|separator| {
            let separator = (!separator.is_empty()).then(|| Part::Text(separator.to_owned()));
            let own = content.parts().iter().cloned();
            let first = std::iter::once(value.clone())
                .chain(separator.clone())
                .chain(own.clone())
                .collect();
            let last = own.chain(separator).chain([value.clone()]).collect();
            [(first, "before"), (last, "behind")].into_iter().any(|(parts, place)| {
                let text = format!("the sender signs {what}the header `{name}` {place} the body");
                let said = mistake("signed-content", text, must_sign(content));
                sink(Change::new(Rank::Sometimes, Template::of(parts), said))
            })
        })
    })
}

/// The URL with the body, though the scheme signs none.
fn with_url(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    let content = &context.content;
    let Some(url) = context
        .case
        .received
        .url
        .filter(|_| !context.case.scheme.signs_target())
    else {
        return false;
    };
    let path = url::Url::parse(url)
        .map(|url| url.path().to_owned())
        .unwrap_or_default();
    let method = context.case.received.method;
    let given = std::iter::once((url.to_owned(), String::new()));
    let others = urls::changes(context).into_iter().map(|change| {
        let differs = format!(", {}", urls::difference(url, &change.value));
        (change.value.into_string(), differs)
    });
    let more = [
        format!("{method}{url}"),
        format!("{method}{path}"),
        path.clone(),
        format!("{method}\n{path}\n"),
    ];
    let more = more.into_iter().map(|text| (text, String::new()));
    given.chain(more).chain(others).any(|(text, differs)| {
        let said = format!(
            "the sender signs the URL with the body, as `{}`{differs}",
            text.escape_debug()
        );
        let before: Vec<Part> = std::iter::once(Part::Text(text.clone()))
            .chain(content.parts().iter().cloned())
            .collect();
        let behind: Vec<Part> = content.parts().iter().cloned().chain([Part::Text(text)]).collect();
        [before, behind].into_iter().any(|parts| {
            let said = mistake("url-signed", said.clone(), must_sign(content));
            sink(Change::new(Rank::Sometimes, Template::of(parts), said))
        })
    })
}

/// Of a body that its hash in the query covers only the URL is signed: the hash is not there, or of another body.
fn url_alone(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    let Some(param) = context
        .case
        .scheme
        .carrier()
        .and_then(|carrier| carrier.body_hash.as_deref())
    else {
        return false;
    };
    let parts = context.content.parts().iter();
    let bare: Vec<Part> = parts
        .filter(|part| **part != Part::Placeholder(Placeholder::Form))
        .cloned()
        .collect();
    let url = context.case.received.url.unwrap_or_default();
    let said = if url.contains(&format!("{param}=")) {
        let text = format!("the URL is signed as it is, and its `{param}` is the hash of another body");
        mistake(
            "body-hash",
            text,
            "use the raw bytes of the body as they came: something changed them on the way",
        )
    } else {
        let text = format!("the URL alone is signed: it lacks `{param}`, the hash of a body that is no form");
        mistake(
            "body-hash",
            text,
            format!("the sender must add `{param}=HASH` to the URL before it signs"),
        )
    };
    sink(Change::new(Rank::Rare, Template::of(bare), said))
}
