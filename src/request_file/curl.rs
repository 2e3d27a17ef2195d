//! The request of a curl command, by curl's manual (<https://curl.se/docs/manpage.html>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::shell_words::commands;
use super::{Entries, ExportedRequest, ReadEntry, form_encoded, missing};
use crate::error::{Error, Result};
use crate::headers::split_line;

/// Whether the text is a shell script that begins with curl.
pub(super) fn is_command(text: &str) -> bool {
    let first = script(text).split_whitespace().next().unwrap_or_default();
    is_curl(first)
}

/// The text without comments before the first command, and without a prompt.
fn script(text: &str) -> &str {
    let mut text = text.trim_start();
    while text.starts_with('#') {
        text = text.split_once('\n').map_or("", |(_, rest)| rest.trim_start());
    }
    text.trim_start_matches("$ ")
}

fn is_curl(word: &str) -> bool {
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
    matches!(name.to_ascii_lowercase().as_str(), "curl" | "curl.exe")
}

/// Every curl command of a script.
pub(super) fn entries(text: &str) -> Result<Entries<'_>> {
    let mut found: Vec<(String, ReadEntry<'_>)> = Vec::new();
    for words in commands(script(text))? {
        if words.first().is_some_and(|word| is_curl(word)) {
            let url = words.iter().find(|word| word.contains("://"));
            let label = url.cloned().unwrap_or_else(|| "curl".to_owned());
            found.push((label, Box::new(move || read(words))));
        }
    }
    Ok(Entries {
        form: "a script of curl commands",
        found,
    })
}

/// Options that take a value and change nothing about the request.
const IGNORED: &[&str] = &[
    "abstract-unix-socket",
    "alt-svc",
    "cacert",
    "capath",
    "cert",
    "cert-type",
    "ciphers",
    "connect-timeout",
    "connect-to",
    "continue-at",
    "cookie-jar",
    "curves",
    "dns-servers",
    "doh-url",
    "dump-header",
    "expect100-timeout",
    "happy-eyeballs-timeout-ms",
    "hsts",
    "interface",
    "keepalive-time",
    "key",
    "key-type",
    "limit-rate",
    "local-port",
    "max-filesize",
    "max-redirs",
    "max-time",
    "netrc-file",
    "noproxy",
    "output",
    "output-dir",
    "pass",
    "pinnedpubkey",
    "preproxy",
    "proto",
    "proto-default",
    "proto-redir",
    "proxy",
    "proxy-header",
    "proxy-user",
    "rate",
    "resolve",
    "retry",
    "retry-delay",
    "retry-max-time",
    "socks4",
    "socks5",
    "socks5-hostname",
    "speed-limit",
    "speed-time",
    "stderr",
    "tls-max",
    "trace",
    "trace-ascii",
    "unix-socket",
    "write-out",
];

/// The long name of each short option that takes a value.
const SHORT: &[(char, &str)] = &[
    ('X', "request"),
    ('H', "header"),
    ('d', "data"),
    ('u', "user"),
    ('b', "cookie"),
    ('A', "user-agent"),
    ('e', "referer"),
    ('F', "form"),
    ('T', "upload-file"),
    ('o', "output"),
    ('w', "write-out"),
    ('m', "max-time"),
    ('x', "proxy"),
    ('U', "proxy-user"),
    ('c', "cookie-jar"),
    ('D', "dump-header"),
    ('E', "cert"),
    ('K', "config"),
    ('C', "continue-at"),
    ('Y', "speed-limit"),
    ('y', "speed-time"),
    ('r', "range"),
    ('z', "time-cond"),
];

/// What the arguments say so far.
#[derive(Default)]
struct Command {
    request: ExportedRequest,
    data: Vec<String>,
    content_type: Option<&'static str>,
    is_get: bool,
    is_head: bool,
}

fn read(words: Vec<String>) -> Result<ExportedRequest> {
    let mut command = Command::default();
    let mut words = words.into_iter().skip(1);
    let mut options_end = false;
    while let Some(word) = words.next() {
        if options_end || !word.starts_with('-') || word == "-" {
            command.request.url.get_or_insert(word);
        } else if word == "--" {
            options_end = true;
        } else if let Some(name) = word.strip_prefix("--") {
            command.long(name, &mut words)?;
        } else {
            command.short(&word[1..], &mut words)?;
        }
    }
    Ok(command.finish())
}

impl Command {
    fn long(&mut self, name: &str, words: &mut impl Iterator<Item = String>) -> Result<()> {
        if name == "next" {
            let fact = "`--next` of curl makes several requests of one command";
            return Err(missing(fact, "write each request as a command of its own"));
        }
        if let Some((option, _)) = name.split_once('=') {
            let fact = format!("curl has no option `--{name}`");
            return Err(missing(
                fact,
                &format!("write a space in place of `=`: `--{option} VALUE`"),
            ));
        }
        if name.starts_with("expand-") || name == "variable" {
            let fact = format!("`--{name}` of curl takes values from elsewhere");
            return Err(missing(fact, "write the values in their place"));
        }
        let takes_value = matches!(
            name,
            "request"
                | "header"
                | "data"
                | "data-raw"
                | "data-ascii"
                | "data-binary"
                | "data-urlencode"
                | "json"
                | "user"
                | "cookie"
                | "user-agent"
                | "referer"
                | "url"
                | "form"
                | "form-string"
                | "upload-file"
                | "oauth2-bearer"
                | "range"
                | "time-cond"
                | "config"
        ) || IGNORED.contains(&name);
        if !takes_value {
            self.is_get |= name == "get";
            self.is_head |= name == "head";
            return Ok(());
        }
        let value = words
            .next()
            .ok_or_else(|| Error::usage(format!("`--{name}` of curl has no value")))?;
        self.value(name, value)
    }

    /// A group of short options: `-sXPOST` is `-s -X POST`.
    fn short(&mut self, group: &str, words: &mut impl Iterator<Item = String>) -> Result<()> {
        for (at, letter) in group.char_indices() {
            self.is_get |= letter == 'G';
            self.is_head |= letter == 'I';
            if let Some((_, name)) = SHORT.iter().find(|(short, _)| *short == letter) {
                let rest = &group[at + letter.len_utf8()..];
                let value = if rest.is_empty() {
                    words.next()
                } else {
                    Some(rest.to_owned())
                };
                let value = value.ok_or_else(|| Error::usage(format!("`-{letter}` of curl has no value")))?;
                return self.value(name, value);
            }
        }
        Ok(())
    }

    fn value(&mut self, name: &str, value: String) -> Result<()> {
        let headers = &mut self.request.headers;
        match name {
            "request" => self.request.method = value,
            "config" => {
                let fact = format!("`--config {value}`: the options are in the file `{value}`, which is not read");
                return Err(missing(fact, "write the options in its place"));
            }
            "header" if value.starts_with('@') => {
                let fact = format!(
                    "`--header {value}`: the headers are in the file `{}`, which is not read",
                    &value[1..]
                );
                return Err(missing(fact, "write the headers in its place"));
            }
            // Read leniently, as curl does: the request shows what was sent, and nothing is sent from it unchecked.
            "header" => match split_line(&value) {
                // `Name:` takes a header of curl's own away; `Name;` sends it empty.
                Some((_, "")) => {}
                Some((name, value)) => headers.append(name, value),
                None => headers.append(value.trim_end_matches(';'), ""),
            },
            "url" => self.request.url = Some(value),
            "user" => headers.append("authorization", format!("Basic {}", STANDARD.encode(value))),
            "oauth2-bearer" => headers.append("authorization", format!("Bearer {value}")),
            "cookie" if value.contains('=') => headers.append("cookie", value),
            "user-agent" => headers.append("user-agent", value),
            "referer" => headers.append("referer", value),
            "data-raw" => self.add(value, "application/x-www-form-urlencoded"),
            "data" | "data-ascii" | "data-binary" => {
                no_file(name, &value)?;
                self.add(value, "application/x-www-form-urlencoded");
            }
            "json" => {
                no_file(name, &value)?;
                self.add(value, "application/json");
            }
            "data-urlencode" => self.urlencoded(&value)?,
            "form" | "form-string" | "upload-file" => {
                let fact = format!("`--{name}` of curl makes a body that the command does not show");
                return Err(missing(fact, "export the request with its body, as raw HTTP or HAR"));
            }
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, data: String, content_type: &'static str) {
        self.data.push(data);
        self.content_type.get_or_insert(content_type);
    }

    /// `content`, `=content` or `name=content`; with `@`, curl reads a file.
    fn urlencoded(&mut self, value: &str) -> Result<()> {
        let encoded = |text: &str| form_encoded([("", text)])[1..].replace('+', "%20");
        let data = match value.find(['=', '@']) {
            Some(at) if value.as_bytes()[at] == b'@' => return no_file("data-urlencode", &value[at..]),
            Some(0) => encoded(&value[1..]),
            Some(at) => format!("{}={}", &value[..at], encoded(&value[at + 1..])),
            None => encoded(value),
        };
        self.add(data, "application/x-www-form-urlencoded");
        Ok(())
    }

    fn finish(mut self) -> ExportedRequest {
        let has_data = !self.data.is_empty();
        let is_json = self.content_type == Some("application/json");
        let data = self.data.join(if is_json { "" } else { "&" });
        let mut request = self.request;
        if self.is_get && has_data {
            if let Some(url) = &mut request.url {
                url.push(if url.contains('?') { '&' } else { '?' });
                url.push_str(&data);
            }
        } else if let Some(content_type) = self.content_type.take() {
            request.body = data.into_bytes();
            if !request.headers.contains("content-type") {
                request.headers.append("content-type", content_type);
            }
        }
        if request.method.is_empty() {
            let sends = has_data && !self.is_get;
            let method = if self.is_head {
                "HEAD"
            } else if sends {
                "POST"
            } else {
                "GET"
            };
            method.clone_into(&mut request.method);
        }
        if let Some(url) = request.url.as_mut().filter(|url| !url.contains("://")) {
            // What curl takes for a URL without a scheme.
            url.insert_str(0, "http://");
        }
        request
    }
}

fn no_file(option: &str, value: &str) -> Result<()> {
    match value.strip_prefix('@') {
        Some(file) => Err(missing(
            format!("`--{option} {value}`: the body is in the file `{file}`, which is not read"),
            "write the body in its place, with `--data-raw`",
        )),
        None => Ok(()),
    }
}
