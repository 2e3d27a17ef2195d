//! What signed bytes look like: the form of each scheme's content, and whether bytes read as the content of another one.
//!
//! Most keyed hashes are the same function of a key and bytes. Bytes that were signed as `TIME.BODY` are therefore
//! correctly signed as a body too, and a receiver of bare bodies would take them for an event. What tells the two apart is
//! that the first is no document: it has something in front of one.

use super::Scheme;
use super::content::Pieces;
use crate::template::{Part, Placeholder, Template, TimeForm};

/// Attempts to split bytes into the parts of a content, at most: a body from the network must not keep a receiver busy.
const STEPS: u32 = 20_000;

/// Digits from which a number is taken for a time. The seconds since 1970 have ten.
const TIME_DIGITS: usize = 9;

/// The longest id, name or field that is looked for.
const LONGEST: usize = 512;

/// The longest URL that is looked for.
const LONGEST_URL: usize = 2048;

/// How much of a body is looked at to see whether it is a form.
const LOOKED_AT: usize = 4096;

/// The form of a scheme's signed content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    tokens: Vec<ContentToken>,
    /// Schemes whose signatures are the same function of a key and bytes have the same.
    mac: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ContentToken {
    Text(String),
    /// Seconds or milliseconds since 1970.
    Digits,
    /// RFC 3339.
    Date,
    Id,
    Method,
    Url,
    Header,
    Names,
    Values,
    /// A field of the body, which ends before this character; absent: it is joined with what follows.
    Field(Option<u8>),
    Form,
    Body,
}

/// What a walk over bytes has met so far.
#[derive(Clone, Copy)]
struct Walk {
    /// Whether there was a time, and whether it had all its digits.
    time: Option<bool>,
    /// Whether the time ends where the body begins.
    glued: bool,
    /// Whether the bytes may be anything the schemes' key signs, or only what is sent in practice.
    kin: bool,
    /// Which bodies count.
    bodies: Bodies,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bodies {
    /// JSON objects and arrays.
    Json,
    /// These and forms.
    Documents,
    /// Any text.
    Any,
}

impl Shape {
    /// The form of what a scheme signs; `None` when it signs nothing.
    pub fn of(scheme: &Scheme) -> Option<Self> {
        let parts = scheme.content()?.parts();
        let token = |index| token(scheme, parts, index);
        Some(Self {
            tokens: (0..parts.len()).filter_map(token).collect(),
            mac: scheme.mac(),
        })
    }

    /// How much there is beside the body.
    pub fn rank(&self) -> usize {
        let frame = |token: &&ContentToken| !matches!(token, ContentToken::Body | ContentToken::Form);
        self.tokens.iter().filter(frame).count()
    }

    /// Whether bytes signed in one form may be taken for the other at all.
    pub fn differs(&self, other: &Self) -> bool {
        self.tokens != other.tokens
    }

    /// Whether bytes read as this content, with a document as their body. `of` is the scheme that accepted them.
    pub fn reads(&self, content: &[u8], of: &Self) -> bool {
        self.walks(content, of, Bodies::Documents)
    }

    /// The same with any body, if the parts before the body are unambiguous.
    pub fn reads_any(&self, content: &[u8], of: &Self) -> bool {
        let bodies = if self.is_marked() {
            Bodies::Any
        } else {
            Bodies::Documents
        };
        self.walks(content, of, bodies)
    }

    /// Whether bytes can be split so that they are this content with a JSON body.
    pub fn reads_json(&self, content: &[u8]) -> bool {
        self.walks(content, self, Bodies::Json)
    }

    fn walks(&self, content: &[u8], of: &Self, bodies: Bodies) -> bool {
        let walk = Walk {
            time: None,
            glued: false,
            kin: self.mac == of.mac,
            bodies,
        };
        let mut steps = STEPS;
        walk.over(&self.tokens, content, &mut steps)
    }

    /// Whether a time with a separator, or a method and a URL, come before the body.
    fn is_marked(&self) -> bool {
        let marked = |two: &[ContentToken]| {
            matches!(
                two,
                [ContentToken::Digits, ContentToken::Text(_)] | [ContentToken::Method, ContentToken::Url]
            )
        };
        self.tokens.windows(2).any(marked) && !self.tokens.contains(&ContentToken::Values)
    }

    /// Whether a URL and the body touch, so that the bytes alone do not show where the one ends.
    pub fn glues_url_and_body(&self) -> bool {
        let touch = |two: &[ContentToken]| {
            matches!(
                two,
                [ContentToken::Url, ContentToken::Body] | [ContentToken::Body, ContentToken::Url]
            )
        };
        self.tokens.windows(2).any(touch)
    }

    /// Whether a sender may choose some of the parts beside the body: then the parts of another content may have been
    /// split so that they fit.
    pub fn is_open(&self) -> bool {
        let closed =
            |token: &ContentToken| matches!(token, ContentToken::Text(_) | ContentToken::Digits | ContentToken::Body);
        !self.tokens.iter().all(closed)
    }
}

/// Whether every part beside the body is of its form.
pub(super) fn is_framed(scheme: &Scheme, content: &Template, pieces: &Pieces<'_>) -> bool {
    let parts = content.parts();
    pieces.iter().enumerate().all(|(index, piece)| {
        let Some(token) = token(scheme, parts, index) else {
            return true;
        };
        match token {
            ContentToken::Text(_) | ContentToken::Body | ContentToken::Form => true,
            token => piece.is_empty() && token.shortest() == 0 || token.takes(piece),
        }
    })
}

fn token(scheme: &Scheme, parts: &[Part], index: usize) -> Option<ContentToken> {
    let placeholder = match parts.get(index)? {
        Part::Text(text) => return Some(ContentToken::Text(text.clone())),
        Part::Placeholder(placeholder) => placeholder,
    };
    let time_at = scheme.carrier().and_then(|carrier| carrier.time_at.as_ref());
    Some(match placeholder {
        Placeholder::Body => ContentToken::Body,
        Placeholder::Form => ContentToken::Form,
        Placeholder::Timestamp(TimeForm::Rfc3339(_)) => ContentToken::Date,
        Placeholder::Timestamp(_) => ContentToken::Digits,
        Placeholder::Id => ContentToken::Id,
        Placeholder::Method => ContentToken::Method,
        Placeholder::Url => ContentToken::Url,
        Placeholder::Header(_) => ContentToken::Header,
        Placeholder::SignedHeaders => ContentToken::Names,
        Placeholder::SignedValues => ContentToken::Values,
        Placeholder::BodyPath(path) if time_at.is_some_and(|(at, _)| at == path) => ContentToken::Digits,
        Placeholder::BodyPath(_) | Placeholder::OptionalBodyPath(_) => {
            let text = |at: Option<usize>| match parts.get(at?)? {
                Part::Text(text) => text.bytes().next(),
                Part::Placeholder(_) => None,
            };
            ContentToken::Field(text(Some(index + 1)).or_else(|| text(index.checked_sub(1))))
        }
        // The secret is not known, so that the rest decides.
        _ => return None,
    })
}

impl ContentToken {
    /// Whether these bytes, all of them, are one of its kind.
    fn takes(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Date => date(bytes) == Some(bytes.len()),
            Self::Url => has_scheme(bytes) && bytes.iter().all(|byte| self.has(*byte)),
            _ => !bytes.is_empty() && bytes.iter().all(|byte| self.has(*byte)),
        }
    }

    /// Whether it may contain that byte.
    fn has(&self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Id => byte.is_ascii_alphanumeric() || b"-_.:+/~@".contains(&byte),
            Self::Method => byte.is_ascii_uppercase(),
            Self::Url => byte.is_ascii_graphic() && !b"{}\"<>".contains(&byte),
            Self::Names => byte.is_ascii_alphanumeric() || b"-_ ".contains(&byte),
            Self::Field(Some(end)) => byte != *end && !byte.is_ascii_control() && !b"{}[]\"<>".contains(&byte),
            Self::Field(None) => byte.is_ascii_alphanumeric() || b"-_".contains(&byte),
            Self::Header | Self::Values => !byte.is_ascii_control() && !b"{}[]\"".contains(&byte),
            Self::Text(_) | Self::Date | Self::Form | Self::Body => false,
        }
    }

    /// The fewest bytes of it.
    fn shortest(&self) -> usize {
        match self {
            Self::Names | Self::Values | Self::Header | Self::Field(Some(_)) => 0,
            Self::Field(None) => 16,
            Self::Method => 3,
            _ => 1,
        }
    }
}

impl Walk {
    fn over(self, tokens: &[ContentToken], rest: &[u8], steps: &mut u32) -> bool {
        let Some((token, after)) = tokens.split_first() else {
            return rest.is_empty();
        };
        *steps = steps.saturating_sub(1);
        if *steps == 0 {
            return false;
        }
        let at = |length: usize| &rest[length..];
        match token {
            ContentToken::Text(text) => rest
                .strip_prefix(text.as_bytes())
                .is_some_and(|rest| self.over(after, rest, steps)),
            ContentToken::Date => {
                date(rest).is_some_and(|length| self.timed(true, after).over(after, at(length), steps))
            }
            ContentToken::Digits => {
                let length = run(token, rest);
                let whole = length >= TIME_DIGITS;
                let alone = after.iter().any(|token| matches!(token, ContentToken::Field(_)));
                length > 0 && (whole || !alone) && self.timed(whole, after).over(after, at(length), steps)
            }
            ContentToken::Body | ContentToken::Form if after.is_empty() => self.is_body(token, rest),
            ContentToken::Body | ContentToken::Form => {
                // Only a time or a URL follows a body.
                let (longest, walk) = match after.first() {
                    Some(ContentToken::Url) => (LONGEST_URL, self),
                    _ => (40, self.timed(true, &[])),
                };
                let mut ends = rest.len().saturating_sub(longest)..=rest.len();
                ends.any(|end| walk.is_body(token, &rest[..end]) && self.over(after, at(end), steps))
            }
            ContentToken::Url if !has_scheme(rest) => false,
            // Fields are bounded by their separators: one way to split them.
            ContentToken::Field(_) => {
                let length = run(token, rest);
                length >= token.shortest() && self.over(after, at(length), steps)
            }
            _ => (token.shortest()..=run(token, rest)).any(|length| self.over(after, at(length), steps)),
        }
    }

    fn timed(self, whole: bool, after: &[ContentToken]) -> Self {
        Self {
            time: Some(whole),
            glued: matches!(after.first(), Some(ContentToken::Body)),
            ..self
        }
    }

    fn is_body(self, token: &ContentToken, body: &[u8]) -> bool {
        // Of a form only names and values are left, with nothing between them: any text.
        let any_text = self.kin && *token == ContentToken::Form && self.bodies != Bodies::Json;
        let any_body = self.bodies == Bodies::Any;
        any_text
            || json_like(body)
            || self.bodies != Bodies::Json
                && match self.time {
                    None => is_form(body),
                    Some(false) => false,
                    Some(true) => (self.kin || !self.glued) && is_form(body) || any_body && !is_number(body),
                }
    }
}

/// How many bytes at the beginning are of the token's kind.
fn run(token: &ContentToken, bytes: &[u8]) -> usize {
    let longest = if *token == ContentToken::Url {
        LONGEST_URL
    } else {
        LONGEST
    };
    bytes.iter().take(longest).take_while(|byte| token.has(**byte)).count()
}

fn has_scheme(bytes: &[u8]) -> bool {
    bytes.starts_with(b"http://") || bytes.starts_with(b"https://")
}

/// The length of an RFC 3339 date and time at the beginning.
fn date(bytes: &[u8]) -> Option<usize> {
    let fits = |pattern: &[u8], bytes: &[u8]| {
        bytes.len() >= pattern.len()
            && pattern.iter().zip(bytes).all(|(wanted, byte)| match wanted {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't' | b' '),
                wanted => wanted == byte,
            })
    };
    if !fits(b"0000-00-00T00:00:00", bytes) {
        return None;
    }
    let mut length = 19;
    if bytes.get(length) == Some(&b'.') {
        length += 1 + run(&ContentToken::Digits, &bytes[length + 1..]);
    }
    let zone = &bytes[length..];
    match zone.first()? {
        b'Z' | b'z' => Some(length + 1),
        b'+' | b'-' if fits(b"00:00", &zone[1..]) => Some(length + 6),
        _ => None,
    }
}

/// Whether a body looks like a JSON object or array.
pub(super) fn json_like(body: &[u8]) -> bool {
    matches!(
        (body.trim_ascii_start().first(), body.trim_ascii_end().last()),
        (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']'))
    )
}

/// Whether a body is a form: names and values, with whatever else is escaped.
pub(super) fn is_form(body: &[u8]) -> bool {
    let looked = &body[..body.len().min(LOOKED_AT)];
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"%+*-._~&=[]".contains(byte);
    looked.contains(&b'=') && looked.iter().all(plain)
}

fn is_number(body: &[u8]) -> bool {
    !body.is_empty() && body.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
}
