//! The body as JSON that was parsed and re-serialized on its way, or of which only a part was signed.

use super::context::SearchContext;
use super::json::{self, JsonNode};
use super::json_style::JsonStyle;
use super::json_write::{Features, Marks, TWO_DECIMALS, missing_digits, write};
use super::mistake::{Change, Mistake, Rank, Sink, mistake};
use super::styles::{COMPACT, GSON_STYLE, LIKELY, PYTHON, STYLES, STYLES_IN_PAIRS, STYLES_OF_TOOLS};
use super::time_budget::StepKind;

/// Members of an object that are looked at, each by itself.
const MOST_MEMBERS: usize = 32;

/// Numbers or empty values that are changed in every combination.
const MOST_MARKS: u32 = 10;

/// Bytes that are written for combinations, all together.
const MOST_MARKED: usize = 6_000_000;

pub(super) const HINT: &str = "sign and check the raw bytes of the body, before anything parses the JSON";

pub(super) fn reserialized(style_name: &str) -> Mistake {
    let text = format!("what was signed is {style_name}, and this body is not: one side re-serialized it");
    mistake("body-reserialised", text, HINT)
}

/// In one of the styles that are likely.
pub(super) fn likely(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    in_styles(context, 0..LIKELY, sink)
}

/// In one of the many styles that are not.
pub(super) fn rare(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    in_styles(context, LIKELY..STYLES.len(), sink)
}

fn written(context: &SearchContext<'_>, node: &JsonNode<'_>, style: &JsonStyle, marks: Marks) -> Option<Vec<u8>> {
    let size = context.case.received.body.len();
    let run = || write(node, style, marks, size);
    context.budget.step(StepKind::Write, size, run).flatten()
}

fn in_styles(context: &SearchContext<'_>, which: std::ops::Range<usize>, sink: Sink<'_, Vec<u8>>) -> bool {
    let Some(node) = context.document() else { return false };
    let body = context.case.received.body;
    let Some(features) = context.make(|| Features::of(body, node)) else {
        return false;
    };
    let mut seen: Vec<JsonStyle> = STYLES[..which.start].iter().map(|style| features.seen(style)).collect();
    let first = which.start;
    STYLES[which].iter().enumerate().any(|(index, style)| {
        let visible = features.seen(style);
        if seen.contains(&visible) {
            return false;
        }
        seen.push(visible);
        let Some(mut text) = written(context, node, style, Marks::default()) else {
            return false;
        };
        let rank = match first + index {
            _ if seen.len() <= LIKELY => Rank::Common,
            index if index < STYLES_IN_PAIRS => Rank::Sometimes,
            _ => Rank::Rare,
        };
        if text != body && sink(Change::new(rank, text.clone(), reserialized(style.name))) {
            return true;
        }
        // Large texts are tried without a newline only.
        if !context.budget.is_free() {
            return false;
        }
        text.push(b'\n');
        let rank = if first + index < STYLES_OF_TOOLS {
            Rank::Sometimes
        } else {
            Rank::Rare
        };
        text != body && sink(Change::new(rank, text, reserialized(style.name)))
    })
}

/// Every newline was taken out of indented JSON, and its spaces were left.
pub(super) fn newlines_lost(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    if body.contains(&b'\n') || !body.windows(2).any(|two| two == b"  " || two == b"\t\"") {
        return false;
    }
    let Some(node) = context.document() else { return false };
    STYLES.iter().any(|style| {
        let Some(text) = written(context, node, style, Marks::default()) else {
            return false;
        };
        let joined = || text.iter().copied().filter(|byte| *byte != b'\n' && *byte != b'\r');
        let cause = "body-newline-lost";
        let said = "the body lost every newline in it after it was signed";
        let hint = "use the raw bytes as they came: `curl -d @FILE` drops newlines, `--data-binary @FILE` keeps them";
        joined().eq(body.iter().copied())
            && [text.clone(), [text.as_slice(), b"\n"].concat()]
                .into_iter()
                .any(|text| sink(Change::new(Rank::Sometimes, text, mistake(cause, said, hint))))
    })
}

/// JSON inside a JSON string: encoded twice.
pub(super) fn string(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let said = "the body is the signed JSON inside a JSON string: it was encoded twice";
    let hint = "send the raw body as it is: it is JSON already";
    if let Some(JsonNode::Text(raw)) = context.document() {
        let text = context.make(|| json::text(raw).into_owned().into_bytes());
        return text.is_some_and(|text| {
            sink(Change::new(
                Rank::Common,
                text,
                mistake("body-reserialised", said, hint),
            ))
        });
    }
    let body = context.case.received.body;
    let quoted = context.make(|| serde_json::to_vec(&String::from_utf8_lossy(body)).unwrap_or_default());
    let said = "the sender signs the JSON inside a JSON string: it encodes it twice";
    quoted.is_some_and(|text| sink(Change::new(Rank::Rare, text, mistake("body-reserialised", said, hint))))
}

/// Numbers that lost digits behind their points, and empty values of the other kind.
pub(super) fn values(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let Some(node) = context.document() else { return false };
    let mut count = Count::default();
    count.look(node);
    let size = context.case.received.body.len();
    let mut budget = MOST_MARKED / (size + 256);
    let numbers = mistake(
        "body-reserialised",
        "a number lost its `.0` or a last zero: one side re-serialized the JSON, and its decimal numbers with it",
        HINT,
    );
    let empties = mistake(
        "body-reserialised",
        "an empty `{}` became `[]`, or the reverse: one side re-serialized the JSON, as PHP does with arrays",
        HINT,
    );
    let styles = [COMPACT, PYTHON, STYLES[4], STYLES[5]];
    let dropped = context.make(|| without_nulls(node));
    let nulls = mistake(
        "body-reserialised",
        "members that are `null` in the body were not signed: one side re-serialized the JSON and leaves them out",
        HINT,
    );
    let left_out = dropped
        .as_ref()
        .filter(|dropped| *dropped != node)
        .is_some_and(|dropped| {
            [COMPACT, PYTHON, STYLES[4], STYLES[5], GSON_STYLE].iter().any(|style| {
                written(context, dropped, style, Marks::default())
                    .is_some_and(|text| sink(Change::new(Rank::Rare, text, nulls.clone())))
            })
        });
    if left_out {
        return true;
    }
    let mut try_marks = |marks: Marks, said: &Mistake| {
        let styles = &styles[..if budget > 2000 { 4 } else { 1 }];
        styles.iter().any(|style| {
            budget = budget.saturating_sub(1);
            if budget == 0 {
                return false;
            }
            written(context, node, style, marks).is_some_and(|text| sink(Change::new(Rank::Rare, text, said.clone())))
        })
    };
    let swapped = subsets(count.empties).any(|empties_set| {
        let marks = Marks {
            empties: empties_set,
            ..Marks::default()
        };
        try_marks(marks, &empties)
    });
    swapped
        || [(".0", count.whole), (TWO_DECIMALS, count.whole + count.decimals)]
            .into_iter()
            .any(|(behind, many)| {
                subsets(many).any(|numbers_set| {
                    let marks = Marks {
                        behind,
                        numbers: numbers_set,
                        empties: 0,
                    };
                    try_marks(marks, &numbers)
                })
            })
}

/// All first, then every combination of few, or each by itself of many.
fn subsets(count: u32) -> Box<dyn Iterator<Item = u64>> {
    match count {
        0 => Box::new(std::iter::empty()),
        count if count <= MOST_MARKS => Box::new((1..1_u64 << count).rev()),
        count => Box::new(std::iter::once(u64::MAX).chain((0..count.min(64)).map(|at| 1_u64 << at))),
    }
}

/// The document without the members that are null.
fn without_nulls<'t>(node: &JsonNode<'t>) -> JsonNode<'t> {
    match node {
        JsonNode::Object(members) => {
            let kept = members.iter().filter(|(_, value)| *value != JsonNode::Word("null"));
            JsonNode::Object(kept.map(|(name, value)| (*name, without_nulls(value))).collect())
        }
        JsonNode::Array(items) => JsonNode::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// What can be marked in a document.
#[derive(Default)]
struct Count {
    whole: u32,
    decimals: u32,
    empties: u32,
}

impl Count {
    fn look(&mut self, node: &JsonNode<'_>) {
        match node {
            JsonNode::Number(text) => {
                let whole = missing_digits(text, ".0").is_some();
                self.whole += u32::from(whole);
                self.decimals += u32::from(!whole && missing_digits(text, TWO_DECIMALS).is_some());
            }
            JsonNode::Array(items) if items.is_empty() => self.empties += 1,
            JsonNode::Object(members) if members.is_empty() => self.empties += 1,
            JsonNode::Array(items) => items.iter().for_each(|item| self.look(item)),
            JsonNode::Object(members) => members.iter().for_each(|(_, value)| self.look(value)),
            JsonNode::Word(_) | JsonNode::Text(_) => {}
        }
    }
}

/// The only item of a list was signed, or a list of the body.
pub(super) fn list_of_one(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let Some(node) = context.document() else { return false };
    let said = |text: &'static str| {
        let hint = "sign and check the bytes of the whole body as they are sent: a program in between made a list of it, or took it out of one";
        mistake("body-part", text, hint)
    };
    let (other, said) = match node {
        JsonNode::Array(items) => match items.as_slice() {
            [only] => (
                context.make(|| only.clone()),
                said("the body is a list, and its only item was signed"),
            ),
            _ => return false,
        },
        node => (
            context.make(|| JsonNode::Array(vec![node.clone()])),
            said("what was signed is a list with the body as its only item"),
        ),
    };
    let Some(other) = other else { return false };
    STYLES[..6].iter().any(|style| {
        written(context, &other, style, Marks::default())
            .is_some_and(|text| sink(Change::new(Rank::Rare, text, said.clone())))
    })
}

/// The last members were added after the body was signed, more than one.
pub(super) fn last_members(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let Some(JsonNode::Object(members)) = context.document() else {
        return false;
    };
    let count = members.len();
    (2..count.min(6)).any(|added| {
        let Some(rest) = context.make(|| JsonNode::Object(members[..count - added].to_vec())) else {
            return false;
        };
        let text = format!("the last {added} members were added to the body after it was signed");
        let hint = "sign the body as it is sent: fields that are added later change its bytes";
        let said = mistake("body-part", text, hint);
        STYLES[..6].iter().any(|style| {
            written(context, &rest, style, Marks::default())
                .is_some_and(|text| sink(Change::new(Rank::Rare, text, said.clone())))
        })
    })
}

/// `JSON.stringify(data, Object.keys(data).sort())` leaves out every nested member whose name the outermost object has not.
pub(super) fn filtered(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let Some(JsonNode::Object(members)) = context.document() else {
        return false;
    };
    let mut names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    let Some(node) = context.make(|| with_names(&JsonNode::Object(members.clone()), &names)) else {
        return false;
    };
    let said = mistake(
        "body-reserialised",
        "the sender signs `JSON.stringify(data, Object.keys(data).sort())`, which leaves out members of nested objects",
        HINT,
    );
    [COMPACT, STYLES[2]].iter().any(|style| {
        written(context, &node, style, Marks::default())
            .is_some_and(|text| sink(Change::new(Rank::Rare, text, said.clone())))
    })
}

fn with_names<'t>(node: &JsonNode<'t>, names: &[&str]) -> JsonNode<'t> {
    match node {
        JsonNode::Object(members) => {
            let kept = names
                .iter()
                .filter_map(|wanted| members.iter().find(|(name, _)| name == wanted));
            JsonNode::Object(kept.map(|(name, value)| (*name, with_names(value, names))).collect())
        }
        JsonNode::Array(items) => JsonNode::Array(items.iter().map(|item| with_names(item, names)).collect()),
        other => other.clone(),
    }
}

/// One member of the body was signed, or all of them but one.
pub(super) fn members(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let members = match context.document() {
        Some(JsonNode::Object(members)) => members,
        Some(JsonNode::Array(items)) => match items.as_slice() {
            [JsonNode::Object(members)] => members,
            _ => return false,
        },
        _ => return false,
    };
    let few = || members.iter().take(MOST_MEMBERS);
    let hint = "sign the bytes of the whole body, and check them as they came, not an event around them";
    let part = |name: &str, value: &JsonNode<'_>, sink: Sink<'_, Vec<u8>>| {
        let text = format!(
            "what was signed is a part of the body alone, the member `{}`: the sender signs no more, or an event was put around it",
            name.escape_debug()
        );
        let said = mistake("body-part", text, hint);
        let plain = match value {
            JsonNode::Text(raw) => Some(json::text(raw).into_owned().into_bytes()),
            _ => None,
        };
        let styled = STYLES[..6]
            .iter()
            .filter_map(|style| written(context, value, style, Marks::default()));
        let mut all = plain.into_iter().chain(styled).enumerate();
        all.any(|(index, text)| {
            let rank = if index < 2 { Rank::Sometimes } else { Rank::Rare };
            sink(Change::new(rank, text, said.clone()))
        })
    };
    if few().any(|(name, value)| part(name, value, sink)) {
        return true;
    }
    let nested = few().filter_map(|(_, value)| match value {
        JsonNode::Object(members) => Some(members),
        _ => None,
    });
    let found = nested
        .flatten()
        .take(MOST_MEMBERS)
        .any(|(name, value)| matches!(value, JsonNode::Object(_)) && part(name, value, sink));
    found
        || (0..members.len().min(MOST_MEMBERS)).any(|at| {
            let mut rest = members.clone();
            let (name, _) = rest.remove(at);
            let rest = JsonNode::Object(rest);
            let text = format!(
                "the member `{}` was added to the body after it was signed",
                name.escape_debug()
            );
            let hint =
                "sign the body as it is sent: a field that is added later, such as a signature, changes its bytes";
            let said = mistake("body-part", text, hint);
            STYLES[..6].iter().enumerate().any(|(index, style)| {
                let rank = if index == 0 { Rank::Sometimes } else { Rank::Rare };
                written(context, &rest, style, Marks::default())
                    .is_some_and(|text| sink(Change::new(rank, text, said.clone())))
            })
        })
}
