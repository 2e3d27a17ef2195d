//! `[workflow.NAME]`: a request that a provider's user defines, as its automations send it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::conditions::ConditionsFile;
use crate::secret::{SecretRef, SecretSource};
use crate::words::words;

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
    /// The encoding of the fields.
    pub body: WorkflowBody,
    /// By name, with merge tags.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// Authentication of the request.
    #[serde(skip_serializing_if = "AuthFile::is_none")]
    pub auth: AuthFile,
    /// The fields of the body, with merge tags.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub fields: IndexMap<String, Value>,
    /// What has to hold for the record.
    #[serde(skip_serializing_if = "ConditionsFile::is_empty")]
    pub when: ConditionsFile,
    /// Of an inbound trigger: fields of the record, and where in the request they come from.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub map: IndexMap<String, String>,
}

words! {
    /// Whether a workflow sends.
    #[derive(Default)]
    pub enum WorkflowState {
        /// It does not run.
        #[default]
        Draft = "draft",
        /// Its request is built and shown, and not sent.
        Test = "test",
        /// It sends.
        Published = "published",
    }
}

words! {
    /// A method that a workflow may use.
    pub enum WorkflowMethod {
        /// With a body.
        Post = "POST",
        /// The fields go to the query.
        Get = "GET",
        /// With a body.
        Put = "PUT",
        /// With a body.
        Delete = "DELETE",
    }
}

words! {
    /// The encoding of the fields.
    #[derive(Default)]
    pub enum WorkflowBody {
        /// A JSON object.
        #[default]
        Json = "json",
        /// An HTML form.
        Form = "form",
    }
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

/// A validated [`AuthFile`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth<'a> {
    /// No authentication.
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

/// Whether that is a valid name of a workflow: names go to terminals, shells and file names.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// What [`is_name`] accepts, for messages.
pub const NAME: &str = "letters, digits, `-` and `_`, at most 64 of them";

impl AuthFile {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The same, with the text of a secret that should not stand there masked.
    fn masked(&self) -> Self {
        let mut masked = self.clone();
        masked.map_secrets(|text| SecretRef::parse(text).to_string());
        masked
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

    /// Validates it.
    pub fn read(&self) -> Result<Auth<'_>, String> {
        for reference in self.secrets() {
            // The file is copied and committed, so it must not contain the secret itself.
            if !matches!(
                SecretRef::parse(reference).source,
                SecretSource::Env(_) | SecretSource::File(_)
            ) {
                return Err("a secret is given by reference: `env:VAR` or `file:PATH`".into());
            }
        }
        if self.secrets().count() > 1 {
            return Err("more than one of `bearer`, `api-key` and `basic`".into());
        }
        if self.header.is_some() && self.api_key.is_none() {
            return Err("`header` goes with `api-key`".into());
        }
        if self.user.is_some() && self.basic.is_none() {
            return Err("`user` goes with `basic`".into());
        }
        if let Some(key) = &self.api_key {
            let header = self.header.as_deref().ok_or("`api-key` needs `header`, its name")?;
            return Ok(Auth::ApiKey { header, key });
        }
        if let Some(password) = &self.basic {
            let user = self.user.as_deref().ok_or("`basic` needs `user`")?;
            return Ok(Auth::Basic { user, password });
        }
        Ok(self.bearer.as_deref().map_or(Auth::None, Auth::Bearer))
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
