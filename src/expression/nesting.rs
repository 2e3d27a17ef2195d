//! The nesting of brackets, before the parser sees them: it works recursively.

use super::{MOST_NESTING, SyntaxError};

/// Fails where brackets are nested too deeply. Brackets in texts and comments do not count.
pub(super) fn check(source: &str) -> Result<(), SyntaxError> {
    let bytes = source.as_bytes();
    let (mut at, mut depth) = (0, 0usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                if depth > MOST_NESTING {
                    let what = format!("it is nested more than {MOST_NESTING} levels deep");
                    return Err(SyntaxError::new(source, at, what));
                }
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' | b'\'' => {
                let is_raw = at > 0 && matches!(bytes[at - 1], b'r' | b'R');
                at = end_of_text(bytes, at, is_raw);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += bytes[at..].iter().take_while(|byte| **byte != b'\n').count();
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// The byte behind a text that begins at `start` with its quote; of one without an end the end of the source.
pub(super) fn end_of_text(bytes: &[u8], start: usize, is_raw: bool) -> usize {
    let quote = bytes[start];
    let is_triple = bytes[start..].starts_with(&[quote; 3]);
    let closing: &[u8] = if is_triple { &[quote; 3] } else { &[quote] };
    let mut at = start + closing.len();
    while at < bytes.len() {
        if bytes[at] == b'\\' && !is_raw {
            at += 2;
        } else if bytes[at..].starts_with(closing) {
            return at + closing.len();
        } else {
            at += 1;
        }
    }
    bytes.len()
}
