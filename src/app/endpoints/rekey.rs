//! How the secrets of this user are stored: encrypted with the key of `HOOK_KEY`, with another one from now on, or in clear text.

use serde::Serialize;

use crate::app::context::Context;
use crate::config::remote::{RemoteFile, change_token_key};
use crate::config::{Layer, SettingOrigin, Settings};
use crate::encryption::{self, ChangeCount, Encryption, EncryptionKey, KeyChange, VARIABLE};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs::rewrite_file;
use crate::secret::SecretRef;
use crate::verification::dev_secret::DevSecret;

/// With which keys.
#[derive(Debug, Clone, Default)]
pub struct RekeyOptions {
    /// Reference of the key before; absent: that of `HOOK_KEY`, if it is set.
    pub from: Option<String>,
    /// Reference of the key after; absent: clear text.
    pub to: Option<String>,
}

/// How secrets are stored now, as `hook.rekey/1` has it.
#[derive(Debug, Serialize)]
pub struct Rekeyed {
    /// The id of their key; absent: they are in clear text.
    pub key: Option<String>,
    /// How many were stored otherwise before.
    pub changed: u64,
    /// How many were not.
    pub unchanged: u64,
}

/// Changes the key of everything that this user has stored: secrets of endpoints, also of other projects, the dev secret,
/// tokens in the user's settings. Nothing is changed where one of them cannot be read. Each is replaced whole, so that a run that is
/// killed can be repeated.
pub fn rekey(context: &Context, options: &RekeyOptions) -> Result<Rekeyed> {
    let change = KeyChange {
        from: key(context, options.from.clone().or_else(encryption::reference).as_deref())?,
        to: key(context, options.to.as_deref())?,
    };
    let vault = context.book().vault().clone();
    let _lock = vault.lock()?;
    let run = |dry_run| -> Result<ChangeCount> {
        let mut count = vault.change_key(&change, dry_run)?;
        count += DevSecret::change_key(&context.paths, &change, dry_run)?;
        count += tokens(context, &change, dry_run)?;
        Ok(count)
    };
    run(true)?;
    let ChangeCount { changed, unchanged } = run(false)?;
    let done = Rekeyed {
        key: change.to.as_ref().map(|key| key.id().to_owned()),
        changed,
        unchanged,
    };
    hint_of_variable(context, &done, options.to.as_deref());
    Ok(done)
}

fn key(context: &Context, reference: Option<&str>) -> Result<Option<EncryptionKey>> {
    let Some(text) = reference else { return Ok(None) };
    let key = EncryptionKey::read(text)?;
    context.warn_of_readers(&SecretRef::parse(text));
    Ok(Some(key))
}

/// Tokens of the user's own settings. Files of projects are not rewritten.
fn tokens(context: &Context, change: &KeyChange, dry_run: bool) -> Result<ChangeCount> {
    let path = &context.settings.user_file;
    let unusable = |verb: &str| {
        Error::new(
            Exit::Store,
            format!("settings file `{}` cannot be {verb}", path.display()),
        )
    };
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(ChangeCount::default()),
        read => read.map_err(|error| unusable("read").cause(error))?,
    };
    let (count, changed) = change_token_key(&text, change)?;
    if count.changed > 0 && !dry_run {
        rewrite_file(path, changed.as_bytes()).map_err(|error| unusable("written").cause(error))?;
    }
    Ok(count)
}

/// Notes the value that `HOOK_KEY` must have from now on, unless it has it.
fn hint_of_variable(context: &Context, done: &Rekeyed, to: Option<&str>) {
    let used = Encryption::default().key().ok().flatten();
    match (to, &done.key) {
        (Some(to), Some(id)) if used.as_ref().is_none_or(|key| key.id() != id) => {
            let reference = SecretRef::parse(to).anywhere();
            context
                .notices
                .hint(format!("from now on: `export {VARIABLE}={reference}`"));
        }
        (None, _) if encryption::reference().is_some() => {
            context.notices.hint(format!("from now on: `unset {VARIABLE}`"));
        }
        _ => {}
    }
}

/// Whether the user's own settings hold a token in clear text.
fn has_clear_token(settings: &Settings) -> bool {
    let own = |layer: &&Layer| matches!(layer.origin, SettingOrigin::User(_));
    let remotes = settings
        .layers
        .iter()
        .filter(own)
        .filter_map(|layer| layer.file.remote.as_ref());
    remotes
        .flat_map(|remotes| remotes.values())
        .any(RemoteFile::has_clear_token)
}

/// Checks the key at the start of a service. Returns what there is to say when something is stored in clear text, and a hint.
pub fn check_storage(context: &Context) -> Result<Option<(String, String)>> {
    let reference = encryption::reference();
    if let Some(reference) = &reference {
        Encryption::default().key()?;
        context.warn_of_readers(&SecretRef::parse(reference));
    }
    let is_clear = context.book().vault().has_clear_text()
        || DevSecret::has_clear_text(&context.paths)
        || has_clear_token(&context.settings);
    if !is_clear {
        return Ok(None);
    }
    let to = reference
        .as_deref()
        .map_or_else(|| "file:PATH".to_owned(), |text| SecretRef::parse(text).anywhere());
    let what = match reference {
        Some(_) => "some stored secrets are in clear text".to_owned(),
        None => format!("stored secrets are in clear text, since `{VARIABLE}` is not set"),
    };
    Ok(Some((what, format!("`hook endpoints rekey --to {to}` encrypts them"))))
}
