//! Secrets on their way into a store: generated or given, kept, handed over once, and taken back when the store refuses the
//! endpoint.

use std::path::{Path, PathBuf};

use super::Endpoints;
use crate::app::context::Context;
use crate::app::notice::Notices;
use crate::endpoints::{Book, Endpoint, EndpointError, EndpointSecret, EndpointStore, NewSecret, generate};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::Profile;
use crate::secret::{Secret, SecretError, SecretRef, SecretSource};
use crate::signature::{Asymmetric, KeyError, Scheme};

/// Where the secret of an endpoint comes from, and where a new one goes.
#[derive(Debug, Clone, Default)]
pub struct SecretOptions {
    /// The secret by reference, instead of a generated one.
    pub reference: Option<String>,
    /// The file that a generated one is written to.
    pub file: Option<PathBuf>,
    /// Whether the front end hides what it is handed.
    pub is_hidden: bool,
}

/// What a receiver needs, handed over once.
#[derive(Debug)]
pub enum Handed {
    /// The shared secret.
    Secret(String),
    /// The public half of a pair of keys.
    PublicKey(String),
    /// Either of them, in this file.
    File(PathBuf),
}

/// A secret that is kept, and not yet in the store.
#[derive(Debug, Default)]
pub(super) struct KeptSecret {
    pub(super) secret: Option<EndpointSecret>,
    pub(super) handed: Option<Handed>,
}

impl SecretOptions {
    /// Whether a secret can be given, generated and handed over as the user wants it.
    pub(super) fn check(&self, store: &dyn EndpointStore, profile: &Profile) -> Result<()> {
        let label = profile.label();
        match store.remote().map(|place| place.makes_secrets()) {
            Some(true) if self.reference.is_some() => {
                return Err(Error::usage(format!("`{label}` makes the secret itself")).hint("leave out `--secret`"));
            }
            Some(false) if self.file.is_some() => {
                return Err(Error::usage(format!(
                    "`{label}` hands no secret over, so there is none to be written"
                )));
            }
            Some(false) => return Ok(()),
            Some(true) | None => {}
        }
        let signs = !matches!(profile.scheme, Scheme::Unsigned);
        let is_told = self.reference.is_some() || self.file.is_some();
        if !signs && is_told {
            return Err(Error::usage(format!(
                "`{label}` signs nothing, so an endpoint of it has no secret"
            )));
        }
        if signs && !is_told && self.is_hidden {
            return Err(
                Error::usage("`--quiet` would hide the new secret, which is shown only once")
                    .hint("leave out `--quiet`, or where one endpoint is added, `--secret-file FILE`"),
            );
        }
        match &self.file {
            Some(file) if file.exists() => Err(Error::usage(format!("file `{}` is there already", file.display()))
                .hint("a secret is never overwritten: choose another file, or remove this one")),
            _ => Ok(()),
        }
    }

    /// Takes the given secret, or generates one in the provider's form unless the provider does, and keeps it for the
    /// endpoint of that name.
    pub(super) fn keep(&self, of: &Endpoints<'_>, profile: &Profile, name: &str) -> Result<KeptSecret> {
        let (context, store) = (of.context, of.store);
        let vault = store.book().vault();
        if let Some(text) = &self.reference {
            let secret = Some(given(context, store.book(), profile, (text, name))?);
            return Ok(KeptSecret { secret, handed: None });
        }
        if store.remote().is_some() {
            return Ok(KeptSecret::default());
        }
        let Some(new) = generate(profile, &context.random)? else {
            return Ok(KeptSecret::default());
        };
        let text = handed_text(profile, &new)?;
        let reference = vault.store(name, &new, &context.random)?;
        let mut kept = KeptSecret {
            secret: Some(reference.into()),
            handed: None,
        };
        let shown = if new.public.is_some() {
            Handed::PublicKey
        } else {
            Handed::Secret
        };
        match self.written(text, shown) {
            Ok(handed) => kept.handed = Some(handed),
            Err(error) => {
                kept.take_back(of);
                return Err(error);
            }
        }
        Ok(kept)
    }

    /// Hands over a secret that the provider made.
    pub(super) fn hand_over(&self, notices: &Notices, secret: &Secret) -> Handed {
        let text = String::from_utf8_lossy(secret.expose()).into_owned();
        self.written(text.clone(), Handed::Secret).unwrap_or_else(|error| {
            // The provider hands it over only once: showing it is better than losing it.
            notices.warn(error.to_string());
            Handed::Secret(text)
        })
    }

    /// Writes a text to the file that the user wants it in; without one it is to be shown.
    fn written(&self, text: String, shown: fn(String) -> Handed) -> Result<Handed> {
        let Some(file) = &self.file else { return Ok(shown(text)) };
        write_new(file, &format!("{text}\n"))?;
        Ok(Handed::File(file.clone()))
    }
}

impl KeptSecret {
    /// Discards it where its endpoint did not come into the store; reports its file where only an old secret could not be
    /// removed.
    pub(super) fn settle(self, of: &Endpoints<'_>, stored: Option<&std::result::Result<(), EndpointError>>) {
        if let Some(Err(EndpointError::LeftBehind { .. })) = stored {
            let path = (self.secret).and_then(|secret| of.store.book().vault().path(&secret.reference));
            if let Some(path) = path {
                let what = format!("the new secret is in `{}`", path.display());
                of.context.notices.warn(what);
            }
        } else {
            self.take_back(of);
        }
    }

    /// Undoes everything: the endpoint did not come into the store.
    fn take_back(self, of: &Endpoints<'_>) {
        if let Some(secret) = &self.secret {
            take_back(of.store.book(), &of.context.notices, secret);
        }
        if let Some(Handed::File(file)) = &self.handed {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Forgets a secret that was kept for an endpoint which is nowhere.
pub(super) fn take_back(book: &Book, notices: &Notices, secret: &EndpointSecret) {
    // The book may name it although the call failed: the file can be replaced before syncing its folder fails.
    let named = |endpoint: &Endpoint| endpoint.secrets.iter().any(|known| known.reference == secret.reference);
    if book.written().is_ok_and(|all| all.iter().any(named)) {
        return;
    }
    if let Err(error) = book.vault().discard(&secret.reference) {
        notices.warn(error.to_string());
    }
}

/// What the receiver gets, in the provider's form.
fn handed_text(profile: &Profile, new: &NewSecret) -> Result<String> {
    match (&profile.scheme, &new.public) {
        (Scheme::Asymmetric(scheme), Some(pem)) => Ok(public_text(scheme, pem)?),
        _ => Ok(String::from_utf8_lossy(new.secret.expose()).into_owned()),
    }
}

/// A public key, which is kept as PEM, in the provider's form.
pub(super) fn public_text(scheme: &Asymmetric, pem: &str) -> std::result::Result<String, KeyError> {
    let text = scheme.public_text(&Secret::new(pem))?;
    Ok(String::from_utf8_lossy(text.expose()).trim_end().to_owned())
}

/// Keeps the secret that a user gives by reference for the endpoint of that name.
fn given(context: &Context, book: &Book, profile: &Profile, (text, name): (&str, &str)) -> Result<EndpointSecret> {
    let mut reference = SecretRef::parse(text);
    context.warn_of_readers(&reference);
    match reference.resolve() {
        Ok(secret) => {
            profile.scheme.signer(std::slice::from_ref(&secret))?;
            // Standard input can be read only once.
            if reference.source == SecretSource::Stdin {
                reference.source = SecretSource::Literal(secret);
            }
        }
        Err(error @ (SecretError::NoVariable(_) | SecretError::Unreadable { .. })) => {
            let what = format!("{error}: until it is, nothing can be signed");
            context.notices.warn(what);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(book.vault().keep(name, &reference, &context.random)?)
}

/// Writes a new file that only this user can read.
pub fn write_new(file: &Path, text: &str) -> Result<()> {
    let written = crate::fs::write_new(file, text.as_bytes());
    written.map_err(|error| {
        let failed = Error::new(Exit::Store, format!("file `{}` cannot be written", file.display())).cause(&error);
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                failed.hint("nothing is overwritten: choose another file, or remove this one")
            }
            _ => failed,
        }
    })
}
