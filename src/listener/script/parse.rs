//! The grammar of a script:
//!
//! ```text
//! rule     = [EVENT "="] item *("," item)
//! item     = part *("+" part) ["*" COUNT]
//! part     = STATUS ["(" header *("," header) ")"] | "drop" | "reset"
//!          | "delay:" DURATION | "slow-body:" SIZE "/s" | "redirect:" LOCATION
//! header   = NAME "=" (VALUE | '"' VALUE '"')
//! ```

use std::fmt;
use std::time::Duration;

use super::{ResponseAction, ResponseRule, ResponseScript, ScriptedResponse, WalkScope};
use crate::clock::parse_duration;
use crate::glob::Glob;
use crate::headers::{Headers, check_line};
use crate::size;
use crate::text::printable;

/// Bytes of a rule, at most.
const LONGEST: usize = 4096;

/// How often one item can be repeated.
const MOST_REPEATS: u64 = 1_000_000;

/// The status of `redirect:`.
const REDIRECT: u16 = 302;

const EXPECTED: &str = "expected a status such as `500` or `429(retry-after=3)`, `drop`, `reset`, `delay:12s`, \
                        `slow-body:1KiB/s` or `redirect:/x`";

/// Why a script cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// Where, in characters counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at column {}: {}", self.column, self.what)
    }
}

impl std::error::Error for ScriptError {}

/// A piece of the text, and the byte at which it begins.
#[derive(Clone, Copy)]
struct ScriptPiece<'a> {
    text: &'a str,
    at: usize,
}

/// The byte at which something is wrong, and what.
type MistakeAt = (usize, String);

impl ScriptPiece<'_> {
    fn trim(self) -> Self {
        let begun = self.text.trim_start();
        Self {
            at: self.at + self.text.len() - begun.len(),
            text: begun.trim_end(),
        }
    }

    fn after(self, bytes: usize) -> Self {
        Self {
            text: &self.text[bytes..],
            at: self.at + bytes,
        }
    }

    fn strip(self, prefix: &str) -> Option<Self> {
        self.text.starts_with(prefix).then(|| self.after(prefix.len()))
    }

    /// Splits at a character that stands neither in parentheses nor in quotes.
    fn split(self, mark: char) -> Vec<Self> {
        let (mut pieces, mut begin) = (Vec::new(), 0);
        let (mut depth, mut is_quoted) = (0usize, false);
        for (at, c) in self.text.char_indices() {
            match c {
                '"' => is_quoted = !is_quoted,
                '(' if !is_quoted => depth += 1,
                ')' if !is_quoted => depth = depth.saturating_sub(1),
                _ if c == mark && depth == 0 && !is_quoted => {
                    let text = &self.text[begin..at];
                    pieces.push(Self {
                        text,
                        at: self.at + begin,
                    });
                    begin = at + c.len_utf8();
                }
                _ => {}
            }
        }
        pieces.push(self.after(begin));
        pieces
    }

    fn fault<T>(self, what: impl Into<String>) -> Result<T, MistakeAt> {
        Err((self.at, what.into()))
    }

    fn shown(self) -> String {
        printable(self.text, 60)
    }
}

impl ResponseRule {
    /// Reads `SCRIPT` or `EVENT=SCRIPT`.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let error = |(at, what): MistakeAt| ScriptError {
            column: text.get(..at).map_or(0, |before| before.chars().count()) + 1,
            what,
        };
        if text.len() > LONGEST {
            return Err(error((0, format!("a script has at most {LONGEST} bytes"))));
        }
        let (event, script) = split_event(ScriptPiece { text, at: 0 }).map_err(error)?;
        let items = script.split(',').into_iter().map(item);
        let steps = items.collect::<Result<_, _>>().map_err(error)?;
        let scope = WalkScope::EventId;
        Ok(Self {
            event: event.map(Glob::new),
            script: ResponseScript { steps, scope },
        })
    }
}

/// The event in front of the first `=`, unless that belongs to an item.
fn split_event(rule: ScriptPiece<'_>) -> Result<(Option<&str>, ScriptPiece<'_>), MistakeAt> {
    let is_item = |text: &str| {
        let text = text.trim_start();
        text.contains(['(', ',', '"'])
            || ["redirect:", "delay:", "slow-body:"]
                .iter()
                .any(|word| text.starts_with(word))
    };
    match rule.text.find('=').filter(|at| !is_item(&rule.text[..*at])) {
        None => Ok((None, rule)),
        Some(at) if rule.text[..at].trim().is_empty() => rule.fault("the event in front of `=` is missing"),
        Some(at) => Ok((Some(rule.text[..at].trim()), rule.after(at + 1))),
    }
}

/// The parts of an item that were read so far.
#[derive(Default)]
struct ItemParts {
    delay: Option<Duration>,
    rate: Option<u64>,
    end: Option<ItemEnd>,
}

enum ItemEnd {
    Status(u16, Headers),
    Drop,
    Reset,
}

fn item(piece: ScriptPiece<'_>) -> Result<(ScriptedResponse, u64), MistakeAt> {
    let piece = piece.trim();
    let (piece, times) = repeats(piece)?;
    let mut parts = ItemParts::default();
    for part in piece.split('+') {
        parts.add(part.trim())?;
    }
    let action = match (parts.end, parts.rate) {
        (Some(ItemEnd::Drop | ItemEnd::Reset), Some(_)) => {
            return piece.fault("a connection that is closed has no body");
        }
        (Some(ItemEnd::Drop), None) => ResponseAction::Drop,
        (Some(ItemEnd::Reset), None) => ResponseAction::Reset,
        (Some(ItemEnd::Status(204 | 304, _)), Some(_)) => return piece.fault("a response 204 or 304 has no body"),
        (Some(ItemEnd::Status(status, headers)), rate) => ResponseAction::Respond {
            status: Some(status),
            headers,
            rate,
        },
        // A body that is sent slowly needs a status that has one.
        (None, rate) => ResponseAction::Respond {
            status: rate.map(|_| super::USUAL),
            headers: Headers::new(),
            rate,
        },
    };
    let delay = parts.delay.unwrap_or_default();
    Ok((ScriptedResponse { delay, action }, times))
}

/// `500*2`: an item, and how often it is given.
fn repeats(piece: ScriptPiece<'_>) -> Result<(ScriptPiece<'_>, u64), MistakeAt> {
    let Some(at) = piece
        .text
        .rfind('*')
        .filter(|at| !piece.text[*at..].contains([')', '"']))
    else {
        return Ok((piece, 1));
    };
    let times = piece.after(at + 1).trim();
    let count = times
        .text
        .parse()
        .ok()
        .filter(|count| (1..=MOST_REPEATS).contains(count));
    let Some(count) = count else {
        return times.fault(format!(
            "`{}` is not a number of repetitions from 1 to {MOST_REPEATS}",
            times.shown()
        ));
    };
    let text = &piece.text[..at];
    Ok((ScriptPiece { text, at: piece.at }.trim(), count))
}

impl ItemParts {
    fn add(&mut self, part: ScriptPiece<'_>) -> Result<(), MistakeAt> {
        if let Some(duration) = part.strip("delay:") {
            let parsed = parse_duration(duration.text).or_else(|what| duration.fault(what))?;
            return put(&mut self.delay, part, parsed);
        }
        if let Some(rate) = part.strip("slow-body:") {
            return put(&mut self.rate, part, bytes_per_second(rate)?);
        }
        let end = if let Some(location) = part.strip("redirect:") {
            let location = location.trim();
            let is_visible = |b: u8| b.is_ascii_graphic();
            if location.text.is_empty() || !location.text.bytes().all(is_visible) {
                return location.fault("`redirect:` needs a path or a URL, such as `redirect:/x`");
            }
            ItemEnd::Status(REDIRECT, [("location", location.text)].into_iter().collect())
        } else {
            match part.text {
                "drop" => ItemEnd::Drop,
                "reset" => ItemEnd::Reset,
                _ => status(part)?,
            }
        };
        put(&mut self.end, part, end)
    }
}

/// Sets what may be given once.
fn put<T>(slot: &mut Option<T>, part: ScriptPiece<'_>, value: T) -> Result<(), MistakeAt> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => part.fault(format!("`{}` contradicts a part before it", part.shown())),
    }
}

fn bytes_per_second(piece: ScriptPiece<'_>) -> Result<u64, MistakeAt> {
    let size = piece.text.trim().strip_suffix("/s");
    match size.map(size::parse) {
        Some(Ok(bytes)) if bytes > 0 => Ok(bytes),
        _ => piece.fault(format!("`{}` is not a rate such as `1KiB/s`", piece.shown())),
    }
}

/// `429` or `429(retry-after=3)`.
fn status(part: ScriptPiece<'_>) -> Result<ItemEnd, MistakeAt> {
    let digits = part.text.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.text.len());
    let code = part.text[..digits].parse().ok();
    let Some(code) = code.filter(|code| (200..=599).contains(code)) else {
        let what = match (part.text.is_empty(), digits) {
            (true, _) => format!("nothing is given; {EXPECTED}"),
            (false, 0) => format!("unknown response `{}`; {EXPECTED}", part.shown()),
            _ => format!("`{}` is not a status from 200 to 599", part.shown()),
        };
        return part.fault(what);
    };
    let rest = part.after(digits).trim();
    if rest.text.is_empty() {
        return Ok(ItemEnd::Status(code, Headers::new()));
    }
    let Some(list) = rest.strip("(") else {
        return rest.fault(format!("`{}` follows a status; {EXPECTED}", rest.shown()));
    };
    let Some(inner) = list.text.strip_suffix(')') else {
        return rest.fault("`(` has no `)` at the end of the item");
    };
    let list = ScriptPiece {
        text: inner,
        at: list.at,
    };
    let mut headers = Headers::new();
    for line in list.split(',') {
        let (name, value) = header(line.trim())?;
        headers.append(name, value);
    }
    Ok(ItemEnd::Status(code, headers))
}

fn header(line: ScriptPiece<'_>) -> Result<(&str, &str), MistakeAt> {
    let Some((name, value)) = line.text.split_once('=') else {
        return line.fault(format!("`{}` is not a header of the form `NAME=VALUE`", line.shown()));
    };
    let (name, value) = (name.trim(), value.trim());
    let value = match value.strip_prefix('"') {
        None => value,
        Some(quoted) => match quoted.strip_suffix('"') {
            Some(bare) => bare,
            None => return line.fault("a quotation mark is missing at the end of the value"),
        },
    };
    check_line(name, value).or_else(|what| line.fault(what))?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> ScriptedResponse {
        let rule = ResponseRule::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((rule.event, rule.script.steps.len()), (None, 1), "{text}");
        rule.script.steps[0].0.clone()
    }

    fn respond(status: Option<u16>, headers: &[(&str, &str)], rate: Option<u64>) -> ResponseAction {
        let headers = headers.iter().copied().collect();
        ResponseAction::Respond { status, headers, rate }
    }

    #[test]
    fn every_item_is_read() {
        let secs = Duration::from_secs;
        for (text, delay, action) in [
            ("500", 0, respond(Some(500), &[], None)),
            (" 204 ", 0, respond(Some(204), &[], None)),
            (
                "429(retry-after=3)",
                0,
                respond(Some(429), &[("retry-after", "3")], None),
            ),
            (
                "503 (x-a = 1, retry-after=\"Wed, 02 Jan 2030 03:05:05 GMT\")",
                0,
                respond(
                    Some(503),
                    &[("x-a", "1"), ("retry-after", "Wed, 02 Jan 2030 03:05:05 GMT")],
                    None,
                ),
            ),
            ("drop", 0, ResponseAction::Drop),
            ("reset", 0, ResponseAction::Reset),
            ("delay:12s", 12, respond(None, &[], None)),
            ("delay:1m30s+500", 90, respond(Some(500), &[], None)),
            ("drop+delay:2s", 2, ResponseAction::Drop),
            ("slow-body:1KiB/s", 0, respond(Some(200), &[], Some(1024))),
            ("slow-body:10/s + 500", 0, respond(Some(500), &[], Some(10))),
            (
                "redirect:/x?a=b",
                0,
                respond(Some(302), &[("location", "/x?a=b")], None),
            ),
            ("307(location=/x)", 0, respond(Some(307), &[("location", "/x")], None)),
        ] {
            let expected = ScriptedResponse {
                delay: secs(delay),
                action,
            };
            assert_eq!(one(text), expected, "{text}");
        }
    }

    #[test]
    fn items_repeat_and_an_event_may_stand_in_front() {
        let read = |text: &str| {
            let rule = ResponseRule::parse(text).unwrap();
            let times: Vec<_> = rule.script.steps.iter().map(|(_, times)| *times).collect();
            (rule.event.map(|glob| glob.to_string()), times)
        };
        let event = |name: &str| Some(name.to_owned());
        for (text, expected) in [
            (
                "500*2,429(retry-after=3),drop,delay:12s,reset,slow-body:1KiB/s,redirect:/x,200",
                (None, vec![2, 1, 1, 1, 1, 1, 1, 1]),
            ),
            ("429(retry-after=3)*4,200", (None, vec![4, 1])),
            ("job.*=500*3 , 200", (event("job.*"), vec![3, 1])),
            ("jira:issue_created=drop", (event("jira:issue_created"), vec![1])),
            ("a=429(x=1),200", (event("a"), vec![1, 1])),
            ("redirect:/x?a=1*2,200", (None, vec![2, 1])),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, column, part) in [
            ("", 1, "nothing is given"),
            ("500,,200", 5, "nothing is given"),
            ("500,", 5, "nothing is given"),
            ("500*2, foo", 8, "unknown response `foo`"),
            ("199", 1, "`199` is not a status from 200 to 599"),
            ("200,600", 5, "`600` is not a status"),
            ("99999999999", 1, "is not a status"),
            ("500*0", 5, "`0` is not a number of repetitions"),
            ("500*x,200", 5, "`x` is not a number of repetitions"),
            ("500*", 5, "is not a number of repetitions"),
            ("ä,500", 1, "unknown response `ä`"),
            ("ä=5", 3, "`5` is not a status"),
            ("=500", 1, "the event in front of `=` is missing"),
            ("delay:soon", 7, "is not a duration"),
            ("200,delay:", 11, "is not a duration"),
            ("slow-body:1KiB", 11, "is not a rate such as `1KiB/s`"),
            ("slow-body:0/s", 11, "is not a rate"),
            ("redirect:", 10, "needs a path or a URL"),
            ("redirect:/a b", 10, "needs a path or a URL"),
            ("429(retry-after", 4, "`(` has no `)`"),
            ("429(retry-after)", 5, "is not a header of the form `NAME=VALUE`"),
            ("429(a=1, b c=2)", 10, "`b c` is not a header name"),
            ("429(a=\"1)", 5, "a quotation mark is missing"),
            ("200(content-length=5)", 5, "is set from the target and the body"),
            ("500x", 4, "`x` follows a status"),
            ("500+503", 5, "`503` contradicts a part before it"),
            ("delay:1s+delay:2s", 10, "contradicts"),
            ("drop+slow-body:1/s", 1, "has no body"),
            ("204+slow-body:1/s", 1, "has no body"),
        ] {
            let error = ResponseRule::parse(text).expect_err(text);
            assert!(error.what.contains(part) && error.column == column, "{text}: {error}");
        }
        assert!(ResponseRule::parse(&"5".repeat(5000)).is_err());
    }
}
