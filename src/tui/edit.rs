//! A request as a text that is edited: a line with method and path, the target, headers, an empty line, the body.

use std::fmt::Write as _;

use crate::app::actions::{ReplayAction, ReplayMode};
use crate::inspector::detail::{EditForm, Field};

/// Before the target.
const TARGET: &str = "-> ";

/// The text of a form.
pub fn written(form: &EditForm) -> String {
    let mut text = format!("{} {}\n", form.method, form.path);
    if !form.to.is_empty() {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{TARGET}{}", form.to);
    }
    for (name, value) in &form.headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    text.push('\n');
    text.push_str(form.body.as_deref().unwrap_or_default());
    text
}

/// The replay that an edited text asks for: what was not changed stays as it is recorded. `None` where nothing was changed.
pub fn read(text: &str, form: &EditForm) -> Result<Option<ReplayAction>, String> {
    if text.trim().is_empty() || text == written(form) {
        return Ok(None);
    }
    let (head, body) = split(text);
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let (method, path) = first
        .split_once(' ')
        .ok_or_else(|| format!("`{first}` is not a method and a path, such as `POST /webhooks`"))?;
    let (mut to, mut headers) = (String::new(), Vec::<Field>::new());
    for line in lines {
        if let Some(target) = line.strip_prefix(TARGET.trim_end()) {
            target.trim().clone_into(&mut to);
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("`{line}` is not a header, such as `Content-Type: application/json`"))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let changed = |new: &str, old: &str| Some(new.trim().to_owned()).filter(|new| new != old.trim());
    Ok(Some(ReplayAction {
        mode: ReplayMode::Fresh,
        to: changed(&to, &form.to).filter(|to| !to.is_empty()),
        method: changed(method, &form.method),
        path: changed(path, &form.path),
        headers: Some(headers).filter(|headers| *headers != trimmed(&form.headers)),
        body: form
            .body
            .as_ref()
            .map_or_else(|| !body.is_empty(), |old| body != old)
            .then(|| body.to_owned()),
    }))
}

/// What comes before the first empty line, and what comes after it.
fn split(text: &str) -> (&str, &str) {
    let halves = text.split_once("\n\n").or_else(|| text.split_once("\r\n\r\n"));
    halves.unwrap_or((text.trim_end(), ""))
}

fn trimmed(headers: &[Field]) -> Vec<Field> {
    let trimmed = headers.iter().map(|(name, value)| (name.trim(), value.trim()));
    trimmed
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> EditForm {
        EditForm {
            method: "POST".to_owned(),
            path: "/webhooks".to_owned(),
            to: "http://localhost:3000/webhooks".to_owned(),
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body: Some("{\"a\":\n\n1}".to_owned()),
        }
    }

    #[test]
    fn what_is_not_changed_is_not_sent_along() {
        let text = written(&form());
        assert_eq!(
            text,
            "POST /webhooks\n-> http://localhost:3000/webhooks\nContent-Type: application/json\n\n{\"a\":\n\n1}"
        );
        assert!(read(&text, &form()).unwrap().is_none());
        assert!(read("\n", &form()).unwrap().is_none());
        let read = |from: &str, to: &str| read(&text.replace(from, to), &form()).unwrap().unwrap();
        let body = read("1}", "2}");
        assert_eq!(body.body.as_deref(), Some("{\"a\":\n\n2}"));
        assert_eq!(
            (body.to, body.method, body.path, body.headers),
            (None, None, None, None)
        );
        let other = read("-> http://localhost:3000/webhooks\nContent-Type", "-> 4000\nX");
        assert_eq!(other.to.as_deref(), Some("4000"));
        assert_eq!(other.headers.unwrap()[0].0, "X");
        let line = read("POST /webhooks", "PUT /x?y=1");
        assert_eq!(
            (line.method.as_deref(), line.path.as_deref()),
            (Some("PUT"), Some("/x?y=1"))
        );
    }

    #[test]
    fn a_text_that_is_no_request_is_refused() {
        for text in ["POST", "POST /\nno header\n\n{}"] {
            assert!(read(text, &form()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_body_that_is_no_text_stays() {
        let form = EditForm { body: None, ..form() };
        let text = written(&form).replace("POST", "PUT");
        assert_eq!(read(&text, &form).unwrap().unwrap().body, None);
    }
}
