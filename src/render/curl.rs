//! A request as a shell command.

use std::fmt::Write as _;

use crate::exchange::Request;
use crate::render::request::{header_lines, masked_url};

/// The command; credentials are masked unless revealed. A body that a shell word cannot hold goes through `printf`.
pub fn command(request: &Request, reveal: bool, masked: &[String]) -> String {
    let mut parts = vec![format!(
        "curl -sS -X {} {}",
        request.method,
        quote(&masked_url(request.url.as_str(), reveal))
    )];
    for (name, value) in header_lines(&request.headers, reveal, masked) {
        parts.push(format!("-H {}", quote(&format!("{name}: {value}"))));
    }
    match std::str::from_utf8(&request.body) {
        Ok("") => parts.join(" \\\n  "),
        Ok(text) if !text.contains('\0') && !text.starts_with('@') => {
            parts.push(format!("--data-binary {}", quote(text)));
            parts.join(" \\\n  ")
        }
        _ => {
            parts.push("--data-binary @-".into());
            let octal = request.body.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "\\{byte:03o}");
                text
            });
            format!("printf '{octal}' | {}", parts.join(" \\\n  "))
        }
    }
}

/// A word for a POSIX shell.
pub fn quote(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&b);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        for text in ["a", "", "it's", "a b", "$(x)", "\\", "\"", "{\"a\":1}"] {
            let output = std::process::Command::new("sh")
                .arg("-c")
                .arg(format!("printf %s {}", quote(text)))
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}
