//! Headed rows of `name  value` for people, wrapped, with a mark behind what a provider's file only assumes.

use std::fmt;

use crate::provider::Profile;
use crate::text::wrapped;
use crate::view::style::Style;

/// Where lines are broken, in characters.
const WIDTH: usize = 100;

/// Where values begin.
const INDENT: usize = 18;

/// Lines about one profile.
pub(super) struct Sheet<'a> {
    profile: &'a Profile,
    style: Style,
    lines: Vec<String>,
    marked: Vec<&'a str>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(profile: &'a Profile, style: Style) -> Self {
        Self {
            profile,
            style,
            lines: Vec::new(),
            marked: Vec::new(),
        }
    }

    /// A line as it is.
    pub(super) fn line(&mut self, text: String) {
        self.lines.push(text);
    }

    /// A heading with an empty line before it.
    pub(super) fn heading(&mut self, text: &str) {
        self.lines.push(String::new());
        self.lines.push(self.style.strong(text));
    }

    /// A row about these dotted keys.
    pub(super) fn row(&mut self, name: &str, value: &str, keys: &[&str]) {
        let mark = self.mark(keys);
        self.put(name, value, &mark);
    }

    /// A row where there is something to say.
    pub(super) fn optional(&mut self, name: &str, value: Option<impl fmt::Display>, key: &str) {
        if let Some(value) = value {
            self.row(name, &value.to_string(), &[key]);
        }
    }

    /// A row of several values, where there are any.
    pub(super) fn list(&mut self, name: &str, values: &[impl fmt::Display], between: &str, key: &str) {
        let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
        self.optional(name, (!texts.is_empty()).then(|| texts.join(between)), key);
    }

    /// A header line about that dotted key.
    pub(super) fn header(&mut self, name: &str, value: &str, key: &str) {
        let mark = self.style.caution(&self.mark(&[key]));
        self.lines
            .push(format!("  {name}: {value} {mark}").trim_end().to_owned());
    }

    /// A row with a mark of its own, or none.
    pub(super) fn put(&mut self, name: &str, value: &str, mark: &str) {
        let mut rows = wrapped(value, WIDTH - INDENT);
        if !mark.is_empty() {
            let room = rows
                .last()
                .is_some_and(|row| row.chars().count() + mark.len() < WIDTH - INDENT);
            let mark = self.style.caution(mark);
            match rows.last_mut().filter(|_| room) {
                Some(row) if row.is_empty() => *row = mark,
                Some(row) => *row = format!("{row} {mark}"),
                None => rows.push(mark),
            }
        }
        // A name that is too long for its column stands on a line of its own.
        let width = INDENT - 4;
        let mut name = name;
        if name.chars().count() > width {
            self.lines.push(format!("  {name}"));
            name = "";
        }
        for row in rows {
            self.lines
                .push(format!("  {name:<width$}  {row}").trim_end().to_owned());
            name = "";
        }
    }

    /// A point of a list.
    pub(super) fn point(&mut self, text: &str) {
        for (number, row) in wrapped(text, WIDTH - 4).into_iter().enumerate() {
            let bullet = if number == 0 { '-' } else { ' ' };
            self.lines.push(format!("  {bullet} {row}"));
        }
    }

    /// The lines. Assumed keys that no row is about are named at the end, so that none is left out.
    pub(super) fn finish(mut self) -> Vec<String> {
        let known = |key: &&String| !key.starts_with("variants.") && !self.marked.contains(&key.as_str());
        let rest: Vec<&str> = self.profile.assumed.iter().filter(known).map(String::as_str).collect();
        if !rest.is_empty() {
            self.heading("Assumed as well");
            let rest = rest.join(", ");
            self.point(&rest);
        }
        self.lines
    }

    /// What of these keys is assumed; for several of which some are stated, by their last names.
    fn mark(&mut self, keys: &[&str]) -> String {
        let assumed: Vec<&str> = keys
            .iter()
            .copied()
            .filter(|key| self.profile.is_assumed(key))
            .collect();
        for key in &assumed {
            let around = |have: &&String| {
                key.strip_prefix(have.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            self.marked
                .extend(self.profile.assumed.iter().filter(around).map(String::as_str));
        }
        if assumed.is_empty() {
            String::new()
        } else if assumed.len() == keys.len() {
            "(assumed)".into()
        } else {
            let names: Vec<&str> = assumed.iter().filter_map(|key| key.rsplit('.').next()).collect();
            format!("(assumed: {})", names.join(", "))
        }
    }
}
