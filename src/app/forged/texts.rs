//! Texts that are nearly those of a signature.

/// Another letter or digit for each of a text behind the first `kept`. The last characters of base64 may stand for the same bytes,
/// so that it is never the last one alone.
pub fn altered(text: &str, kept: usize) -> String {
    let other = |c: char| match c {
        '0' | 'a' | 'A' => char::from(u8::try_from(c).unwrap_or(b'0') + 1),
        '1'..='9' => '0',
        'b'..='z' => 'a',
        'B'..='Z' => 'A',
        c => c,
    };
    text.chars()
        .enumerate()
        .map(|(index, c)| if index < kept { c } else { other(c) })
        .collect()
}

/// Letters in the other case.
pub fn other_case(text: &str) -> String {
    let swap = |c: char| {
        if c.is_ascii_lowercase() {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        }
    };
    text.chars().map(swap).collect()
}

/// The same text with another first character, which is valid in hex and in Base64.
pub fn other_start(text: &str) -> String {
    let other = if text.starts_with('0') { '1' } else { '0' };
    std::iter::once(other).chain(text.chars().skip(1)).collect()
}

/// A wrong signature of a length that neither hex nor base64 has.
pub fn of_no_length(text: &str) -> String {
    let wrong = altered(text.trim_end_matches('='), 0);
    let kept = wrong.len().saturating_sub(1) / 4 * 4 + 1;
    wrong.chars().take(kept).collect()
}

/// A wrong signature with a character that is in no alphabet, as long as the right one.
pub fn of_no_alphabet(text: &str) -> String {
    let (kept, padding) = text.split_at(text.trim_end_matches('=').len());
    let mut wrong = altered(kept, 0);
    if wrong.pop().is_some() {
        wrong.push('*');
    }
    wrong + padding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_altered_signature_keeps_its_beginning_and_its_alphabet() {
        assert_eq!(altered("0a9fZA+/=", 2), "0a0aAB+/=");
        assert_eq!(altered("abc", 3), "abc");
        assert_eq!(other_case("aB1+="), "Ab1+=");
        assert_eq!((other_start("0ab"), other_start("ab")), ("1ab".into(), "0b".into()));
    }

    #[test]
    fn what_cannot_be_decoded_has_a_wrong_length_or_a_wrong_character() {
        for (text, short, foreign) in [
            ("aaaaaaaa", "bbbbb", "bbbbbbb*"),
            ("aaaaaaa=", "bbbbb", "bbbbbb*="),
            ("aaaaaa", "bbbbb", "bbbbb*"),
            ("a", "b", "*"),
            ("", "", ""),
        ] {
            assert_eq!(
                (of_no_length(text).as_str(), of_no_alphabet(text).as_str()),
                (short, foreign),
                "{text}"
            );
        }
    }
}
