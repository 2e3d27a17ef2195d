//! Parsing of arguments that several commands take.

use std::io::Read as _;

use clap::builder::{PossibleValue, PossibleValuesParser, RangedU64ValueParser, TypedValueParser};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::headers::parse_line;
use crate::target::parse_whole_url;

/// The value of a flag: `@FILE`, `-` for stdin, else the text itself. The bytes are not changed.
pub(super) fn source(text: &str, flag: &str) -> Result<Vec<u8>> {
    if text == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|error| Error::usage(format!("`{flag}`: stdin cannot be read")).cause(error))?;
        return Ok(bytes);
    }
    match text.strip_prefix('@') {
        Some(path) => file(path, flag),
        None => Ok(text.as_bytes().to_vec()),
    }
}

/// The bytes of a file that a flag names.
pub(super) fn file(path: &str, flag: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::usage(format!("`{flag}`: file `{path}` cannot be read")).cause(error))
}

/// Refuses a second use of stdin.
pub(super) fn one_stdin(body: &str, secrets: &[String]) -> Result<()> {
    // `NAME=-` reads the secret of that name from stdin.
    let from_stdin = |secret: &&String| secret.as_str() == "-" || secret.ends_with("=-");
    if usize::from(body == "-") + secrets.iter().filter(from_stdin).count() > 1 {
        return Err(Error::usage("stdin can be read only once").hint("give the secret as `env:VAR` or `file:PATH`"));
    }
    Ok(())
}

/// The words that a flag takes, each with its value and its help, which may be empty.
pub(super) fn words<T: Clone + Send + Sync>(
    words: &'static [(&'static str, T, &'static str)],
) -> impl TypedValueParser<Value = T> {
    let shown = words.iter().map(|(word, _, help)| match *help {
        "" => PossibleValue::new(*word),
        help => PossibleValue::new(*word).help(help),
    });
    PossibleValuesParser::new(shown).try_map(|typed| {
        let found = words.iter().find(|(word, ..)| *word == typed);
        found.map(|(_, value, _)| value.clone()).ok_or("unknown word")
    })
}

/// How many requests may be in flight.
pub(super) fn concurrency() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=4096)
}

/// A rate per second.
pub(super) fn rate(text: &str) -> std::result::Result<f64, String> {
    // `10/s` means the same as `10`.
    let text = text.strip_suffix("/s").unwrap_or(text);
    let rate = text.parse().ok().filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or_else(|| "expected a number from 0.001 to 1000000".into())
}

/// A header line, `NAME: VALUE`.
pub(super) fn header(line: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = parse_line(line)?;
    Ok((name.to_owned(), value.to_owned()))
}

/// `NAME=VALUE`.
pub(super) fn pair(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("not of the form `NAME=VALUE`".into()),
    }
}

/// A time: Unix seconds, or RFC 3339.
pub(super) fn moment(text: &str) -> std::result::Result<Timestamp, String> {
    let at = Timestamp::parse(text)
        .ok_or_else(|| "neither Unix seconds nor RFC 3339 such as `2030-01-02T03:04:05Z`".to_owned())?;
    if at.is_writable() {
        return Ok(at);
    }
    let seconds = Timestamp::from_unix_ms(at.unix());
    Err(if seconds.is_writable() {
        let seconds = seconds.unix();
        format!("after the year 9999; in seconds these milliseconds are `{seconds}`")
    } else {
        "not in the years 0 to 9999".to_owned()
    })
}

/// A whole URL, kept as typed: signatures cover its characters.
pub(super) fn whole_url(text: &str) -> std::result::Result<String, String> {
    // A sender may sign a URL with a space in it as it was typed.
    let parsed = parse_whole_url(&text.replace(' ', "%20"));
    parsed.map_err(|_| "not a whole URL such as `https://example.com/hook`")?;
    Ok(text.to_owned())
}
