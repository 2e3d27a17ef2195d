//! `[workflow.NAME]`: a request that the user of a provider shapes, as its automations send it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::secret::{SecretRef, SecretSource};

/// One workflow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WorkflowFile {
    /// The provider to play.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Whether it sends.
    pub state: WorkflowState,
    /// The provider's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<WorkflowMethod>,
    /// Where to, with merge tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How the fields are written.
    pub body: WorkflowBody,
    /// By name, with merge tags.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// How the request says who sends it.
    #[serde(skip_serializing_if = "AuthFile::is_none")]
    pub auth: AuthFile,
    /// What the body says, with merge tags.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub fields: IndexMap<String, Value>,
    /// Dotted paths into the record, and what must stand there.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub when: IndexMap<String, Value>,
    /// Of an inbound trigger: fields of the record, and where in the request they come from.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub map: IndexMap<String, String>,
}

/// Whether a workflow sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkflowState {
    /// It does not run at all.
    #[default]
    Draft,
    /// Its request is made and shown, and not sent.
    Test,
    /// It sends.
    Published,
}

/// A method that a workflow may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WorkflowMethod {
    /// With a body.
    Post,
    /// The fields go to the query.
    Get,
    /// With a body.
    Put,
    /// With a body.
    Delete,
}

impl WorkflowMethod {
    /// The request's method.
    pub fn name(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// How the fields are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkflowBody {
    /// As a JSON object.
    #[default]
    Json,
    /// As an HTML form does.
    Form,
}

/// `[workflow.NAME.auth]`: one of `bearer`, `api-key` with `header`, `basic` with `user`; nothing unless given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AuthFile {
    /// Reference of a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearer: Option<String>,
    /// Reference of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// The header that the key goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Reference of a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic: Option<String>,
    /// Whose password it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// How a request says who sends it, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth<'a> {
    /// It does not.
    None,
    /// `Authorization: Bearer`.
    Bearer(&'a str),
    /// A header of its own.
    ApiKey {
        /// Its name.
        header: &'a str,
        /// Reference of the key.
        key: &'a str,
    },
    /// `Authorization: Basic`.
    Basic {
        /// Whose password.
        user: &'a str,
        /// Reference of the password.
        password: &'a str,
    },
}

/// Whether that can be a workflow's name: it goes to terminals, shells and the names of files.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// What [`is_name`] wants, for people.
pub const NAME: &str = "letters, digits, `-` and `_`, at most 64 of them";

impl WorkflowState {
    /// The name in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Test => "test",
            Self::Published => "published",
        }
    }
}

impl AuthFile {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The same, with the text of a secret that should not stand there masked.
    fn masked(&self) -> Self {
        let mask = |reference: &Option<String>| reference.as_deref().map(|text| SecretRef::parse(text).to_string());
        Self {
            bearer: mask(&self.bearer),
            api_key: mask(&self.api_key),
            basic: mask(&self.basic),
            ..self.clone()
        }
    }

    /// The references of secrets in it.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        [&self.bearer, &self.api_key, &self.basic]
            .into_iter()
            .filter_map(|reference| reference.as_deref())
    }

    /// Writes each reference in another way.
    pub(super) fn map_secrets(&mut self, map: impl Fn(&str) -> String) {
        for reference in [&mut self.bearer, &mut self.api_key, &mut self.basic] {
            *reference = reference.as_deref().map(&map);
        }
    }

    /// Reads it. The error says what is wrong.
    pub fn read(&self) -> Result<Auth<'_>, String> {
        for reference in self.secrets() {
            // A secret's own text does not belong into a file that is copied and committed.
            if !matches!(
                SecretRef::parse(reference).source,
                SecretSource::Env(_) | SecretSource::File(_)
            ) {
                return Err("a secret stands there by reference: `env:VAR` or `file:PATH`".into());
            }
        }
        let stray = |what: &Option<String>, name: &str, with: &str| match what {
            Some(_) => Err(format!("`{name}` goes with `{with}`")),
            None => Ok(()),
        };
        match (&self.bearer, &self.api_key, &self.basic) {
            (None, None, None) => {
                stray(&self.header, "header", "api-key")?;
                stray(&self.user, "user", "basic")?;
                Ok(Auth::None)
            }
            (Some(token), None, None) => {
                stray(&self.header, "header", "api-key")?;
                stray(&self.user, "user", "basic")?;
                Ok(Auth::Bearer(token))
            }
            (None, Some(key), None) => {
                stray(&self.user, "user", "basic")?;
                let header = self.header.as_deref().ok_or("`api-key` needs `header`, its name")?;
                Ok(Auth::ApiKey { header, key })
            }
            (None, None, Some(password)) => {
                stray(&self.header, "header", "api-key")?;
                let user = self.user.as_deref().ok_or("`basic` needs `user`")?;
                Ok(Auth::Basic { user, password })
            }
            _ => Err("it has more than one of `bearer`, `api-key` and `basic`".into()),
        }
    }
}

impl WorkflowFile {
    /// As `hook config show` shows it.
    pub fn entry(&self) -> Option<toml::Value> {
        let shown = Self {
            auth: self.auth.masked(),
            ..self.clone()
        };
        toml::Value::try_from(shown).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        assert!(["a", "Welcome_2", "a-b"].iter().all(|name| is_name(name)));
        let long = "a".repeat(65);
        assert!(
            ["", "a b", "../x", "ä", "a\u{1b}[2J", &long]
                .iter()
                .all(|name| !is_name(name))
        );
    }

    fn auth(text: &str) -> AuthFile {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_secret_stands_in_one_form_and_by_reference() {
        assert_eq!(auth("").read(), Ok(Auth::None));
        assert_eq!(auth("bearer = 'env:A'").read(), Ok(Auth::Bearer("env:A")));
        let key = auth("api-key = 'file:k'\nheader = 'X-Key'");
        assert_eq!(
            key.read(),
            Ok(Auth::ApiKey {
                header: "X-Key",
                key: "file:k"
            })
        );
        let basic = auth("basic = 'env:P'\nuser = 'pat'");
        assert_eq!(
            basic.read(),
            Ok(Auth::Basic {
                user: "pat",
                password: "env:P"
            })
        );
        for (text, said) in [
            ("bearer = 'topsecret'", "by reference"),
            ("bearer = 'literal:topsecret'", "by reference"),
            ("bearer = 'env:A'\nbasic = 'env:B'", "more than one"),
            ("api-key = 'env:A'", "needs `header`"),
            ("basic = 'env:A'", "needs `user`"),
            ("header = 'X'", "goes with `api-key`"),
        ] {
            let error = auth(text).read().unwrap_err();
            assert!(error.contains(said) && !error.contains("topsecret"), "{text}: {error}");
        }
    }
}
