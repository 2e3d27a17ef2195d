//! Changes of single values in a body.

use serde_json::Value;

use super::ComposeError;
use crate::json::leaf_paths;
use crate::json_text;
use crate::provider::near::near_names;

/// A change of one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Dotted path in the body.
    pub path: String,
    /// As typed.
    pub text: String,
    /// How the text is read.
    pub reading: EditFormat,
    /// Whether the path may be new.
    pub create: bool,
}

/// How the text of an [`Edit`] is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EditFormat {
    /// As the type of the value it replaces when it can be, else as JSON, else as text.
    #[default]
    Fitting,
    /// As JSON.
    Json,
    /// As text.
    Text,
}

impl Edit {
    /// Changes the text of a JSON document, and leaves everything else in it as it is.
    pub fn apply(&self, text: &str) -> Result<String, ComposeError> {
        let old = json_text::get(text, &self.path);
        if old.is_none() && !self.create {
            let document: Value = serde_json::from_str(text).unwrap_or_default();
            let paths = leaf_paths(&document);
            return Err(ComposeError::NoSuchPath {
                path: self.path.clone(),
                near: near_names(&self.path, paths.iter().map(String::as_str)),
            });
        }
        let value = self.value(old.is_some_and(|old| old.starts_with('"')))?;
        json_text::set(text, &self.path, &value).ok_or_else(|| not_in_object(&self.path))
    }

    /// The new value as JSON text: a number has the digits that were typed.
    fn value(&self, replaces_text: bool) -> Result<String, ComposeError> {
        let text = || json_text::quoted(&self.text);
        let json = || json_text::compact(&self.text);
        match self.reading {
            EditFormat::Text => Ok(text()),
            EditFormat::Json => json().map_err(|error| {
                ComposeError::Invalid(format!("`{}`: `{}` is not JSON: {error}", self.path, self.text))
            }),
            EditFormat::Fitting if replaces_text => Ok(text()),
            EditFormat::Fitting => Ok(json().unwrap_or_else(|_| text())),
        }
    }
}

/// A path that leads into a value other than an object.
pub(super) fn not_in_object(path: &str) -> ComposeError {
    ComposeError::Invalid(format!("`{path}`: the value around it is not an object"))
}
