//! Expressions of a language: its own way to write each is a `%def` of its text file.

use std::collections::BTreeSet;

use super::fill::{definition, slots};
use super::{Lang, broken, refused};
use crate::error::Result;
use crate::provider::file::ReadPlace;
use crate::provider::{Profile, RequestField};
use crate::template::{Part, Placeholder, Template};

/// Writes expressions and remembers which helpers they call.
pub(super) struct ExpressionWriter<'a> {
    profile: &'a Profile,
    lang: Lang,
    /// Facts such as `uses_path`.
    pub(super) uses: BTreeSet<&'static str>,
}

impl<'a> ExpressionWriter<'a> {
    pub(super) fn new(profile: &'a Profile, lang: Lang) -> Self {
        Self {
            profile,
            lang,
            uses: BTreeSet::new(),
        }
    }

    /// A text as a literal.
    pub(super) fn quote(&self, text: &str) -> String {
        self.lang.quote(text)
    }

    /// A definition with its slots filled in.
    pub(super) fn write(&self, name: &str, slot: &[(&str, &str)]) -> Result<String> {
        let expression = definition(self.lang.template(), name)
            .ok_or_else(|| broken(&format!("`{}` lacks `%def {name}`", self.lang.name())))?;
        let value = |wanted: &str| slot.iter().find(|(name, _)| *name == wanted).map(|(_, text)| *text);
        slots(expression, value).map_err(|what| broken(&what))
    }

    /// A definition about a literal.
    pub(super) fn with_text(&self, name: &str, text: &str) -> Result<String> {
        self.write(name, &[("text", &self.quote(text))])
    }

    /// An expression between the fixed texts that a template has around its only placeholder.
    pub(super) fn around(&self, template: &Template, it: String) -> Result<String> {
        let Some((before, _, after)) = template.around() else {
            let what = format!("the header's value `{template}` has more than one placeholder");
            return Err(refused(self.profile, &what));
        };
        let it = self.affixed("before", before, it)?;
        self.affixed("after", after, it)
    }

    /// An expression with a fixed text before or after it.
    pub(super) fn affixed(&self, side: &str, text: &str, it: String) -> Result<String> {
        if text.is_empty() {
            return Ok(it);
        }
        self.write(side, &[("text", &self.quote(text)), ("it", &it)])
    }

    /// The dedupe keys that a receiver can know.
    pub(super) fn keys(&mut self) -> Result<Vec<String>> {
        let profile = self.profile;
        let mut keys = Vec::new();
        for key in &profile.dedupe.keys {
            keys.extend(self.key(key)?);
        }
        if keys.len() > 1 {
            self.uses.insert("uses_first");
        }
        Ok(keys)
    }

    /// A text with parts of the request in it; `None` where a receiver cannot know one of them.
    fn key(&mut self, key: &Template) -> Result<Option<String>> {
        let mut parts = Vec::new();
        for part in key.parts() {
            let part = match part {
                Part::Text(text) => Some(self.with_text("literal", text)?),
                Part::Placeholder(placeholder) => self.known(placeholder)?,
            };
            let Some(part) = part else { return Ok(None) };
            parts.push(part);
        }
        self.one_of("join", "uses_join", parts)
    }

    /// The only expression, or a call with all of them; `None` when there are none.
    fn one_of(&mut self, name: &str, fact: &'static str, mut found: Vec<String>) -> Result<Option<String>> {
        if found.len() < 2 {
            return Ok(found.pop());
        }
        self.uses.insert(fact);
        self.write(name, &[("args", &found.join(", "))]).map(Some)
    }

    /// The expression of a placeholder of a dedupe key; `None`: a receiver cannot know it.
    fn known(&mut self, placeholder: &Placeholder) -> Result<Option<String>> {
        let profile = self.profile;
        match placeholder {
            Placeholder::Event => self.first(&profile.read.event),
            Placeholder::Id => self.first(&profile.read.id),
            Placeholder::BodyPath(path) => self.place(&RequestField::Body(path.clone())).map(Some),
            Placeholder::Header(name) => self.place(&RequestField::Header(name.clone())).map(Some),
            Placeholder::BodySha256 => {
                self.uses.insert("hashes_body");
                self.write("sha256", &[]).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn first(&mut self, places: &[ReadPlace]) -> Result<Option<String>> {
        let mut found = Vec::new();
        for place in places {
            match place {
                ReadPlace::Field(field) => found.push(self.place(field)?),
                ReadPlace::Text(template) => found.extend(self.key(template)?),
                // No key of duplicates rests on such a place.
                ReadPlace::Fixed(..) => {}
            }
        }
        self.one_of("first", "uses_first", found)
    }

    fn place(&mut self, place: &RequestField) -> Result<String> {
        let (fact, name, text) = match place {
            RequestField::Header(name) => ("uses_header", "header", name),
            RequestField::Body(path) => ("uses_path", "path", path),
        };
        self.uses.insert(fact);
        self.with_text(name, text)
    }
}
