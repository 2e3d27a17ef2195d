//! `[naming]` of a provider file.

use serde::Deserialize;

/// `[naming]`: how events of the user's own are to be named.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NamingFile {
    /// What stands between the words, of which there are two at least: `.`. Absent: a name need not be made of words.
    pub separator: Option<String>,
    /// `lower` or `any` (default).
    pub case: Option<String>,
    /// Of the last word: `past` or `any` (default).
    pub tense: Option<String>,
}
