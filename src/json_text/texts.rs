//! Documents with texts in the place of some values.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::{DEEPEST, Scanner, quoted};

/// The document of a JSON body in which each number is a string of its text.
pub fn with_numbers_as_text(body: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<IgnoredAny>(body)?;
    let text = String::from_utf8_lossy(body);
    let mut quoted = String::with_capacity(text.len() + 32);
    let mut scanner = Scanner { text: &text, at: 0 };
    while let Some(byte) = scanner.peek() {
        let start = scanner.at;
        let is_number = byte == b'-' || byte.is_ascii_digit();
        match byte {
            b'"' => scanner.string(),
            _ if is_number => drop(scanner.value(0)),
            _ => scanner.at += 1,
        }
        let token = text.get(start..scanner.at).unwrap_or_default();
        let quote = if is_number { "\"" } else { "" };
        quoted.extend([quote, token, quote]);
    }
    serde_json::from_str(&quoted)
}

/// The document of a JSON body, in which a string of its text stands for what cannot be represented: a number beyond the range
/// of a double, a list or an object that is nested too deeply.
pub fn with_the_rest_as_text(body: &[u8]) -> Result<Value, serde_json::Error> {
    let error = match serde_json::from_slice(body) {
        Ok(document) => return Ok(document),
        Err(error) => error,
    };
    // This reads over numbers and levels of any size.
    if serde_json::from_slice::<IgnoredAny>(body).is_err() {
        return Err(error);
    }
    let text = String::from_utf8_lossy(body);
    let mut changed = String::with_capacity(text.len() + 32);
    let (mut scanner, mut depth) = (Scanner { text: &text, at: 0 }, 0);
    while let Some(byte) = scanner.peek() {
        let start = scanner.at;
        let is_too_deep = matches!(byte, b'{' | b'[') && depth + 1 >= DEEPEST;
        match byte {
            b'"' => scanner.string(),
            b'-' | b'0'..=b'9' => drop(scanner.value(0)),
            _ if is_too_deep => scanner.step_over_container(),
            _ => {
                depth = match byte {
                    b'{' | b'[' => depth + 1,
                    b'}' | b']' => depth.saturating_sub(1),
                    _ => depth,
                };
                scanner.at += 1;
            }
        }
        let token = text.get(start..scanner.at).unwrap_or_default();
        let is_out_of_range = || token.parse::<f64>().is_ok_and(f64::is_infinite);
        if is_too_deep || is_out_of_range() {
            changed.push_str(&quoted(token));
        } else {
            changed.push_str(token);
        }
    }
    serde_json::from_str(&changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_represented_is_its_text_and_the_rest_stays() {
        let deep = |levels: usize| format!("{}\"]\"{}", "[".repeat(levels), "]".repeat(levels));
        let body = format!(
            r#"{{"x":1e400,"y":[1,-1e999,"1e400"],"z":{{"n":18446744073709551616}},"deep":{}}}"#,
            deep(200)
        );
        let document = with_the_rest_as_text(body.as_bytes()).unwrap();
        assert_eq!(document["x"], "1e400");
        assert_eq!(document["y"], serde_json::json!([1, "-1e999", "1e400"]));
        assert_eq!(document["z"]["n"], 18_446_744_073_709_551_616_f64);
        let innermost = (0..126).fold(&document["deep"], |value, _| &value[0]);
        assert_eq!(innermost, &Value::from(deep(200 - 126)));
        let far = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
        assert!(with_the_rest_as_text(far.as_bytes()).is_ok());
        for wrong in ["{\"x\":1e400", "[1e400,]", "\"\\ud800 1e400\" 1e400", ""] {
            assert!(with_the_rest_as_text(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
