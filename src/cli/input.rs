//! How arguments that several commands take are read.

use std::io::Read as _;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::headers::split_line;
use crate::target::parse_whole_url;

/// What a flag was given: `@FILE`, `-` for stdin, else the text itself. The bytes are taken as they are.
pub(super) fn source(text: &str, flag: &str) -> Result<Vec<u8>> {
    if text == "-" {
        let mut bytes = Vec::new();
        return match std::io::stdin().lock().read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(Error::usage(format!("`{flag}`: stdin cannot be read")).cause(error)),
        };
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

/// Refuses to read two things from one stdin.
pub(super) fn one_stdin(body: &str, secrets: &[String]) -> Result<()> {
    let from_stdin = |secret: &&String| secret.as_str() == "-" || secret.ends_with("=-");
    if usize::from(body == "-") + secrets.iter().filter(from_stdin).count() > 1 {
        return Err(Error::usage("stdin can be read only once").hint("give the secret as `env:VAR` or `file:PATH`"));
    }
    Ok(())
}

/// A header line, `NAME: VALUE`.
pub(super) fn header(line: &str) -> std::result::Result<(String, String), String> {
    match split_line(line) {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("not of the form `NAME: VALUE`".into()),
    }
}

/// `NAME=VALUE`.
pub(super) fn pair(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("not of the form `NAME=VALUE`".into()),
    }
}

/// `KEY=VALUE` of a flag.
pub(super) fn split_pair(text: &str, flag: &str) -> Result<(String, String)> {
    pair(text).map_err(|_| Error::usage(format!("`{flag} {text}` is not `KEY=VALUE`")))
}

/// Every `KEY=VALUE` of a flag that can be repeated.
pub(super) fn pairs(list: &[String], flag: &str) -> Result<Vec<(String, String)>> {
    list.iter().map(|text| split_pair(text, flag)).collect()
}

/// A moment: Unix seconds, or RFC 3339.
pub(super) fn moment(text: &str) -> std::result::Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "neither Unix seconds nor RFC 3339 such as `2030-01-02T03:04:05Z`".into())
}

/// A whole URL, kept as it was typed: what is signed are its characters.
pub(super) fn whole_url(text: &str) -> std::result::Result<String, String> {
    // A sender may sign a URL with a space in it as it was typed.
    match parse_whole_url(&text.replace(' ', "%20")) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("not a whole URL such as `https://example.com/hook`".into()),
    }
}
