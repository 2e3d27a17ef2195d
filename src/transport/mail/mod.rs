//! Mails over SMTP. Without the cargo feature `mail` there is no transport, and asking for one is an error.

#![cfg_attr(
    not(feature = "mail"),
    expect(dead_code, reason = "nothing is read where nothing is sent")
)]

#[cfg(not(feature = "mail"))]
mod absent;
#[cfg(feature = "mail")]
mod smtp;

use std::path::PathBuf;
use std::time::SystemTime;

#[cfg(not(feature = "mail"))]
pub use absent::MailTransport;
#[cfg(feature = "mail")]
pub use smtp::MailTransport;

use crate::secret::Secret;
use crate::words::words;

words! {
    /// How the connection to a mail server is encrypted.
    #[derive(Default)]
    pub enum SmtpTls {
        /// From a command on. A server that does not know it gets nothing.
        #[default]
        StartTls = "starttls",
        /// From the beginning.
        Tls = "tls",
        /// Not at all: on this machine only.
        Off = "none",
    }
}

/// A mail server, and in whose name it gets mails.
#[derive(Debug, Clone)]
pub struct MailOptions {
    /// Its name or address.
    pub host: String,
    /// Its port; that of the form of encryption when absent.
    pub port: Option<u16>,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// Certificates that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The sender.
    pub from: String,
}

/// A mail.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Identifies it, however often it is sent; letters, digits, `.`, `-` and `_`.
    pub id: String,
    /// When.
    pub at: SystemTime,
    /// To whom.
    pub to: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
}

/// Why a mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailError {
    /// For people; may contain what the server said.
    pub text: String,
    /// Whether it is of no use to try again.
    pub is_permanent: bool,
}

/// Why mails cannot be sent with these settings.
#[derive(Debug, thiserror::Error)]
pub enum MailSetupError {
    /// An address that is none.
    #[error("`{0}` is not a mail address such as `pat@example.com`")]
    Address(String),
    /// An unencrypted connection that leaves this machine.
    #[error("`tls = \"none\"` is for a mail server on this machine, and `{0}` is not")]
    Unencrypted(String),
    /// Certificates that cannot be used.
    #[error("the certificates in `{path}` cannot be used: {why}")]
    Certificates {
        /// Their file.
        path: String,
        /// Why.
        why: String,
    },
    /// This program has no transport.
    #[cfg(not(feature = "mail"))]
    #[error("this hook was built without mail")]
    Absent,
}
