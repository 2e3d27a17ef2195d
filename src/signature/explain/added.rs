//! What a sender signs beside what the scheme signs: a key of the header, another header, the URL, another method.

use super::context::SearchContext;
use super::mistake::{Change, Rank, Sink, mistake};
use super::parts::{is_time, joined, must_sign, signs};
use super::url_words::difference;
use super::{time_texts, times, urls};
use crate::template::{Part, Placeholder, Template};

/// Headers whose values may be signed, at most, and how long those are.
const MOST_HEADERS: usize = 8;
const LONGEST: usize = 200;

pub(super) fn methods(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
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

/// A part of the URL, where the whole URL is signed.
pub(super) fn part_of_url(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    let content = &context.content;
    let url = context.case.received.url.and_then(|url| url::Url::parse(url).ok());
    let Some(url) = url.filter(|_| content.placeholders().any(|p| *p == Placeholder::Url)) else {
        return false;
    };
    let parts = [
        &url[url::Position::BeforePath..],
        url.path(),
        &url[url::Position::BeforeHost..],
        &url[..url::Position::BeforePath],
        url.host_str().unwrap_or_default(),
    ];
    parts.into_iter().any(|path| {
        let other = content.filled(|p| (*p == Placeholder::Url).then(|| path.to_owned()));
        let said = format!("the sender signs `{}` alone, a part of the URL", path.escape_debug());
        sink(Change::new(
            Rank::Sometimes,
            other,
            mistake(
                "url-differs",
                said,
                "the sender must sign the whole URL, from its scheme on",
            ),
        ))
    })
}

/// The timestamp with its key before it, as the header has the pair.
pub(super) fn with_key(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
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
pub(super) fn with_headers(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
    let (content, headers) = (&context.content, context.case.received.headers);
    let own = context.case.scheme.carrier();
    let is_own = |name: &str| own.is_some_and(|own| own.headers().any(|own| own.eq_ignore_ascii_case(name)));
    let short = headers
        .iter()
        .filter(|(name, value)| !is_own(name) && value.len() <= LONGEST);
    let times = times::times_of_headers(context);
    let seconds = |(name, text): &(String, String)| {
        let (at, _) = time_texts::read(text)?;
        Some((name.clone(), Part::Text(at.unix().to_string())))
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
pub(super) fn with_url(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
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
        let differs = format!(", {}", difference(url, &change.value));
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
pub(super) fn url_alone(context: &SearchContext<'_>, sink: Sink<'_, Template>) -> bool {
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
