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
pub(super) struct ProfileSheet<'a> {
    profile: &'a Profile,
    style: Style,
    table: String,
    lines: Vec<String>,
    marked: Vec<&'a str>,
}

impl<'a> ProfileSheet<'a> {
    pub(super) fn new(profile: &'a Profile, style: Style) -> Self {
        Self {
            profile,
            style,
            table: String::new(),
            lines: Vec::new(),
            marked: Vec::new(),
        }
    }

    /// A line as it is.
    pub(super) fn line(&mut self, text: String) {
        self.lines.push(text);
    }

    /// A heading with an empty line before it. The keys of its rows are whole, until a table is named.
    pub(super) fn heading(&mut self, text: &str) {
        self.table.clear();
        self.lines.push(String::new());
        self.lines.push(self.style.strong(text));
    }

    /// The keys of the rows that follow are in this table.
    pub(super) fn table(&mut self, name: &str) {
        self.table = format!("{name}.");
    }

    /// A row about these dotted keys.
    pub(super) fn row(&mut self, name: &str, value: impl fmt::Display, keys: &[&str]) {
        let mark = self.mark(keys);
        self.put(name, &value.to_string(), &mark);
    }

    /// A row where there is a value.
    pub(super) fn optional(&mut self, name: &str, value: Option<impl fmt::Display>, key: &str) {
        if let Some(value) = value {
            self.row(name, value, &[key]);
        }
    }

    /// A row of several values, where there are any.
    pub(super) fn list<T: fmt::Display>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
        between: &str,
        key: &str,
    ) {
        let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        self.optional(name, (!texts.is_empty()).then(|| texts.join(between)), key);
    }

    /// A header line about that dotted key.
    pub(super) fn header(&mut self, name: &str, value: &str, key: &str) {
        let mark = self.style.caution(&self.mark(&[key]));
        let line = format!("  {name}: {value} {mark}");
        self.lines.push(line.trim_end().to_owned());
    }

    /// A row with a mark of its own, or none.
    pub(super) fn put(&mut self, name: &str, value: &str, mark: &str) {
        let mut rows = wrapped(value, WIDTH - INDENT);
        if !mark.is_empty() {
            let has_room = |row: &&mut String| row.chars().count() + mark.len() < WIDTH - INDENT;
            let painted = self.style.caution(mark);
            match rows.last_mut().filter(has_room) {
                Some(row) => format!("{row} {painted}").trim_start().clone_into(row),
                None => rows.push(painted),
            }
        }
        // A name that is too long for its column gets a line of its own.
        let width = INDENT - 4;
        let mut name = name;
        if name.chars().count() > width {
            self.lines.push(format!("  {name}"));
            name = "";
        }
        for row in rows {
            let line = format!("  {name:<width$}  {row}");
            self.lines.push(line.trim_end().to_owned());
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
        // The keys of variants are marked in the list of variants.
        let known = |key: &&String| !key.starts_with("variants.") && !self.marked.contains(&key.as_str());
        let rest: Vec<&str> = self.profile.assumed.iter().filter(known).map(String::as_str).collect();
        if !rest.is_empty() {
            self.heading("Assumed as well");
            self.point(&rest.join(", "));
        }
        self.lines
    }

    /// What of these keys is assumed; for several of which some are stated, by their last names.
    fn mark(&mut self, keys: &[&str]) -> String {
        let profile = self.profile;
        let mut names = Vec::new();
        for name in keys {
            let key = format!("{}{name}", self.table);
            if profile.is_assumed(&key) {
                let around = |have: &&str| key == *have || key.starts_with(&format!("{have}."));
                let assumed = profile.assumed.iter().map(String::as_str);
                self.marked.extend(assumed.filter(around));
                names.push(name.rsplit('.').next().unwrap_or(name));
            }
        }
        match names.len() {
            0 => String::new(),
            all if all == keys.len() => "(assumed)".into(),
            _ => format!("(assumed: {})", names.join(", ")),
        }
    }
}
