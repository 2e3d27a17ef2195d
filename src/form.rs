//! Forms as browsers and programs send them: `application/x-www-form-urlencoded` and `multipart/form-data`.

use std::borrow::Cow;

use url::form_urlencoded;

/// A field's name and text.
pub type Field<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Whether a content type is that of a form.
pub fn is_form(content_type: &str) -> bool {
    is_urlencoded(content_type) || boundary(content_type).is_some()
}

/// Whether a content type is that of a form in the notation of a query.
pub fn is_urlencoded(content_type: &str) -> bool {
    is_kind(content_type, "application/x-www-form-urlencoded")
}

/// The fields of a form of that content type, in their order. Files of a multipart form are left out.
pub fn fields<'a>(content_type: &str, form: &'a [u8]) -> Box<dyn Iterator<Item = Field<'a>> + 'a> {
    match boundary(content_type) {
        Some(boundary) => Box::new(multipart(&boundary, form)),
        None => Box::new(form_urlencoded::parse(form)),
    }
}

/// A form in the notation of a query with that value in the field of that name; the other fields stay as they are, in their
/// order.
pub fn with_field(form: &[u8], field: &str, value: &str) -> Vec<u8> {
    let mut written = form_urlencoded::Serializer::new(String::with_capacity(form.len() + value.len()));
    let mut is_there = false;
    for (name, text) in form_urlencoded::parse(form) {
        let own = name == field;
        is_there |= own;
        written.append_pair(&name, if own { value } else { &text });
    }
    if !is_there {
        written.append_pair(field, value);
    }
    written.finish().into_bytes()
}

fn is_kind(content_type: &str, kind: &str) -> bool {
    let first = content_type.split(';').next().unwrap_or_default();
    first.trim().eq_ignore_ascii_case(kind)
}

/// What separates the parts of a multipart form (RFC 7578).
fn boundary(content_type: &str) -> Option<String> {
    let is_multipart = is_kind(content_type, "multipart/form-data");
    let boundary = is_multipart.then(|| parameter(content_type, "boundary"))??;
    (!boundary.is_empty()).then_some(boundary)
}

/// A parameter of a header such as `form-data; name="a"`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = header.split_once(';')?;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, next) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, next) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), next)
            }
        };
        if name.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = next;
    }
}

/// A text up to its closing quote, and what follows that.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, char)| char)),
            other => value.push(other),
        }
    }
    (value, "")
}

fn multipart<'a>(boundary: &str, form: &'a [u8]) -> impl Iterator<Item = Field<'a>> + use<'a> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let first = form.strip_prefix(&delimiter[2..]);
    let mut rest = first.or_else(|| split_once(form, &delimiter).map(|(_, rest)| rest));
    std::iter::from_fn(move || {
        loop {
            // Behind the last part the boundary ends in `--`; of a body that is cut off the last part does not count.
            let part = rest.filter(|rest| !rest.starts_with(b"--"))?;
            let (part, next) = split_once(part, &delimiter)?;
            rest = Some(next);
            if let Some(field) = text_field(part) {
                return Some(field);
            }
        }
    })
}

/// A part that is no file.
fn text_field(part: &[u8]) -> Option<Field<'_>> {
    let (head, text) = split_once(part, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(head);
    let disposition = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let is_file = parameter(disposition, "filename").or_else(|| parameter(disposition, "filename*"));
    let name = parameter(disposition, "name").filter(|_| is_file.is_none())?;
    Some((name.into(), String::from_utf8_lossy(text)))
}

fn split_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == separator[0]);
    let mut rests = starts.map(|(at, _)| (at, &bytes[at..]));
    rests.find_map(|(at, rest)| Some((&bytes[..at], rest.strip_prefix(separator)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(kind: &str, body: &str) -> Vec<(String, String)> {
        let fields = fields(kind, body.as_bytes());
        fields
            .map(|(name, text)| (name.into_owned(), text.into_owned()))
            .collect()
    }

    #[test]
    fn fields_of_multipart_forms_are_read_and_files_left_out() {
        let body = concat!(
            "preamble\r\n--x-y\r\nContent-Disposition: form-data; name=\"to; \\\"a\\\"\"\r\n\r\npat\r\n--other\r\n",
            "--x-y\r\ncontent-type: text/plain\r\ncontent-disposition:form-data;name=token\r\n\r\n\r\n",
            "--x-y \r\nContent-Disposition: form-data; filename=\"a.txt\"; name=\"file\"\r\n\r\nfile\r\n",
            "--x-y\r\nContent-Type: text/plain\r\n\r\nno name\r\n",
            "--x-y\r\nContent-Disposition: form-data; name=\"last\"\r\n\r\nä\r\n--x-y--\r\nepilogue",
        );
        let wanted = [("to; \"a\"", "pat\r\n--other"), ("token", ""), ("last", "ä")];
        for kind in [
            "multipart/form-data; boundary=x-y",
            "Multipart/Form-Data;charset=utf-8; BOUNDARY=\"x-y\"",
        ] {
            assert!(is_form(kind) && !is_urlencoded(kind));
            let wanted = wanted.map(|(name, text)| (name.to_owned(), text.to_owned()));
            assert_eq!(texts(kind, body), wanted);
        }
        assert_eq!(
            texts(
                "multipart/form-data; boundary=x-y",
                body.split_once("name=\"last\"").unwrap().0
            )
            .len(),
            2
        );
        assert_eq!(texts("multipart/form-data; boundary=z", body), []);
    }

    #[test]
    fn other_types_are_no_forms() {
        for kind in [
            "",
            "application/json",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/mixed; boundary=a",
        ] {
            assert!(!is_form(kind), "{kind}");
        }
        let kind = "Application/X-WWW-Form-Urlencoded; charset=utf-8";
        assert!(is_form(kind) && is_urlencoded(kind));
        assert_eq!(texts(kind, "a=b+c"), [("a".to_owned(), "b c".to_owned())]);
    }
}
