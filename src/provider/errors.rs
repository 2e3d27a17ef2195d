//! How what is wrong with providers and their events reaches the user.

use super::RegistryError;
use super::compose::ComposeError;
use crate::error::Error;
use crate::shell::quote;

/// What to do about a second table of a kind.
const ONE_KIND: &str = "a file has one `[signature.KIND]` and one `[retry.KIND]`; a second signature is that of a variant, \
                        sent beside the first with `sends-also = [\"VARIANT\"]`";

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Self {
        let file = error.faulty_file().map(str::to_owned);
        let error = error.without_command();
        match file {
            Some(file) => error.hint(format!("`hook providers check {file}` checks it again")),
            None => error,
        }
    }
}

impl RegistryError {
    /// The error without the command that checks its file again, for that command.
    pub fn without_command(self) -> Error {
        let message = self.to_string();
        let base = match &self {
            Self::Unknown { .. } | Self::UnknownVariant { .. } => Error::nothing(message),
            _ => Error::usage(message),
        };
        match self {
            Self::File(error) => error,
            Self::Value { .. } => base,
            Self::Unknown { near, .. } => base
                .near(&near, |name| format!("--provider {name}"))
                .hint("`hook providers list` shows all of them"),
            Self::UnknownVariant { provider, variants, .. } if variants.is_empty() => {
                base.hint(format!("`{provider}` has no variants"))
            }
            Self::UnknownVariant { provider, variants, .. } => {
                base.hint(format!("variants of `{provider}`: {}", variants.join(", ")))
            }
            Self::Syntax { source, near, .. } => {
                let error = base.cause(source.to_string().trim_end()).near(&near, str::to_owned);
                // A table with one table inside is an enum to the parser, which says so in its own terms.
                if source.message().contains("exactly 1 element") {
                    error.hint(ONE_KIND)
                } else {
                    error
                }
            }
        }
    }
}

impl From<ComposeError> for Error {
    fn from(error: ComposeError) -> Self {
        let message = error.to_string();
        match error {
            ComposeError::UnknownEvent { provider, near, event } => Self::nothing(message)
                .near(&near, |name| format!("hook send {} --provider {provider}", quote(name)))
                .hint(format!(
                    "`hook providers events {provider}` shows its catalogue; `--data` sends `{event}` anyway"
                )),
            ComposeError::NoGrouping(_) => {
                Self::usage(message).hint("leave out `--group`, and give one object as data; `--body` sends anything")
            }
            ComposeError::Enveloped(_) => {
                Self::usage(message).hint("`--body` sends a whole event as it is; `--data` takes what is inside")
            }
            ComposeError::MissingParam { name, .. } => Self::usage(message).hint(format!("add `--param {name}=VALUE`")),
            ComposeError::NoSuchPath { near, .. } => Self::usage(message)
                .near(&near, |path| format!("--set {}", quote(&format!("{path}=..."))))
                .hint("`--set-new` creates a path"),
            ComposeError::NoMetadata(_) => Self::usage(message).hint("write it with `--set PATH=VALUE --set-new`"),
            ComposeError::Template(_) => Self::usage(message).hint("write `$${` for a literal `${`"),
            ComposeError::Invalid(_) => Self::usage(message),
        }
    }
}
