//! `[remote.NAME]`: a provider's API as the user calls it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use toml::{Spanned, Value};

use crate::encryption::{ChangeCount, Encryption, KeyChange, StoredText};
use crate::error::{Error, Result};
use crate::secret::{Secret, SecretRef, SecretSource};

/// Where endpoints are kept that `hook endpoints --remote NAME` manages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RemoteFile {
    /// Whose API it is; that of the same name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Where it is, when it is not the provider's usual place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// Reference of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The account's plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Parameters that its calls need.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub params: IndexMap<String, String>,
}

/// By name.
pub type Remotes = IndexMap<String, RemoteFile>;

impl RemoteFile {
    /// As it is shown: the text of a token is masked, a reference is not.
    pub(super) fn masked(&self) -> Self {
        Self {
            token: self.token.as_deref().map(|text| SecretRef::parse(text).to_string()),
            ..self.clone()
        }
    }

    /// The token that is written in the settings encrypted; `None` where it is written otherwise.
    pub fn encrypted_token(&self, remote: &str) -> Result<Option<Secret>> {
        let stored = self.token.as_deref().and_then(stored_token);
        let encrypted = stored.filter(StoredText::is_encrypted);
        encrypted
            .map(|text| Encryption::default().open(&token_record(remote), &text))
            .transpose()
    }

    /// Whether the token itself is written in the settings, in clear text.
    pub fn has_clear_token(&self) -> bool {
        let stored = self.token.as_deref().and_then(stored_token);
        stored.is_some_and(|token| !token.is_encrypted())
    }
}

/// A token that is in the settings itself, not elsewhere.
fn stored_token(text: &str) -> Option<StoredText> {
    match SecretRef::parse(text).source {
        SecretSource::Literal(secret) => Some(StoredText::read(secret.expose())),
        SecretSource::Env(_) | SecretSource::File(_) | SecretSource::Stdin => None,
    }
}

/// What an encrypted token is bound to.
fn token_record(remote: &str) -> String {
    format!("remote.{remote}.token")
}

/// The tokens of a settings file, and where they are in its text.
#[derive(Deserialize)]
struct TokensFile {
    #[serde(default)]
    remote: IndexMap<String, TokenEntry>,
}

#[derive(Deserialize)]
struct TokenEntry {
    token: Option<Spanned<String>>,
}

/// Changes the key that the tokens of a settings file are encrypted with. All else stays as it is, to the byte.
pub fn change_token_key(text: &str, change: &KeyChange) -> Result<(ChangeCount, String)> {
    let file: TokensFile =
        toml::from_str(text).map_err(|error| Error::usage("the settings file is not valid").cause(error))?;
    let (mut count, mut edits) = (ChangeCount::default(), Vec::new());
    for (name, entry) in &file.remote {
        let Some(token) = &entry.token else { continue };
        let Some(stored) = stored_token(token.get_ref()) else {
            continue;
        };
        let changed = change.apply(&token_record(name), &stored)?;
        count.add(changed.is_some());
        let text = changed.map(|changed| match changed {
            StoredText::Encrypted(text) => text,
            // Marked: a text may look like a reference.
            StoredText::Clear(secret) => format!("literal:{}", String::from_utf8_lossy(secret.expose())),
        });
        edits.extend(text.map(|text| (token.span(), Value::String(text).to_string())));
    }
    // From the end, so that the places before stay where they are.
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut text = text.to_owned();
    for (span, new) in edits {
        text.replace_range(span, &new);
    }
    Ok((count, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryption::testing::change;

    #[test]
    fn only_tokens_that_are_in_the_file_are_changed_and_all_else_stays() {
        let text = "# mine\nprovider = 'acme' # é\n[remote.a]\ntoken = 'tok\\en\"' # keep\nplan = \"free\"\n\
                    [remote.b]\ntoken = \"env:B\"\n[remote.c]\ntoken = \"\"\"d\\u00e9f\"\"\"\n";
        let (count, sealed) = change_token_key(text, &change(None, Some(1))).unwrap();
        assert_eq!((count.changed, count.unchanged), (2, 0), "{text}");
        assert!(sealed.contains("token = \"enc:v1:") && sealed.contains("# keep\nplan") && sealed.contains("# é"));
        assert!(!sealed.contains("tok\\en") && !sealed.contains("déf"));
        let (count, same) = change_token_key(&sealed, &change(None, Some(1))).unwrap();
        assert_eq!((count.changed, count.unchanged, &same), (0, 2, &sealed));
        let (_, clear) = change_token_key(&sealed, &change(Some(1), None)).unwrap();
        let read: TokensFile = toml::from_str(&clear).unwrap();
        let token = |name: &str| read.remote[name].token.as_ref().unwrap().get_ref().clone();
        assert_eq!(
            (token("a"), token("c")),
            ("literal:tok\\en\"".to_owned(), "literal:déf".to_owned())
        );
        let moved = sealed.replace("[remote.a]", "[remote.q]");
        assert!(change_token_key(&moved, &change(Some(1), Some(2))).is_err());
    }
}
