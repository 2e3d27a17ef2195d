//! Secrets: a type that cannot print itself, and the references by which users name them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::fs::{ProjectFileError, SECRET_FILE_LIMIT};

/// Key material as the user wrote it: the provider's scheme decides how the text becomes key bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    name: Option<String>,
    provider: Option<String>,
    text: Zeroizing<Vec<u8>>,
}

impl Secret {
    /// A secret without a name.
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Self {
            name: None,
            provider: None,
            text: Zeroizing::new(text.into()),
        }
    }

    /// The same secret under the name that verdicts show.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// The name that verdicts show, when it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The same secret for requests of one provider only.
    #[must_use]
    pub fn bound_to(self, provider: impl Into<String>) -> Self {
        Self {
            provider: Some(provider.into()),
            ..self
        }
    }

    /// The only provider whose requests it verifies, when there is one.
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The text itself. The caller must not print it.
    pub fn expose(&self) -> &[u8] {
        &self.text
    }

    /// Whether the text is empty: such a secret signs and verifies nothing.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.name.as_deref().unwrap_or("masked"))
    }
}

/// Where a secret's text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// `env:VAR`
    Env(String),
    /// `file:PATH`, one trailing newline dropped
    File(PathBuf),
    /// `-`: standard input, one trailing newline dropped
    Stdin,
    /// `literal:TEXT`, or plain text
    Literal(Secret),
}

/// The name that verdicts and notes give the dev secret.
pub const DEV_SECRET: &str = "dev secret";

/// `[NAME=]REF`, as typed after `--secret`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRef {
    /// The name that verdicts show.
    pub name: Option<String>,
    /// Where the text is.
    pub source: SecretSource,
}

/// The name, if any, and the endpoint of `[NAME=]endpoint:NAME`.
pub fn endpoint_of(text: &str) -> Option<(Option<&str>, &str)> {
    if let Some(endpoint) = text.strip_prefix("endpoint:") {
        return Some((None, endpoint));
    }
    let (name, endpoint) = text.split_once("=endpoint:")?;
    let is_name = !name.is_empty() && !name.contains(['=', ':']);
    is_name.then_some((Some(name), endpoint))
}

/// Why a reference cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("environment variable `{0}` is not set")]
    NoVariable(String),
    /// The file or standard input cannot be read.
    #[error("secret file `{path}` cannot be read")]
    Unreadable {
        /// The file, or `-`.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The source is empty.
    #[error("the secret from `{0}` is empty")]
    Empty(String),
}

impl SecretRef {
    /// Reads `[NAME=]REF`. A name counts only before a marked form: a bare secret may contain `=`.
    pub fn parse(text: &str) -> Self {
        let named = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, source) = match (marked(text), named) {
            (Some(source), _) => (None, Some(source)),
            (None, Some((name, rest))) => (Some(name.to_owned()), marked(rest)),
            (None, None) => (None, None),
        };
        Self {
            name: name.filter(|_| source.is_some()),
            source: source.unwrap_or_else(|| SecretSource::Literal(Secret::new(text))),
        }
    }

    /// The reference as it is kept, with its name: what can be typed in any folder.
    pub fn anywhere(&self) -> String {
        let name = self.name.as_ref().map_or_else(String::new, |name| format!("{name}="));
        match &self.source {
            SecretSource::File(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                format!("{name}file:{}", path.display())
            }
            SecretSource::Env(_) | SecretSource::Stdin | SecretSource::Literal(_) => format!("{name}{self}"),
        }
    }

    /// Fetches the text. The secret's name is the given one, else one derived from where it is (`env:VAR`).
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        let text = match &self.source {
            SecretSource::Literal(secret) => secret.expose().to_vec(),
            // Not `var`: a key need not be UTF-8.
            SecretSource::Env(name) => std::env::var_os(name)
                .ok_or_else(|| SecretError::NoVariable(name.clone()))?
                .into_encoded_bytes(),
            SecretSource::File(path) => read_text(File::open(path)).map_err(unreadable(path.display().to_string()))?,
            SecretSource::Stdin => read_text(Ok(io::stdin().lock())).map_err(unreadable("-".to_owned()))?,
        };
        if text.is_empty() {
            return Err(SecretError::Empty(self.to_string()));
        }
        let secret = Secret::new(text);
        Ok(match (&self.name, &self.source) {
            (Some(name), _) => secret.named(name),
            (None, SecretSource::Literal(_)) => secret,
            (None, _) => secret.named(self.to_string()),
        })
    }
}

/// Shows where the secret is, never what it is.
impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            SecretSource::Env(name) => write!(f, "env:{name}"),
            SecretSource::File(path) => write!(f, "file:{}", path.display()),
            SecretSource::Stdin => f.write_str("-"),
            SecretSource::Literal(_) => f.write_str("literal:********"),
        }
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn marked(text: &str) -> Option<SecretSource> {
    if text == "-" {
        return Some(SecretSource::Stdin);
    }
    match text.split_once(':')? {
        ("env", name) => Some(SecretSource::Env(name.to_owned())),
        ("file", path) => Some(SecretSource::File(PathBuf::from(path))),
        ("literal", secret) => Some(SecretSource::Literal(Secret::new(secret))),
        _ => None,
    }
}

fn unreadable(path: String) -> impl FnOnce(io::Error) -> SecretError {
    |source| SecretError::Unreadable { path, source }
}

/// Reads a file or a pipe, without its trailing newline.
fn read_text(file: io::Result<impl Read>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    // A device such as `/dev/zero` has no end.
    file?.take(SECRET_FILE_LIMIT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > SECRET_FILE_LIMIT {
        return Err(ProjectFileError::TooLarge(SECRET_FILE_LIMIT).into());
    }
    Ok(without_newline(text))
}

fn without_newline(mut text: Vec<u8>) -> Vec<u8> {
    if text.last() == Some(&b'\n') {
        text.pop();
        if text.last() == Some(&b'\r') {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_plain_text_and_names_count_only_before_them() {
        let parse = |text: &str| SecretRef::parse(text);
        assert_eq!(parse("env:A").source, SecretSource::Env("A".into()));
        assert_eq!(parse("new=env:A").name.as_deref(), Some("new"));
        assert_eq!(parse("file:/a=b").source, SecretSource::File("/a=b".into()));
        assert_eq!(parse("-").source, SecretSource::Stdin);
        let bare = parse("abc=def");
        assert_eq!(bare.name, None);
        assert_eq!(bare.resolve().unwrap().expose(), b"abc=def");
    }

    #[test]
    fn nothing_printable_shows_the_text() {
        let reference = SecretRef::parse("literal:topsecretvalue");
        let secret = reference.resolve().unwrap();
        for shown in [format!("{reference}"), format!("{reference:?}"), format!("{secret:?}")] {
            assert!(!shown.contains("secretvalue"), "{shown}");
        }
    }

    #[test]
    fn a_file_loses_one_trailing_newline_and_an_empty_one_is_refused() {
        assert_eq!(without_newline(b"a\n\n".to_vec()), b"a\n");
        assert_eq!(without_newline(b"a\r\n".to_vec()), b"a");
        assert!(matches!(
            SecretRef::parse("literal:").resolve(),
            Err(SecretError::Empty(_))
        ));
        assert!(matches!(
            SecretRef::parse("env:HOOK_NO_SUCH_VARIABLE").resolve(),
            Err(SecretError::NoVariable(_))
        ));
    }
}
