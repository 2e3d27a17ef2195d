//! A request as a shell command.

use std::fmt::Write as _;

use crate::exchange::Request;
use crate::mask;
use crate::shell::quote;
use crate::view::request::header_lines;

/// The command; credentials are masked unless revealed. A body that a shell word cannot hold goes through `printf`.
pub fn command(request: &Request, reveal: bool, masked: &[String]) -> String {
    let mut parts = vec![format!(
        "curl -sS -X {} {}",
        request.method,
        quote(&mask::url_unless(request.url.as_str(), reveal))
    )];
    for (name, value) in header_lines(&request.headers, reveal, masked) {
        parts.push(format!("-H {}", quote(&format!("{name}: {value}"))));
    }
    let body = mask::bytes_unless(&request.body, reveal);
    match std::str::from_utf8(&body) {
        Ok("") => parts.join(" \\\n  "),
        // curl reads a file when the text begins with `@`, and no argument can hold a NUL.
        Ok(text) if !text.contains('\0') && !text.starts_with('@') => {
            parts.push(format!("--data-binary {}", quote(text)));
            parts.join(" \\\n  ")
        }
        _ => {
            parts.push("--data-binary @-".into());
            let octal = body.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "\\{byte:03o}");
                text
            });
            format!("printf '{octal}' | {}", parts.join(" \\\n  "))
        }
    }
}
