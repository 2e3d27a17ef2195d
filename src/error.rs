//! The error that reaches the user: a fact, its causes, hints that can be typed, and an exit code.

use std::fmt;

use crate::exit::Exit;
use crate::secret::SecretError;
use crate::text::quoted;

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

    /// Ends the command with that code, without a message.
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
            several => self.hint(format!("near names: {}", quoted(several))),
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
