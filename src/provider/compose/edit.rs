//! Changes of single values in a body.

use serde_json::Value;

use super::ComposeError;
use crate::json::{get, get_mut, insert, leaf_paths};
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
    /// Changes the document.
    pub fn apply(&self, document: &mut Value) -> Result<(), ComposeError> {
        let value = self.value_for(document)?;
        if let Some(place) = get_mut(document, &self.path) {
            *place = value;
        } else if !insert(document, &self.path, value) {
            return Err(not_in_object(&self.path));
        }
        Ok(())
    }

    /// Changes the text of a document, and leaves everything else in it as it is.
    pub fn apply_to_text(&self, text: &str) -> Result<String, ComposeError> {
        let document = serde_json::from_str(text).map_err(|error| ComposeError::Invalid(error.to_string()))?;
        let value = self.value_for(&document)?;
        json_text::set(text, &self.path, &value).ok_or_else(|| not_in_object(&self.path))
    }

    fn value_for(&self, document: &Value) -> Result<Value, ComposeError> {
        let old = get(document, &self.path);
        if old.is_none() && !self.create {
            let paths = leaf_paths(document);
            return Err(ComposeError::NoSuchPath {
                path: self.path.clone(),
                near: near_names(&self.path, paths.iter().map(String::as_str)),
            });
        }
        self.read(old.unwrap_or(&Value::Null))
    }

    fn read(&self, old: &Value) -> Result<Value, ComposeError> {
        let json = || serde_json::from_str::<Value>(&self.text);
        match self.reading {
            EditFormat::Text => Ok(Value::from(self.text.as_str())),
            EditFormat::Json => json().map_err(|error| {
                ComposeError::Invalid(format!("`{}`: `{}` is not JSON: {error}", self.path, self.text))
            }),
            EditFormat::Fitting if old.is_string() => Ok(Value::from(self.text.as_str())),
            EditFormat::Fitting => Ok(json().unwrap_or_else(|_| Value::from(self.text.as_str()))),
        }
    }
}

/// A path that leads into a value other than an object.
pub(super) fn not_in_object(path: &str) -> ComposeError {
    ComposeError::Invalid(format!("`{path}`: the value around it is not an object"))
}
