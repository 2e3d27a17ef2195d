//! The endpoint book of this run: which file it is, and which of its secrets may be used.

use std::sync::Arc;

use super::{Context, Purpose};
use crate::app::endpoint_health::LedgerHealth;
use crate::app::pauses::{PauseWatch, Paused};
use crate::app::trust;
use crate::config::SettingOrigin;
use crate::endpoints::{Book, BookChange, BookWatch, Endpoint, EndpointSecret, select};
use crate::error::{Error, Result};
use crate::known;
use crate::provider::Profile;
use crate::secret::Secret;
use crate::shell::quote;
use crate::signature::Scheme;
use crate::store;
use crate::text::printable;
use crate::trust::Grant;

/// Endpoints whose secrets are looked at for an explanation, at most.
const MOST_ENDPOINTS: usize = 32;

impl Context {
    /// The book in the database where the ledger is in one, else the project's, else the user's.
    pub fn book(&self) -> Book {
        let health = LedgerHealth::new(self.store_place.clone());
        let book = match store::kept_rows(&self.store_place) {
            Some(rows) => Book::of_store(&rows, &self.store_place, &self.paths.config),
            None => trust::book(&self.paths, self.settings.project.as_deref()),
        };
        book.with_health(Arc::new(health))
    }

    /// The book for a long run, which reads it again when it changes.
    pub fn book_watch(&self) -> BookWatch {
        let (ui, path) = (self.notices.clone(), self.book().path().display().to_string());
        BookWatch::new(self.book(), move |change| match change {
            BookChange::Broken(why) => {
                ui.warn(format!("`{path}` cannot be used: {}", printable(&why, 1000)));
                ui.note("the endpoints stay as they were until it is repaired");
            }
            BookChange::Repaired => ui.note(format!("`{path}` is in use again")),
        })
    }

    /// What is paused now. Without a ledger nothing is.
    pub fn paused(&self) -> Paused {
        let lanes = self.reader().ok().and_then(|store| store.paused().ok());
        Paused::new(lanes.unwrap_or_default())
    }

    /// What is paused, for a long run.
    pub fn pause_watch(&self) -> PauseWatch {
        PauseWatch::of(self.store_place.clone())
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
        if secrets.is_empty() && purpose == Purpose::Sign {
            self.check_other_secret(&book, endpoint, profile)?;
        }
        let used_for = self.used_for(endpoint, profile);
        let fetched = secrets.into_iter().map(|secret| {
            let found = fetch(&book, &used_for, secret, purpose, is_public(profile, purpose));
            found.map_err(|error| Error {
                message: format!("endpoint `{}`: {}", endpoint.name, error.message),
                hints: error.hints.iter().map(|hint| named(hint, &endpoint.name)).collect(),
                ..error
            })
        });
        fetched.collect()
    }

    /// The endpoint with the provider that its secrets are used for.
    fn used_for(&self, endpoint: &Endpoint, profile: &Profile) -> Endpoint {
        let label = profile.label();
        let chosen = self.settings.provider.as_deref() == Some(label.as_str())
            && self.settings.named_provider.as_deref() != Some(label.as_str());
        let mut used = endpoint.clone();
        // An untrusted project may choose the provider, but that must not turn a signing secret into a token that is sent.
        if chosen {
            used.provider = label;
        }
        used
    }

    /// The secrets of the endpoint of that name or id, as verdicts name them.
    pub(in crate::app) fn secrets_of_endpoint(&self, selector: &str, purpose: Purpose) -> Result<Vec<Secret>> {
        let endpoint = select(&self.book().written()?, selector)?.clone();
        let profile = self.registry.get(&endpoint.provider)?;
        let name = format!("endpoint:{}", endpoint.name);
        let secrets = self.endpoint_secrets(&endpoint, &profile, purpose)?;
        Ok(secrets.into_iter().map(|secret| secret.named(&name)).collect())
    }

    /// One secret of an endpoint to sign with, unless the project's book may not make use of it.
    pub fn signing_secret(book: &Book, endpoint: &Endpoint, secret: &EndpointSecret) -> Result<Secret> {
        fetch(book, endpoint, secret, Purpose::Sign, false)
    }

    /// What endpoints of that provider verify with, or those of all others, for explanations: secrets that cannot be read
    /// are left out.
    pub(in crate::app) fn known_endpoint_secrets(&self, profile: &Profile, of_others: bool) -> Vec<Secret> {
        let (book, purpose) = (self.book(), Purpose::Verify);
        let mut endpoints = book.written().unwrap_or_default();
        endpoints.retain(|endpoint| (endpoint.provider_name() != profile.name) == of_others);
        let mut known = Vec::new();
        for endpoint in endpoints.iter().take(MOST_ENDPOINTS) {
            let own = self.registry.get(&endpoint.provider);
            let is_public = own.is_ok_and(|own| is_public(&own, purpose));
            for secret in endpoint.active_secrets(self.now()) {
                if let Ok(found) = fetch(&book, endpoint, secret, purpose, is_public) {
                    known.push(found.named(format!("the secret of endpoint {}", endpoint.name)));
                }
            }
        }
        known
    }

    /// Refuses to give an endpoint of a project's book, which has no secret of its own, one that the user did not give
    /// for it: what the project names, or, where it would be sent as it is, any that hook finds by itself.
    fn check_other_secret(&self, book: &Book, endpoint: &Endpoint, profile: &Profile) -> Result<()> {
        let origin = self.settings.secret_origin();
        let what = match (origin, &self.settings.secret) {
            // The user set `HOOK_SECRET` for this run.
            (Some(SettingOrigin::Environment), _) => return Ok(()),
            (Some(SettingOrigin::Project(_)), Some(secret)) => trust::OtherSecret::Project(secret),
            _ => trust::OtherSecret::Own,
        };
        check_allowed(book, what.needs(book, endpoint, Some(profile)))
    }
}

/// The hint for that endpoint.
fn named(hint: &str, endpoint: &str) -> String {
    hint.replace("rotate-secret NAME", &format!("rotate-secret {}", quote(endpoint)))
}

fn check_allowed(book: &Book, needed: Option<Grant>) -> Result<()> {
    match needed {
        Some(grant) if !book.allows(&grant) => Err(trust::refused(&grant)),
        _ => Ok(()),
    }
}

/// Whether it is the public half of a key pair, which is not a secret.
fn is_public(profile: &Profile, purpose: Purpose) -> bool {
    purpose == Purpose::Verify && matches!(profile.scheme, Scheme::Asymmetric(_))
}

/// Reads a secret that the user allows the endpoint to use.
fn fetch(
    book: &Book,
    endpoint: &Endpoint,
    secret: &EndpointSecret,
    purpose: Purpose,
    is_public: bool,
) -> Result<Secret> {
    check_allowed(book, book.needs(endpoint, secret))?;
    let found = match purpose {
        Purpose::Sign => book.vault().signing(secret)?,
        Purpose::Verify => book.vault().verifying(secret)?,
    };
    if !is_public {
        known::remember(&found, Some(&format!("endpoint:{}", endpoint.name)));
    }
    Ok(found)
}
