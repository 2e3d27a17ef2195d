//! Fresh secrets and key pairs, and the dev secret in a provider's form.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::app::context::{Context, DEV_SECRET, Purpose};
use crate::endpoints::generate;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs::{folder_of, private_folder, write_new};
use crate::provider::Profile;
use crate::random::Random;
use crate::secret::{Secret, SecretRef};
use crate::signature::Scheme;

/// A secret that is handed to the user.
#[derive(Serialize)]
pub struct ShownSecret {
    /// The provider in whose form it is, with its variant.
    pub provider: String,
    /// The kind of its scheme.
    pub kind: &'static str,
    /// The secret, or the private half of a key pair; absent where it is in a file.
    pub secret: Option<String>,
    /// The public half.
    pub public: Option<String>,
    /// Where it was written.
    pub file: Option<PathBuf>,
    /// Where the public half was written.
    pub public_file: Option<PathBuf>,
}

/// Makes a secret in the provider's form, and writes it to a file where one is named.
pub fn make(context: &Context, provider: Option<&str>, file: Option<PathBuf>) -> Result<ShownSecret> {
    let profile = signing(context, provider)?;
    let (secret, public) = fresh(&profile)?;
    let Some(file) = file else {
        return Ok(ShownSecret::new(&profile, Some(&secret), public.as_ref()));
    };
    let public_file = public
        .as_ref()
        .map(|_| PathBuf::from(format!("{}.pub", file.display())));
    keep(&file, &secret)?;
    if let (Some(path), Some(public)) = (&public_file, &public) {
        // One half alone is useless.
        keep(path, public).inspect_err(|_| drop(std::fs::remove_file(&file)))?;
    }
    Ok(ShownSecret {
        file: Some(file),
        public_file,
        ..ShownSecret::new(&profile, None, public.as_ref())
    })
}

/// The dev secret in the provider's form, or the public half of its key pair.
pub fn dev_secret(context: &Context, provider: Option<&str>, public: bool) -> Result<ShownSecret> {
    let profile = signing(context, provider)?;
    let scheme = match &profile.scheme {
        Scheme::Asymmetric(scheme) => Some(scheme),
        _ if public => {
            let what = format!("`{}` has one shared secret and no public half", profile.label());
            return Err(Error::usage(what).hint("leave out `--public`"));
        }
        _ => None,
    };
    let dev = context.dev_secret()?;
    if let Some(other) = &context.settings.secret {
        let other = SecretRef::parse(other);
        let warning = format!("the settings name `{other}`, which is used instead of the {DEV_SECRET}");
        context.notices.warn(warning);
    }
    let note = "used by `hook send` and `hook listen --secret` when no other secret is given";
    context
        .notices
        .note(format!("the {DEV_SECRET} of this machine, {note}"));
    let purpose = if public { Purpose::Verify } else { Purpose::Sign };
    let secret = dev.for_profile(&profile, purpose)?;
    let secret = match scheme {
        Some(scheme) if public => scheme.public_text(&secret)?,
        Some(scheme) => scheme.private_text(&secret)?,
        None => secret,
    };
    let (secret, public) = if public {
        (None, Some(&secret))
    } else {
        (Some(&secret), None)
    };
    Ok(ShownSecret::new(&profile, secret, public))
}

fn signing(context: &Context, name: Option<&str>) -> Result<Arc<Profile>> {
    let profile = context.provider_for(name, None)?;
    match profile.scheme {
        Scheme::Unsigned => Err(signs_nothing(&profile)),
        _ => Ok(profile),
    }
}

fn signs_nothing(profile: &Profile) -> Error {
    Error::usage(format!("`{}` signs nothing, so it has no secret", profile.label()))
}

/// A fresh secret; for a key pair the private half, with the public one beside it.
fn fresh(profile: &Profile) -> Result<(Secret, Option<Secret>)> {
    let new = generate(profile, &Random::os())?.ok_or_else(|| signs_nothing(profile))?;
    Ok(match (&profile.scheme, new.public) {
        (Scheme::Asymmetric(scheme), Some(pem)) => {
            let public = scheme.public_text(&Secret::new(pem))?;
            (scheme.private_text(&new.secret)?, Some(public))
        }
        _ => (new.secret, None),
    })
}

/// Writes a file that was not there: another process may be about to write the same one.
fn keep(path: &Path, secret: &Secret) -> Result<()> {
    let written = private_folder(folder_of(path)).and_then(|()| write_new(path, secret.expose()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::usage(format!("file `{}` is there already", path.display()))
            .hint("a secret is never overwritten: choose another file, or remove this one"),
        _ => Error::new(Exit::Internal, format!("file `{}` cannot be written", path.display())).cause(error),
    })
}

impl ShownSecret {
    fn new(profile: &Profile, secret: Option<&Secret>, public: Option<&Secret>) -> Self {
        let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).trim_end().to_owned();
        Self {
            provider: profile.label(),
            kind: profile.scheme.kind(),
            secret: secret.map(text),
            public: public.map(text),
            file: None,
            public_file: None,
        }
    }
}
