//! `[notify]`: which notices the owners of endpoints get, and by which channels.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::owner_notice::NoticeKind;
use crate::secret::SecretRef;
use crate::transport::mail::SmtpTls;

/// `[notify]`, of `hook serve`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NotifyFile {
    /// Which notices there are.
    pub events: Option<Vec<NoticeKind>>,
    /// A command that gets each as JSON.
    pub exec: Option<String>,
    /// The endpoint that gets each as an event.
    pub webhook: Option<String>,
    /// The sender of mails.
    pub from: Option<String>,
    /// Their recipients.
    pub to: Option<Vec<String>>,
    /// Recipients of the mails about an endpoint, by its name, in place of those.
    pub endpoint_to: Option<IndexMap<String, Vec<String>>>,
    /// The mail server.
    pub smtp: Option<SmtpFile>,
}

/// `[notify.smtp]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SmtpFile {
    /// Its name or address; empty: no mails.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Its port; that of the form of encryption when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<SmtpTls>,
    /// The user who logs in; absent: no login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Reference of the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A file with certificates that are trusted beside the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cacert: Option<String>,
}

impl NotifyFile {
    /// As it is shown: the text of the password is masked, a reference is not.
    pub(super) fn masked(&self) -> Self {
        let mut shown = self.clone();
        if let Some(password) = shown.smtp.as_mut().and_then(|smtp| smtp.password.as_mut()) {
            *password = SecretRef::parse(password).to_string();
        }
        shown
    }
}
