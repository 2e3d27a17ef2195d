//! Why a provider cannot be used.

use crate::error::Error;
use crate::provider::fault::ProfileError;

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No such name.
    #[error("provider `{name}` not found")]
    Unknown {
        /// As typed.
        name: String,
        /// Near names.
        near: Vec<String>,
    },
    /// The provider has no such variant.
    #[error("`{provider}` has no variant `{variant}`")]
    UnknownVariant {
        /// The provider.
        provider: String,
        /// As typed.
        variant: String,
        /// Its variants.
        variants: Vec<String>,
    },
    /// The file is not TOML, or not of the format.
    #[error("provider file `{file}` is not valid{}", at_key(.key))]
    Syntax {
        /// The file.
        file: String,
        /// Dotted; empty when the fault is no key's.
        key: String,
        /// Keys that a mistyped one may have meant.
        near: Vec<String>,
        /// Line, column and accepted names.
        source: Box<toml::de::Error>,
    },
    /// A value of the file is wrong.
    #[error("provider file `{file}`{}: {fault}", at_line(*.line))]
    Value {
        /// The file.
        file: String,
        /// Of the key; 0 when it is not known.
        line: usize,
        /// The key and what is wrong.
        fault: ProfileError,
    },
    /// The file cannot be read, or extends itself.
    #[error("{}", .0.message)]
    File(Error),
}

impl RegistryError {
    /// The file whose content is wrong.
    pub fn faulty_file(&self) -> Option<&str> {
        match self {
            Self::Syntax { file, .. } | Self::Value { file, .. } => Some(file),
            Self::Unknown { .. } | Self::UnknownVariant { .. } | Self::File(_) => None,
        }
    }
}

fn at_line(line: usize) -> String {
    match line {
        0 => String::new(),
        line => format!(", line {line}"),
    }
}

fn at_key(key: &str) -> String {
    match key {
        "" | "." => String::new(),
        key => format!(": `{key}`"),
    }
}

/// The line of a dotted key, found by its last part within the table of the others; 0 when it is not there.
pub(super) fn line_of(text: &str, key: &str) -> usize {
    let last = key.rsplit('.').next().unwrap_or(key);
    let table = key.strip_suffix(last).unwrap_or_default().trim_end_matches('.');
    let mut inside = table.is_empty();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            let name = line.trim_matches(['[', ']']);
            if name == key {
                return number + 1;
            }
            inside = name == table;
        } else if inside
            && line
                .split('=')
                .next()
                .is_some_and(|have| have.trim().trim_matches('"') == last)
        {
            return number + 1;
        }
    }
    0
}
