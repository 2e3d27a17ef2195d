//! Numbers of JSON as languages write them.

use std::borrow::Cow;

use super::json_style::Numbers;

/// The text of a number as the language writes it.
pub(super) fn number(text: &str, style: Numbers) -> Cow<'_, str> {
    let whole = !text.contains(['.', 'e', 'E']);
    if style == Numbers::Python && text == "-0" {
        return Cow::Borrowed("0");
    }
    match style {
        Numbers::Doubles if whole && text.len() <= 15 => return Cow::Owned(format!("{text}.0")),
        Numbers::Whole => return Cow::Borrowed(text.strip_suffix(".0").unwrap_or(text)),
        _ => {}
    }
    let kept = match style {
        Numbers::Kept | Numbers::Doubles | Numbers::Whole => true,
        Numbers::Python => whole,
        // Up to 15 digits a whole number is exact.
        Numbers::JavaScript => whole && text.len() <= 15 && text != "-0",
    };
    match text.parse::<f64>() {
        Ok(value) if !kept => Cow::Owned(float(value, style)),
        _ => Cow::Borrowed(text),
    }
}

/// The shortest text that reads as that number, laid out as the language does.
fn float(value: f64, style: Numbers) -> String {
    let python = style == Numbers::Python;
    if value.is_infinite() {
        return match (python, value.is_sign_negative()) {
            (true, true) => "-Infinity",
            (true, false) => "Infinity",
            (false, _) => "null",
        }
        .to_owned();
    }
    if value == 0.0 {
        return match (python, value.is_sign_negative()) {
            (true, true) => "-0.0",
            (true, false) => "0.0",
            (false, _) => "0",
        }
        .to_owned();
    }
    let (from, to) = if python { (-4, 16) } else { (-6, 21) };
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (from..to).contains(&exponent) {
        let plain = format!("{value}");
        return if python && !plain.contains('.') {
            format!("{plain}.0")
        } else {
            plain
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    let exponent = exponent.unsigned_abs();
    if python {
        format!("{digits}e{sign}{exponent:02}")
    } else {
        format!("{digits}e{sign}{exponent}")
    }
}
