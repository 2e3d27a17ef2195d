//! The error that reaches the user: a fact, its causes, hints that can be typed, and an exit code.

use std::fmt;

use crate::endpoints::{ApiError, ApiErrorKind, EndpointError};
use crate::exit::Exit;
use crate::finding::Finding;
use crate::provider::compose::ComposeError;
use crate::provider::{ProfileError, RegistryError};
use crate::secret::SecretError;
use crate::signature::{KeyError, SignError};
use crate::store::StoreError;
use crate::target::TargetError;
use crate::text::printable;

/// A failure of a command.
#[derive(Debug)]
pub struct Error {
    /// How the process ends.
    pub exit: Exit,
    /// Lower-case fact naming the object in backticks. Empty: nothing is printed.
    pub message: String,
    /// From the nearest to the deepest.
    pub causes: Vec<String>,
    /// Sentences, with a command where there is one.
    pub hints: Vec<String>,
}

/// What commands return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of that kind.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// A wrong command line, configuration or provider file.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Nothing matched.
    pub fn nothing(message: impl Into<String>) -> Self {
        Self::new(Exit::Nothing, message)
    }

    /// A bug or an unexpected I/O failure.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, message)
    }

    /// The command ends so, and there is nothing more to say.
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a cause.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds an error and everything behind it as causes.
    #[must_use]
    pub fn because(mut self, error: &dyn std::error::Error) -> Self {
        let mut at: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = at {
            self.causes.push(error.to_string().trim_end().to_owned());
            at = error.source();
        }
        self
    }

    /// Adds what is behind an error whose own text is the message already.
    #[must_use]
    pub fn because_of(self, error: &dyn std::error::Error) -> Self {
        match error.source() {
            Some(source) => self.because(source),
            None => self,
        }
    }

    /// Adds `did you mean` for near names, made into a command by `command`.
    #[must_use]
    pub fn near(self, near: &[String], command: impl Fn(&str) -> String) -> Self {
        match near {
            [] => self,
            [one] => self.hint(format!("did you mean `{}`?", command(one))),
            several => {
                let names: Vec<_> = several.iter().map(|name| format!("`{name}`")).collect();
                self.hint(format!("near names: {}", names.join(", ")))
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Error {}

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Self {
        let base = Self::usage(error.to_string());
        match &error {
            RegistryError::Unknown { near, .. } => base
                .near(near, |name| format!("--provider {name}"))
                .hint("`hook providers list` shows all of them"),
            RegistryError::UnknownVariant { provider, variants, .. } if variants.is_empty() => {
                base.hint(format!("`{provider}` has no variants"))
            }
            RegistryError::UnknownVariant { provider, variants, .. } => {
                base.hint(format!("variants of `{provider}`: {}", variants.join(", ")))
            }
            RegistryError::Syntax { source, file } => base
                .cause(source.to_string().trim_end())
                .hint(format!("`hook providers check {file}` checks it again")),
            RegistryError::Invalid { file, .. } => base.hint(format!("`hook providers check {file}` checks it again")),
            RegistryError::Unreadable { source, .. } => base.cause(source),
            RegistryError::Builtin { source, .. } => base.cause(source),
            RegistryError::Circle(_) => base,
        }
    }
}

impl From<ProfileError> for Error {
    fn from(error: ProfileError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<ComposeError> for Error {
    fn from(error: ComposeError) -> Self {
        let message = error.to_string();
        match error {
            ComposeError::UnknownEvent { provider, near, event } => Self::nothing(message)
                .near(&near, |name| format!("hook send {name} --provider {provider}"))
                .hint(format!(
                    "`hook providers events {provider}` shows its catalogue; `--data` sends `{event}` all the same"
                )),
            ComposeError::NoGrouping(_) => Self::usage(message).hint("leave out `--group`"),
            ComposeError::MissingParam { name, .. } => Self::usage(message).hint(format!("add `--param {name}=VALUE`")),
            ComposeError::NoSuchPath { near, .. } => Self::usage(message)
                .near(&near, |path| format!("--set {path}=..."))
                .hint("`--set-new` creates a path"),
            ComposeError::NoMetadata(_) => Self::usage(message).hint("write it with `--set PATH=VALUE --set-new`"),
            ComposeError::BadParam { .. } | ComposeError::BadValue { .. } | ComposeError::Sample(_) => {
                Self::usage(message)
            }
        }
    }
}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Self {
        let base = Self::usage(error.to_string());
        match &error {
            SecretError::NoVariable(name) if name.is_empty() => base.hint("write the variable's name: `env:VAR`"),
            SecretError::NoVariable(name) => base.hint(format!("`export {name}=...` first")),
            SecretError::Unreadable { source, .. } => base.cause(source),
            SecretError::Empty(_) => base,
        }
    }
}

impl From<SignError> for Error {
    fn from(error: SignError) -> Self {
        Self::internal(error.to_string()).hint("check the key; `hook secret new --provider NAME` makes a new pair")
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Self::usage(error.to_string()).hint("`hook secret new --provider NAME` makes one of the right form")
    }
}

impl From<TargetError> for Error {
    fn from(error: TargetError) -> Self {
        Self::usage(error.to_string()).hint("write a URL, `localhost:3000/path`, `:3000` or a port")
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let base = Self::new(Exit::Store, error.to_string());
        match &error {
            StoreError::Missing(_) => {
                // Nothing was recorded yet, so nothing can match.
                Self {
                    exit: Exit::Nothing,
                    ..base
                }
                .hint("`hook listen` and `hook send` make one; `--ledger FILE` names another")
            }
            StoreError::Newer { .. } => base.hint("update hook, or use another file: `--ledger FILE`"),
            StoreError::Unreadable { .. } => base.hint("move it away, or use another file: `--ledger FILE`"),
            StoreError::Damaged { .. } => base.hint("`hook log` lists all others"),
            StoreError::Locked(_) => {
                base.hint("wait until the other process is done, or use another file: `--ledger FILE`")
            }
            StoreError::Full(_) => base.hint("make room, then `hook log prune`"),
            StoreError::ReadOnly { .. } => base.hint("use a file that can be written: `--ledger FILE`"),
            StoreError::Closed => base,
        }
    }
}

impl From<EndpointError> for Error {
    fn from(error: EndpointError) -> Self {
        use EndpointError as E;
        // A message may quote a book that somebody else wrote.
        let message = printable(&error.to_string(), 2000);
        match error {
            E::Rule(findings) => Self::of_findings(message, &findings),
            E::Secret(error) => error.into(),
            E::Unknown { near, .. } => Self::nothing(message)
                .near(&near, |name| format!("hook endpoints show {name}"))
                .hint("`hook endpoints list` shows what there is"),
            E::Ambiguous { .. } => Self::usage(message).hint("write more of the id, or the name"),
            E::Unsupported(_) | E::NotUnicode(_) => Self::usage(message),
            E::Duplicate { what: "name", .. } => {
                Self::new(Exit::Refused, message).hint("choose another one: `--name NAME`")
            }
            E::Duplicate { .. } => Self::new(Exit::Refused, message),
            E::Api(error) => Self::of_api(message, *error),
            E::Invalid { .. } => Self::new(Exit::Store, message).hint("correct it by hand, or move it away"),
            E::Newer { .. } => Self::new(Exit::Store, message).hint("update hook"),
            E::Outdated => Self::new(Exit::Store, message).hint("run it once more: the plan is made anew"),
            E::Locked(_) => Self::new(Exit::Store, message).hint("wait until the other process is done"),
            E::Io { source, .. } | E::LeftBehind { source, .. } => Self::new(Exit::Store, message).cause(source),
            E::NotStored(_) => Self::usage(message)
                .hint("`hook endpoints rotate-secret NAME` makes a new one, or takes one by `--secret`"),
            E::NoRandomness => Self::internal(message),
        }
    }
}

impl Error {
    /// What an API said is somebody else's text.
    fn of_api(message: String, error: ApiError) -> Self {
        let exit = match error.kind {
            ApiErrorKind::Refused | ApiErrorKind::Garbled => Exit::Refused,
            ApiErrorKind::Unknown => Exit::Nothing,
            ApiErrorKind::Unreachable => Exit::Unreachable,
        };
        Self {
            causes: error.causes.iter().map(|cause| printable(cause, 2000)).collect(),
            hints: error.hint.into_iter().collect(),
            ..Self::new(exit, message)
        }
    }

    /// All refusals of an endpoint; what else was found is not why.
    fn of_findings(first: String, findings: &[Finding]) -> Self {
        let refusals: Vec<&Finding> = findings.iter().filter(|finding| finding.is_problem()).collect();
        let mut error = match refusals.len() {
            0 | 1 => Self::new(Exit::Refused, first),
            several => Self::new(Exit::Refused, format!("the endpoint is refused for {several} reasons")),
        };
        for finding in &refusals {
            if refusals.len() > 1 {
                error = error.cause(printable(&finding.fact, 2000));
            }
            if let Some(hint) = finding.hint.as_ref().filter(|hint| !error.hints.contains(hint)) {
                error = error.hint(hint);
            }
        }
        error
    }
}
