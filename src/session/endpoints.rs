//! The endpoint book of this run: which file it is, and which of its references may be followed.

use std::io;
use std::path::Path;

use super::{Purpose, Session};
use crate::config::{private_folder, trust};
use crate::endpoints::{Book, Endpoint, EndpointError, EndpointSecret, Reference, Vault, select};
use crate::error::{Error, Result};
use crate::known;
use crate::mask;
use crate::provider::Profile;
use crate::secret::Secret;
use crate::signature::Scheme;

/// What git must not see beside a project's book.
const IGNORED: &[u8] = b"*.lock\n*.tmp\n";

impl Session {
    /// The project's book, else the user's.
    pub fn book(&self) -> Book {
        let project = self.settings.project.as_deref();
        let base = project.and_then(Path::parent).unwrap_or(&self.paths.config);
        Book::new(self.paths.endpoints(project), Vault::new(self.paths.secrets(), base))
    }

    /// Changes the book while nobody else can; makes it, and a project's folder for it, at first use.
    pub fn edit_book<T>(
        &self,
        change: impl FnOnce(&mut Vec<Endpoint>) -> std::result::Result<T, EndpointError>,
    ) -> std::result::Result<T, EndpointError> {
        self.prepare_book();
        self.book().edit(change)
    }

    /// Makes a project's folder for its book, where it is missing; the user's is made by the book itself.
    pub fn prepare_book(&self) {
        if self.settings.project.is_some()
            && let Some(folder) = self.book().path().parent()
            && !folder.exists()
        {
            // A folder that cannot be made is told about by the first change.
            let _ = private_folder(folder).and_then(|()| std::fs::write(folder.join(".gitignore"), IGNORED));
        }
    }

    /// The endpoint of that name, id, or unique beginning of an id.
    pub fn endpoint(&self, selector: &str) -> Result<Endpoint> {
        Ok(select(&self.book().read()?, selector)?.clone())
    }

    /// The secrets of an endpoint, the current one first: to sign with those that the header can carry, to verify with
    /// all that still count.
    pub fn endpoint_secrets(&self, endpoint: &Endpoint, profile: &Profile, purpose: Purpose) -> Result<Vec<Secret>> {
        let (book, now) = (self.book(), self.now());
        let secrets = match purpose {
            Purpose::Sign => endpoint.signing_secrets(now, profile.scheme.carries_several()),
            Purpose::Verify => endpoint.active_secrets(now),
        };
        secrets
            .into_iter()
            .map(|secret| {
                let found = self.endpoint_secret(&book, endpoint, secret, profile, purpose);
                found.map_err(|error| Error {
                    message: format!("endpoint `{}`: {}", endpoint.name, error.message),
                    ..error
                })
            })
            .collect()
    }

    /// The secrets of the endpoint of that name or id, as verdicts name them.
    pub(super) fn secrets_of_endpoint(&self, selector: &str, purpose: Purpose) -> Result<Vec<Secret>> {
        let endpoint = self.endpoint(selector)?;
        let profile = self.registry.get(&endpoint.provider)?;
        let name = format!("endpoint:{}", endpoint.name);
        let secrets = self.endpoint_secrets(&endpoint, &profile, purpose)?;
        Ok(secrets.into_iter().map(|secret| secret.named(&name)).collect())
    }

    /// One secret of an endpoint, unless the project's book may not make use of it.
    pub fn endpoint_secret(
        &self,
        book: &Book,
        endpoint: &Endpoint,
        secret: &EndpointSecret,
        profile: &Profile,
        purpose: Purpose,
    ) -> Result<Secret> {
        if let Some(ask) = self.untrusted_ask(book, endpoint, secret, profile) {
            return Err(Error::usage(format!("{ask}, and the project is not trusted"))
                .hint(format!("read `{}`, then `hook config trust`", book.path().display())));
        }
        let found = match purpose {
            Purpose::Sign => book.vault().signing(secret)?,
            Purpose::Verify => book.vault().verifying(secret)?,
        };
        // The public half of a pair is no secret.
        if purpose == Purpose::Sign || !matches!(profile.scheme, Scheme::Asymmetric(_)) {
            known::remember(&found, Some(&format!("endpoint:{}", endpoint.name)));
        }
        Ok(found)
    }

    /// What endpoints of that provider verify with, for explanations: what cannot be had is left out.
    pub(super) fn known_endpoint_secrets(&self, profile: &Profile) -> Vec<Secret> {
        let book = self.book();
        let endpoints = book.read().unwrap_or_default();
        let of_provider = endpoints
            .iter()
            .filter(|endpoint| endpoint.provider_name() == profile.name);
        let secrets = of_provider.flat_map(|endpoint| {
            let active = endpoint.active_secrets(self.now());
            active.into_iter().map(move |secret| (endpoint, secret))
        });
        secrets
            .filter_map(|(endpoint, secret)| {
                let found = self.endpoint_secret(&book, endpoint, secret, profile, Purpose::Verify);
                Some(found.ok()?.named(format!("the secret of endpoint {}", endpoint.name)))
            })
            .collect()
    }

    /// What the project's book asks for that needs trust and does not have it; each a fact.
    pub fn book_asks(&self) -> Vec<String> {
        let asks = self.asks().unwrap_or_default();
        asks.into_iter()
            .filter(|(_, entry)| !self.is_trusted(entry))
            .map(|(ask, _)| ask)
            .collect()
    }

    /// Trusts everything that the project's book asks for now.
    pub fn trust_book(&self) -> io::Result<()> {
        let asks = self.asks().unwrap_or_default();
        asks.iter().try_for_each(|(_, entry)| self.trust_entry(entry))
    }

    /// Trusts what an endpoint asks for, because the user just wrote it.
    pub fn trust_endpoint(&self, endpoint: &Endpoint) -> io::Result<()> {
        let asks = self.asks_of(&self.book(), endpoint);
        asks.iter().try_for_each(|(_, entry)| self.trust_entry(entry))
    }

    /// Whether everything that an endpoint asks for is trusted.
    pub fn trusts_endpoint(&self, endpoint: &Endpoint) -> bool {
        let asks = self.asks_of(&self.book(), endpoint);
        asks.iter().all(|(_, entry)| self.is_trusted(entry))
    }

    fn untrusted_ask(
        &self,
        book: &Book,
        endpoint: &Endpoint,
        secret: &EndpointSecret,
        profile: &Profile,
    ) -> Option<String> {
        let ask = self.ask(book, endpoint, secret, matches!(profile.scheme, Scheme::Token(_)))?;
        (!self.is_trusted(&entry(endpoint, secret))).then_some(ask)
    }

    fn asks(&self) -> std::result::Result<Vec<(String, String)>, EndpointError> {
        let book = self.book();
        let endpoints = book.read()?;
        Ok(endpoints
            .iter()
            .flat_map(|endpoint| self.asks_of(&book, endpoint))
            .collect())
    }

    fn asks_of(&self, book: &Book, endpoint: &Endpoint) -> Vec<(String, String)> {
        let profile = self.registry.get(&endpoint.provider);
        // A provider that cannot be read may send its secret as it is.
        let token = profile.map_or(true, |profile| matches!(profile.scheme, Scheme::Token(_)));
        let asks = endpoint.secrets.iter().filter_map(|secret| {
            let ask = self.ask(book, endpoint, secret, token)?;
            Some((format!("endpoint `{}`: {ask}", endpoint.name), entry(endpoint, secret)))
        });
        asks.collect()
    }

    /// Why a project's book needs trust for a secret: a cloned repository must not send a file of the user's, nor a
    /// variable as it is, to a URL of its choice.
    fn ask(&self, book: &Book, endpoint: &Endpoint, secret: &EndpointSecret, token: bool) -> Option<String> {
        self.settings.project.as_ref()?;
        let vault = book.vault();
        // A file that is not there gives nothing away, and reading it says so.
        let is_there = || vault.path(&secret.reference).is_some_and(|path| path.exists());
        let reference = crate::ui::printable(&secret.reference.to_string(), 400);
        match &secret.reference {
            Reference::File(_) if vault.leads_outside(&secret.reference) && is_there() => {
                Some(format!("its secret is a file outside of the project: `{reference}`"))
            }
            Reference::Env(_) if token => {
                let to = mask::url(&endpoint.url);
                Some(format!("its secret `{reference}` is sent as it is to `{to}`"))
            }
            _ => None,
        }
    }

    fn is_trusted(&self, entry: &str) -> bool {
        trust::is_trusted(&self.paths.trust(), self.book().path(), entry.as_bytes())
    }

    fn trust_entry(&self, entry: &str) -> io::Result<()> {
        trust::trust(&self.paths.trust(), self.book().path(), entry.as_bytes())
    }
}

/// What trust is in: a reference together with where it goes.
fn entry(endpoint: &Endpoint, secret: &EndpointSecret) -> String {
    format!("{} {} {}", secret.reference, endpoint.provider, endpoint.url)
}
