//! Secrets on their way into the book: generated or given, kept, handed over once, and taken back when the book refuses
//! the endpoint.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::endpoints::{Endpoint, EndpointError, EndpointSecret, Fresh, Vault, generate};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::Profile;
use crate::secret::{Secret, SecretError, SecretRef, SecretSource};
use crate::signature::{Asymmetric, KeyError, Scheme};
use crate::text::printable;

#[derive(Default, Debug, Clone, Args)]
pub(super) struct SecretArgs {
    /// The secret, by reference, instead of a generated one: `env:VAR`, `file:PATH`, `-`, `literal:TEXT`
    #[arg(short, long, value_name = "[NAME=]REF", add = crate::cli::complete::references(), help_heading = "Secret")]
    pub(super) secret: Option<String>,
    /// Write the generated secret to this file (0600) instead of showing it
    #[arg(long, value_name = "FILE", conflicts_with = "secret", help_heading = "Secret")]
    pub(super) secret_file: Option<PathBuf>,
}

/// What a receiver needs, handed over once.
pub(super) enum Handed {
    /// The shared secret.
    Secret(String),
    /// The public half of a pair of keys.
    PublicKey(String),
    /// Either of them, in this file.
    File(PathBuf),
}

/// A secret that is kept and not yet in the book.
pub(super) struct NewSecret {
    pub(super) secret: Option<EndpointSecret>,
    pub(super) handed: Option<Handed>,
    /// Whether what is handed over is no secret.
    pub(super) public: bool,
}

impl SecretArgs {
    /// Whether a generated secret could be handed over.
    pub(super) fn check(&self, session: &Session, profile: &Profile) -> Result<()> {
        let signs = !matches!(profile.scheme, Scheme::Unsigned);
        if !signs && (self.secret.is_some() || self.secret_file.is_some()) {
            return Err(Error::usage(format!(
                "`{}` signs nothing, so an endpoint of it has no secret",
                profile.label()
            )));
        }
        if signs && self.secret.is_none() && self.secret_file.is_none() && session.ui.output == Output::Quiet {
            return Err(
                Error::usage("`--quiet` would hide the new secret, which is shown only once")
                    .hint("leave out `--quiet`, or where one endpoint is added, `--secret-file FILE`"),
            );
        }
        match &self.secret_file {
            Some(file) if file.exists() => Err(Error::usage(format!("file `{}` is there already", file.display()))
                .hint("a secret is never overwritten: choose another file, or remove this one")),
            _ => Ok(()),
        }
    }

    /// Generates a secret in the provider's form, or takes the given one, and keeps it for the endpoint of that name.
    pub(super) fn make(&self, session: &Session, profile: &Profile, name: &str) -> Result<NewSecret> {
        if let Some(text) = &self.secret {
            return Ok(NewSecret {
                secret: Some(given(session, session.book().vault(), profile, (text, name))?),
                handed: None,
                public: false,
            });
        }
        let Some(fresh) = generate(profile, &session.random)? else {
            return Ok(NewSecret::none());
        };
        let text = handed_text(profile, &fresh)?;
        let reference = session.book().vault().store(name, &fresh, &session.random)?;
        let public = fresh.public.is_some();
        let mut new = NewSecret {
            secret: Some(EndpointSecret {
                reference,
                name: None,
                until: None,
            }),
            handed: None,
            public,
        };
        new.handed = Some(match &self.secret_file {
            None if public => Handed::PublicKey(text),
            None => Handed::Secret(text),
            Some(file) => match write(file, &text) {
                Ok(()) => Handed::File(file.clone()),
                Err(error) => {
                    new.take_back(session);
                    return Err(error);
                }
            },
        });
        Ok(new)
    }
}

impl NewSecret {
    /// Nothing was made, and nothing is handed over.
    pub(super) fn none() -> Self {
        Self {
            secret: None,
            handed: None,
            public: false,
        }
    }

    /// Undoes everything: the endpoint did not come into the book.
    pub(super) fn take_back(self, session: &Session) {
        if let Some(secret) = &self.secret {
            take_back(session, secret);
        }
        if let Some(Handed::File(file)) = &self.handed {
            let _ = std::fs::remove_file(file);
        }
    }

    /// Hands the secret over, for people.
    pub(super) fn show(&self, session: &Session) -> Result<()> {
        let ui = &session.ui;
        match &self.handed {
            None => {}
            Some(Handed::Secret(text)) => {
                // A provider's API may have made it.
                let text = printable(text, usize::MAX);
                ui.line(&format!("{} {}", ui.out.dim("secret "), ui.out.strong(&text)))?;
                ui.flush()?;
                ui.note("keep the secret: the receiver needs it, and it is not shown again");
            }
            Some(Handed::PublicKey(text)) => {
                ui.line(&ui.out.dim("public key"))?;
                ui.line(text)?;
                ui.flush()?;
                ui.note("the receiver verifies with the public key; the private half stays on this machine");
            }
            Some(Handed::File(file)) => {
                let what = if self.public { "public key" } else { "secret" };
                ui.line(&format!("{} in `{}`", ui.out.dim(what), file.display()))?;
                ui.flush()?;
                ui.note(&format!(
                    "give the receiver what is in the file: the {what} is not shown"
                ));
            }
        }
        Ok(())
    }
}

/// Forgets a secret that this command kept for an endpoint which is nowhere.
pub(super) fn take_back(session: &Session, secret: &EndpointSecret) {
    // The book may name it although the command failed: when the disk was told of the change and did not confirm it.
    let named = |endpoint: &Endpoint| endpoint.secrets.iter().any(|known| known.reference == secret.reference);
    if session.book().read().is_ok_and(|all| all.iter().any(named)) {
        return;
    }
    if let Err(error) = session.book().vault().discard(&secret.reference) {
        session.ui.warn(&error.to_string());
    }
}

/// What the receiver gets, in the provider's form.
fn handed_text(profile: &Profile, fresh: &Fresh) -> Result<String> {
    match (&profile.scheme, &fresh.public) {
        (Scheme::Asymmetric(scheme), Some(pem)) => Ok(public_text(scheme, pem)?),
        _ => Ok(String::from_utf8_lossy(fresh.secret.expose()).into_owned()),
    }
}

/// A public key, which is kept as PEM, in the provider's form.
pub(super) fn public_text(scheme: &Asymmetric, pem: &str) -> std::result::Result<String, KeyError> {
    let text = scheme.public_text(&Secret::new(pem))?;
    Ok(String::from_utf8_lossy(text.expose()).trim_end().to_owned())
}

/// Keeps the secret that a user gives by reference for the endpoint of that name.
pub(super) fn given(
    session: &Session,
    vault: &Vault,
    profile: &Profile,
    (text, name): (&str, &str),
) -> Result<EndpointSecret> {
    let mut reference = SecretRef::parse(text);
    if reference.bare {
        session
            .ui
            .warn("a secret on the command line is visible to other users; use `env:VAR` or `file:PATH`");
    }
    match reference.resolve() {
        Ok(secret) => {
            profile.scheme.signer(std::slice::from_ref(&secret))?;
            // Standard input can be read only once.
            if reference.source == SecretSource::Stdin {
                reference.source = SecretSource::Literal(secret);
            }
        }
        Err(error @ (SecretError::NoVariable(_) | SecretError::Unreadable { .. })) => {
            session.ui.warn(&format!("{error}: until it is, nothing can be signed"));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(vault.keep(name, &reference, &session.random)?)
}

/// Writes a secret to a new file that only this user can read.
pub(super) fn write(file: &Path, text: &str) -> Result<()> {
    write_new(file, &format!("{text}\n"))
}

/// Writes a new file that only this user can read, as it stands.
pub(super) fn write_new(file: &Path, text: &str) -> Result<()> {
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

/// Changes the book; a new secret that does not come into it is taken back.
pub(super) fn into_book<T>(
    session: &Session,
    new: NewSecret,
    change: impl FnOnce(&mut Vec<Endpoint>, Option<EndpointSecret>) -> std::result::Result<T, EndpointError>,
) -> std::result::Result<(T, NewSecret), EndpointError> {
    let secret = new.secret.clone();
    match session.edit_book(|endpoints| change(endpoints, secret)) {
        Ok(answer) => Ok((answer, new)),
        // The change is made: only an old secret could not be removed.
        Err(error @ EndpointError::LeftBehind { .. }) => {
            let vault = session.book().vault().clone();
            if let Some(path) = new.secret.as_ref().and_then(|secret| vault.path(&secret.reference)) {
                session.ui.warn(&format!("the new secret is in `{}`", path.display()));
            }
            Err(error)
        }
        Err(error) => {
            new.take_back(session);
            Err(error)
        }
    }
}
