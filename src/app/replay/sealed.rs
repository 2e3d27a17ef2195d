//! Secrets of a record, which are not in the ledger. A record that would go out without one of them is not sent.

use super::Replay;
use super::original::Original;
use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::provider::Profile;
use crate::shell;
use crate::store::{Record, Sealed, SealedPlace};

impl Replay<'_> {
    /// Restores the available secrets: those of the options, and those of this machine.
    pub(super) fn restore(&self, record: &mut Record) -> Result<()> {
        if record.sealed().is_empty() {
            return Ok(());
        }
        if !self.options.secrets.is_empty() {
            // Fetching them makes them known.
            self.given()?;
            record.unseal();
        }
        self.context.restore(record);
        Ok(())
    }

    /// The error when the delivery would lack a secret of the record.
    pub(super) fn incomplete(
        &self,
        original: &Original,
        profile: Option<&Profile>,
        headers: &Headers,
    ) -> Option<Error> {
        let options = self.options;
        let goes_out = |one: &&Sealed| match &one.header {
            Some(name) => headers.contains(name) && !options.headers.contains(name),
            None if one.place == SealedPlace::Target => options.to.is_some(),
            None => options.to.is_none(),
        };
        let sealed = original.sealed.iter().find(goes_out)?;
        let number = original.number;
        let named = sealed.reference.as_ref();
        let named = named.map_or_else(String::new, |name| format!(" (`{name}`)"));
        let flag = flag(sealed, profile);
        let why = format!(
            "{} of `#{number}` is in the ledger as fingerprint `{}`, and the secret{named} is not available",
            sealed.what(),
            sealed.fingerprint
        );
        Some(Error::usage(why).hint(format!("`{} {flag}` sends it", options.command(number))))
    }
}

/// The flag that gives the secret.
fn flag(sealed: &Sealed, profile: Option<&Profile>) -> String {
    let reference = sealed.reference.as_deref().filter(|name| !name.contains(' '));
    let reference = reference.map_or_else(|| "REF".to_owned(), shell::quote);
    let token = profile.and_then(|profile| profile.scheme.token_header());
    match &sealed.header {
        Some(name) if token.is_some_and(|token| token.eq_ignore_ascii_case(name)) => format!("--secret {reference}"),
        Some(name) if name == "authorization" => format!("--bearer {reference}"),
        Some(name) => format!("-H {}", shell::quote(&format!("{name}: VALUE"))),
        // A new target gets the query too.
        None if sealed.place == SealedPlace::Target => format!("--to URL --secret {reference}"),
        None => "--to URL".to_owned(),
    }
}
