//! `hook secret`: fresh secrets and key pairs, and the dev secret.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use crate::app::context::{DEV_SECRET, Purpose};
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs::{folder_of, private_folder, write_new};
use crate::provider::Profile;
use crate::random::Random;
use crate::secret::Secret;
use crate::signature::Scheme;

/// Make secrets and key pairs, and show the dev secret
#[derive(Debug, clap::Args)]
pub(super) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Make a fresh secret or key pair in the provider's form
    New {
        /// `NAME` or `NAME@VARIANT`
        #[arg(short, long, value_name = "NAME", add = super::complete::providers())]
        provider: Option<String>,
        /// Write it to this file (0600) instead of printing it; the public half goes to `FILE.pub`
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Show the dev secret in the provider's form: what the app under test needs
    Show {
        /// `NAME` or `NAME@VARIANT`
        #[arg(short, long, value_name = "NAME", add = super::complete::providers())]
        provider: Option<String>,
        /// Show the public half of the key pair
        #[arg(long)]
        public: bool,
    },
}

/// What was made or is shown.
#[derive(Serialize)]
struct SecretLine<'a> {
    schema: &'static str,
    provider: String,
    kind: &'static str,
    secret: Option<String>,
    public: Option<String>,
    file: Option<&'a Path>,
    public_file: Option<&'a Path>,
}

pub(super) fn run(session: &Session, args: SecretArgs) -> Result<Exit> {
    match args.command {
        SecretCommand::New { provider, out } => {
            let profile = signing(session, provider.as_deref())?;
            let (secret, public) = fresh(&profile)?;
            match out {
                Some(file) => write(session, &profile, &file, &secret, public.as_ref()),
                None => print(session, &profile, Some(&secret), public.as_ref()),
            }
        }
        SecretCommand::Show { provider, public } => show(session, &*signing(session, provider.as_deref())?, public),
    }
}

fn signing(session: &Session, name: Option<&str>) -> Result<std::sync::Arc<Profile>> {
    let profile = session.provider_for(name, None)?;
    if matches!(profile.scheme, Scheme::Unsigned) {
        return Err(Error::usage(format!(
            "`{}` signs nothing, so it has no secret",
            profile.label()
        )));
    }
    Ok(profile)
}

/// A fresh secret; for a key pair the private half, with the public one beside it.
fn fresh(profile: &Profile) -> Result<(Secret, Option<Secret>)> {
    let Scheme::Asymmetric(scheme) = &profile.scheme else {
        return Ok((Secret::new(profile.secret_form.fresh(&Random::os())), None));
    };
    let pair = scheme
        .kind
        .generate()
        .ok_or_else(|| Error::internal("no key pair can be made"))?;
    let public = scheme.public_text(&Secret::new(pair.public))?;
    Ok((scheme.private_text(&pair.private)?, Some(public)))
}

fn show(session: &Session, profile: &Profile, public: bool) -> Result<Exit> {
    let scheme = match &profile.scheme {
        Scheme::Asymmetric(scheme) => Some(scheme),
        _ if public => {
            let what = format!("`{}` has one shared secret and no public half", profile.label());
            return Err(Error::usage(what).hint("leave out `--public`"));
        }
        _ => None,
    };
    let dev = session.dev_secret()?;
    if let Some(other) = &session.settings.secret {
        let other = crate::secret::SecretRef::parse(other);
        session.ui.warn(&format!(
            "the settings name `{other}`, which is used instead of the {DEV_SECRET}"
        ));
    }
    let note = "used by `hook send` and `hook listen --secret` when no other secret is given";
    session.ui.note(&format!("the {DEV_SECRET} of this machine, {note}"));
    let purpose = if public { Purpose::Verify } else { Purpose::Sign };
    let secret = dev.for_profile(profile, purpose)?;
    let secret = match scheme {
        Some(scheme) if public => scheme.public_text(&secret)?,
        Some(scheme) => scheme.private_text(&secret)?,
        None => secret,
    };
    if public {
        print(session, profile, None, Some(&secret))
    } else {
        print(session, profile, Some(&secret), None)
    }
}

fn print(session: &Session, profile: &Profile, secret: Option<&Secret>, public: Option<&Secret>) -> Result<Exit> {
    let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).trim_end().to_owned();
    for half in secret.into_iter().chain(public) {
        session.ui.line(&text(half))?;
    }
    session.ui.json(&SecretLine {
        schema: "hook.secret/1",
        provider: profile.label(),
        kind: profile.scheme.kind(),
        secret: secret.map(text),
        public: public.map(text),
        file: None,
        public_file: None,
    })?;
    Ok(Exit::Ok)
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

fn write(session: &Session, profile: &Profile, file: &Path, secret: &Secret, public: Option<&Secret>) -> Result<Exit> {
    let public_file = public.map(|_| PathBuf::from(format!("{}.pub", file.display())));
    keep(file, secret)?;
    if let (Some(path), Some(public)) = (&public_file, public) {
        // One half alone would be of no use to anybody.
        keep(path, public).inspect_err(|_| drop(std::fs::remove_file(file)))?;
    }
    let ui = &session.ui;
    ui.line(&format!("{}", file.display()))?;
    if let Some(path) = &public_file {
        ui.line(&format!("{}", path.display()))?;
    }
    ui.json(&SecretLine {
        schema: "hook.secret/1",
        provider: profile.label(),
        kind: profile.scheme.kind(),
        secret: None,
        public: public.map(|public| String::from_utf8_lossy(public.expose()).trim_end().to_owned()),
        file: Some(file),
        public_file: public_file.as_deref(),
    })?;
    ui.flush()?;
    match &public_file {
        None => ui.hint(&format!("use it: `--secret file:{}`", file.display())),
        Some(path) => ui.hint(&format!(
            "sign with `--secret file:{}`; the receiver gets `--secret file:{}`",
            file.display(),
            path.display()
        )),
    }
    Ok(Exit::Ok)
}
