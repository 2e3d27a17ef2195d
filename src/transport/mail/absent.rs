//! In place of the transport, where hook was built without it.

use super::{Mail, MailError, MailOptions, MailSetupError};

/// There is none.
#[derive(Debug)]
pub enum MailTransport {}

impl MailTransport {
    /// Fails.
    pub fn new(_: &MailOptions) -> Result<Self, MailSetupError> {
        Err(MailSetupError::Absent)
    }

    /// Whether that is a mail address.
    pub fn check_address(_: &str) -> Result<(), MailSetupError> {
        Err(MailSetupError::Absent)
    }

    /// Sends nothing.
    #[expect(clippy::unused_async, reason = "as the one that does send")]
    pub async fn send(&self, _: Mail) -> Result<Vec<String>, MailError> {
        match *self {}
    }
}
