//! HTML's escapes of characters, undone and made.

/// Characters that are escaped for HTML, with their usual escapes.
const ESCAPES: [(char, &str); 5] = [
    ('&', "&amp;"),
    ('<', "&lt;"),
    ('>', "&gt;"),
    ('"', "&quot;"),
    ('\'', "&#039;"),
];

/// The text with the characters that its escapes stand for, when it has any.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let escape = rest.find(';').filter(|end| *end < 12).map(|end| &rest[..=end]);
        match escape.and_then(|escape| Some((escape, character(escape)?))) {
            Some((escape, character)) => {
                plain.push(character);
                rest = &rest[escape.len()..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    (plain != text).then_some(plain)
}

fn character(escape: &str) -> Option<char> {
    let name = escape.strip_prefix('&')?.strip_suffix(';')?;
    if let Some(code) = name.strip_prefix("#x").or_else(|| name.strip_prefix("#X")) {
        return char::from_u32(u32::from_str_radix(code, 16).ok()?);
    }
    if let Some(code) = name.strip_prefix('#') {
        return char::from_u32(code.parse().ok()?);
    }
    let known = ESCAPES.iter().find(|(_, known)| *known == escape);
    known
        .map(|(character, _)| *character)
        .or((name == "apos").then_some('\''))
}

/// The text as programs escape it that write an apostrophe so; absent: they leave quotes as they are.
pub(super) fn escape(text: &str, apostrophe: Option<&str>) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        match (c, apostrophe) {
            ('"' | '\'', None) => escaped.push(c),
            ('\'', Some(apostrophe)) => escaped.push_str(apostrophe),
            _ => match ESCAPES.iter().find(|(character, _)| *character == c) {
                Some((_, known)) => escaped.push_str(known),
                None => escaped.push(c),
            },
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_made() {
        let plain = unescape("&lt;a b=&quot;1&#34;&#x27;&apos;&#039;&gt; &amp;&amp;amp; & &x; &#xd800; é");
        assert_eq!(plain.as_deref(), Some("<a b=\"1\"'''> &&amp; & &x; &#xd800; é"));
        assert_eq!(unescape("a & b; c"), None);
        assert_eq!(escape("<'\"&é>", Some("&#39;")), "&lt;&#39;&quot;&amp;é&gt;");
        assert_eq!(escape("<'\"&>", None), "&lt;'\"&amp;&gt;");
    }
}
