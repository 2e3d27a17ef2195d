//! Changes of single values in the text of a JSON document. Everything else stays byte for byte: numbers keep their digits,
//! strings their escapes, objects their equal names, and blanks stand where they stood.

use std::ops::Range;

use serde_json::Value;

/// Deeper nesting is read by no JSON parser here.
const DEEPEST: usize = 128;

/// Puts a value at a dotted path, and creates the objects on the path. `None` when a value on the path is neither an object
/// nor an array with that item, or when the text is not JSON.
pub fn set(text: &str, path: &str, value: &Value) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let keys: Vec<&str> = path.split('.').collect();
    let mut at = whole(text)?;
    for (depth, key) in keys.iter().enumerate() {
        match find(text, at.clone(), key)? {
            Found::Value(span) => at = span,
            Found::Missing { end, is_empty } => {
                let comma = if is_empty { "" } else { "," };
                let member = format!("{comma}{}:{}", Value::from(*key), nested(&keys[depth + 1..], value));
                return Some(spliced(text, end..end, &member));
            }
            Found::Null => return Some(spliced(text, at, &nested(&keys[depth..], value))),
        }
    }
    Some(spliced(text, at, &value.to_string()))
}

/// Whether an object of the document has a name twice: a reader keeps the last value only.
pub fn repeated_name(text: &str) -> Option<String> {
    let mut scanner = Scanner { text, at: 0 };
    let mut open: Vec<Vec<String>> = Vec::new();
    while let Some(byte) = scanner.peek() {
        match byte {
            b'{' | b'[' => open.push(Vec::new()),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                let span = scanner.value(0)?;
                scanner.blanks();
                if scanner.peek() == Some(b':')
                    && let Some(names) = open.last_mut()
                {
                    let name: String = serde_json::from_str(&text[span]).ok()?;
                    if names.contains(&name) {
                        return Some(name);
                    }
                    names.push(name);
                }
                continue;
            }
            _ => {}
        }
        scanner.at += 1;
    }
    None
}

/// What is at a key of a value.
enum Found {
    /// A value.
    Value(Range<usize>),
    /// Nothing: a member of the object would end there.
    Missing { end: usize, is_empty: bool },
    /// The value itself is `null`, in place of which an object may be.
    Null,
}

/// The key of the value at `around`; of equal names the last one counts, as for every reader.
fn find(text: &str, around: Range<usize>, key: &str) -> Option<Found> {
    let mut scanner = Scanner { text, at: around.start };
    match scanner.peek()? {
        b'n' => return Some(Found::Null),
        b'[' => {
            let index: usize = key.parse().ok()?;
            let items = scanner.items()?;
            return items.get(index).cloned().map(Found::Value);
        }
        b'{' => {}
        _ => return None,
    }
    let members = scanner.members()?;
    let is_key =
        |name: &Range<usize>| serde_json::from_str::<String>(&text[name.clone()]).is_ok_and(|name| name == key);
    let found = members.iter().rev().find(|(name, _)| is_key(name));
    Some(match (found, members.last()) {
        (Some((_, value)), _) => Found::Value(value.clone()),
        (None, Some((_, last))) => Found::Missing {
            end: last.end,
            is_empty: false,
        },
        (None, None) => Found::Missing {
            end: around.start + 1,
            is_empty: true,
        },
    })
}

fn whole(text: &str) -> Option<Range<usize>> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.blanks();
    scanner.value(0)
}

fn nested(keys: &[&str], value: &Value) -> String {
    let inner = value.to_string();
    keys.iter()
        .rev()
        .fold(inner, |inner, key| format!("{{{}:{inner}}}", Value::from(*key)))
}

fn spliced(text: &str, span: Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..span.start], &text[span.end..])
}

/// Finds where values begin and end, in a text that is JSON.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Steps over one value.
    fn value(&mut self, depth: usize) -> Option<Range<usize>> {
        let start = self.at;
        match self.peek()? {
            _ if depth > DEEPEST => return None,
            b'"' => self.string(),
            b'{' | b'[' => self.container(depth)?,
            _ => {
                while self
                    .peek()
                    .is_some_and(|byte| !matches!(byte, b',' | b'}' | b']') && !byte.is_ascii_whitespace())
                {
                    self.at += 1;
                }
            }
        }
        Some(start..self.at)
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
    }

    fn container(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        loop {
            self.blanks();
            match self.peek()? {
                b'}' | b']' => {
                    self.at += 1;
                    return Some(());
                }
                b',' | b':' => self.at += 1,
                _ => {
                    self.value(depth + 1)?;
                }
            }
        }
    }

    /// The values of the array or the object that begins here, names among them.
    fn items(&mut self) -> Option<Vec<Range<usize>>> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blanks();
            match self.peek()? {
                b'}' | b']' => return Some(items),
                b',' | b':' => self.at += 1,
                _ => items.push(self.value(1)?),
            }
        }
    }

    /// Names and values of the object that begins here.
    fn members(&mut self) -> Option<Vec<(Range<usize>, Range<usize>)>> {
        let items = self.items()?;
        let pairs = items.chunks_exact(2);
        Some(pairs.map(|pair| (pair[0].clone(), pair[1].clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_addressed_value_changes() {
        let text = "{\"a\": 10.00, \"b\":{\"c\" : [1, {\"d\":\"\\u00e9\\/\"} ]},\n \"big\":123456789012345678901234567890, \"x\":1,\"x\":2 }";
        let set = |path: &str, value: Value| set(text, path, &value).unwrap();
        assert_eq!(set("b.c.1.d", json!("f")), text.replace("\"\\u00e9\\/\"", "\"f\""));
        assert_eq!(set("a", json!(null)), text.replace("10.00", "null"));
        assert_eq!(
            set("x", json!(3)),
            text.replace("\"x\":2", "\"x\":3"),
            "a reader takes the last one"
        );
        assert_eq!(
            set("new.at", json!([1])),
            text.replace("\"x\":2 }", "\"x\":2,\"new\":{\"at\":[1]} }")
        );
        assert_eq!(set("b.n", json!(1)), text.replace(" ]}", " ],\"n\":1}"));
    }

    #[test]
    fn objects_are_made_in_empty_places_and_nothing_is_put_into_other_values() {
        assert_eq!(set("{ }", "a.b", &json!(1)).unwrap(), "{\"a\":{\"b\":1} }");
        assert_eq!(set("{\"a\":null}", "a.b", &json!(1)).unwrap(), "{\"a\":{\"b\":1}}");
        assert_eq!(set("null", "a", &json!(1)).unwrap(), "{\"a\":1}");
        for (text, path) in [
            ("[1]", "1"),
            ("[1]", "x"),
            ("{\"a\":1}", "a.b"),
            ("{\"a\":", "a"),
            ("", "a"),
        ] {
            assert_eq!(set(text, path, &json!(1)), None, "{text} {path}");
        }
    }

    #[test]
    fn equal_names_are_found_in_one_object_only() {
        assert_eq!(repeated_name("{\"a\":{\"b\":1},\"c\":[{\"b\":2},{\"b\":\"b\"}]}"), None);
        assert_eq!(repeated_name("[{\"a\":1, \"\\u0061\" :2}]"), Some("a".to_owned()));
    }
}
