//! The dev secret: shared by `listen` and `send` on one machine without configuration. Several processes may be the first to
//! use it at once: each of its files is created by one of them, and read by all.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::Paths;
use crate::encryption::{ChangeCount, Encryption, KeyChange, StoredText};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs::{create_once, private_file, remove_temporary, sync_folder};
use crate::known;
use crate::provider::Profile;
use crate::random::Random;
use crate::secret::{DEV_SECRET, Secret};
use crate::signature::{AsymmetricKind, Scheme};

/// The use of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The private half of a pair.
    Sign,
    /// The public half of a pair.
    Verify,
}

/// Secrets for a run: given ones, or the dev secret in each provider's form.
#[derive(Debug, Clone)]
pub enum Secrets {
    /// As the user gave them.
    Given(Vec<Secret>),
    /// The dev secret.
    Dev(DevSecret),
}

/// One random root, from which each provider's form of the secret is derived, and pairs of keys.
#[derive(Debug, Clone)]
pub struct DevSecret {
    root: Secret,
    paths: Paths,
    encryption: Encryption,
}

/// A pair of keys in one file: two files could be of two processes.
#[derive(Serialize, Deserialize)]
struct Pair {
    private: String,
    public: String,
}

impl DevSecret {
    /// The dev secret of this user, made at first use.
    pub fn open(paths: &Paths) -> Result<Self> {
        Self::open_with(paths, Encryption::default())
    }

    fn open_with(paths: &Paths, encryption: Encryption) -> Result<Self> {
        let path = paths.dev_secret();
        let make = || Ok(Secret::new(Random::os().text(b"0123456789abcdef", 64)));
        let root = read_or_make(&path, &encryption, make)?;
        if root.is_empty() {
            let hint = format!("remove it, and a new one is made: `rm {}`", path.display());
            return Err(unusable(&path, "used").cause("it is empty").hint(hint));
        }
        Ok(Self {
            root,
            paths: paths.clone(),
            encryption,
        })
    }

    /// Changes the key that it is encrypted with, and its pairs of keys; with `dry_run` only finds out whether that can be
    /// done. Each file is replaced whole.
    pub fn change_key(paths: &Paths, change: &KeyChange, dry_run: bool) -> Result<ChangeCount> {
        let mut count = ChangeCount::default();
        if !dry_run {
            remove_temporary(&paths.state, "dev-");
        }
        for path in files(paths) {
            let Some(stored) = read_file(&path)? else { continue };
            let changed = change.apply(&record(&path), &stored)?;
            count.add(changed.is_some());
            if let Some(text) = changed.filter(|_| !dry_run) {
                let written = private_file(&path, text.as_bytes()).and_then(|()| sync_folder(&paths.state));
                written.map_err(|error| unusable(&path, "written").cause(error))?;
            }
        }
        Ok(count)
    }

    /// Whether it, or one of its pairs of keys, is stored in clear text.
    pub fn has_clear_text(paths: &Paths) -> bool {
        let mut stored = files(paths)
            .into_iter()
            .filter_map(|path| read_file(&path).ok().flatten());
        stored.any(|stored| !stored.is_encrypted())
    }

    /// Whether it was ever used in the form that a profile wants.
    pub fn exists(paths: &Paths, profile: &Profile) -> bool {
        match &profile.scheme {
            Scheme::Asymmetric(scheme) => {
                pair_file(paths, scheme.kind).exists() || earlier_files(paths, scheme.kind)[1].exists()
            }
            _ => paths.dev_secret().exists(),
        }
    }

    /// The dev secret in the form that a profile wants: the same on every run.
    pub fn for_profile(&self, profile: &Profile, purpose: Purpose) -> Result<Secret> {
        if let Scheme::Asymmetric(scheme) = &profile.scheme {
            let pair = self.pair(scheme.kind)?;
            // The public half is not a secret, so it is not masked.
            return Ok(match purpose {
                Purpose::Sign => dev(pair.private),
                Purpose::Verify => Secret::new(pair.public).named(DEV_SECRET),
            });
        }
        let form = &profile.secret.form;
        // Many providers have the same form. Each needs a secret of its own: what one signs must not pass as another's.
        let key = [
            self.root.expose(),
            form.to_string().as_bytes(),
            b"\n",
            profile.name.as_bytes(),
        ]
        .concat();
        Ok(dev(form.fresh(&Random::derived(key))))
    }

    fn pair(&self, kind: AsymmetricKind) -> Result<Pair> {
        let path = pair_file(&self.paths, kind);
        let pair = read_or_make(&path, &self.encryption, || {
            let pair = match self.earlier_pair(kind)? {
                Some(pair) => pair,
                None => fresh_pair(kind)?,
            };
            let json = serde_json::to_vec(&pair).map_err(|error| unusable(&path, "created").cause(error))?;
            Ok(Secret::new(json))
        })?;
        serde_json::from_slice(pair.expose()).map_err(|error| {
            let hint = format!("remove it, and a new pair is made: `rm {}`", path.display());
            unusable(&path, "read").cause(error).hint(hint)
        })
    }

    /// The pair that an earlier hook kept in two files, unless they are of two pairs.
    fn earlier_pair(&self, kind: AsymmetricKind) -> Result<Option<Pair>> {
        let [private, public] = earlier_files(&self.paths, kind);
        let (Some(stored), Ok(public)) = (read_file(&private)?, std::fs::read_to_string(public)) else {
            return Ok(None);
        };
        let private = self.encryption.open(&record(&private), &stored)?;
        let is_pair = kind.is_pair(&private, &public);
        let private = String::from_utf8_lossy(private.expose()).into_owned();
        Ok(is_pair.then_some(Pair { private, public }))
    }
}

impl Secrets {
    /// The secrets in the form that a profile wants.
    pub fn for_profile(&self, profile: &Profile, purpose: Purpose) -> Result<Vec<Secret>> {
        match self {
            Self::Given(secrets) => {
                let usable = |secret: &&Secret| secret.provider().is_none_or(|provider| provider == profile.name);
                Ok(secrets.iter().filter(usable).cloned().collect())
            }
            Self::Dev(dev) => Ok(vec![dev.for_profile(profile, purpose)?]),
        }
    }

    /// Whether it is the dev secret.
    pub fn is_dev(&self) -> bool {
        matches!(self, Self::Dev(_))
    }
}

/// The dev secret with that text, known so that it is masked.
fn dev(text: impl Into<Vec<u8>>) -> Secret {
    let secret = Secret::new(text).named(DEV_SECRET);
    known::remember(&secret, Some(DEV_SECRET));
    secret
}

/// The secret in the file, which the first of several processes makes.
fn read_or_make(path: &Path, encryption: &Encryption, make: impl FnOnce() -> Result<Secret>) -> Result<Secret> {
    let record = record(path);
    let stored = match read_file(path)? {
        Some(stored) => stored,
        None => {
            let stored = encryption.store(&record, make()?)?;
            let created = create_once(path, stored.as_bytes());
            StoredText::read(&created.map_err(|error| unusable(path, "created").cause(error))?)
        }
    };
    encryption.open(&record, &stored)
}

fn read_file(path: &Path) -> Result<Option<StoredText>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(StoredText::read(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(path, "read").cause(error)),
    }
}

/// What an encrypted file is bound to: its name.
fn record(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// All files that may hold a secret.
fn files(paths: &Paths) -> Vec<PathBuf> {
    let kinds = [AsymmetricKind::Ed25519, AsymmetricKind::Ecdsa, AsymmetricKind::Rsa];
    let pairs = kinds.into_iter().flat_map(|kind| {
        let [private, _] = earlier_files(paths, kind);
        [pair_file(paths, kind), private]
    });
    std::iter::once(paths.dev_secret()).chain(pairs).collect()
}

fn fresh_pair(kind: AsymmetricKind) -> Result<Pair> {
    let pair = kind
        .generate()
        .ok_or_else(|| Error::internal("no key pair can be made"))?;
    Ok(Pair {
        private: String::from_utf8_lossy(pair.private.expose()).into_owned(),
        public: pair.public,
    })
}

fn pair_file(paths: &Paths, kind: AsymmetricKind) -> PathBuf {
    paths.state.join(format!("dev-{}.pair", kind.name()))
}

/// The private and the public half, as an earlier hook kept them.
fn earlier_files(paths: &Paths, kind: AsymmetricKind) -> [PathBuf; 2] {
    ["", ".pub"].map(|end| paths.state.join(format!("dev-{}{end}", kind.name())))
}

fn unusable(path: &Path, verb: &str) -> Error {
    let what = format!("dev secret `{}` cannot be {verb}", path.display());
    Error::new(Exit::Store, what).hint("give a secret with `--secret env:VAR`")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tempfile::TempDir;

    use super::*;
    use crate::encryption::testing::{change, with};
    use crate::provider::Registry;

    fn paths(folder: &TempDir) -> Paths {
        Paths {
            config: folder.path().join("config"),
            state: folder.path().join("state"),
        }
    }

    #[test]
    fn an_earlier_pair_is_kept_and_two_halves_of_different_pairs_are_not() {
        for kind in [AsymmetricKind::Ed25519, AsymmetricKind::Ecdsa, AsymmetricKind::Rsa] {
            let folder = TempDir::new().unwrap();
            let paths = paths(&folder);
            let dev = DevSecret::open(&paths).unwrap();
            let (one, other) = (fresh_pair(kind).unwrap(), fresh_pair(kind).unwrap());
            let [private, public] = earlier_files(&paths, kind);
            std::fs::write(private, &one.private).unwrap();
            std::fs::write(&public, &other.public).unwrap();
            assert!(dev.earlier_pair(kind).unwrap().is_none());
            std::fs::write(&public, &one.public).unwrap();
            let kept = dev.pair(kind).unwrap();
            assert!(kept.private == one.private && kept.public == one.public);
            std::fs::write(&public, &other.public).unwrap();
            assert_eq!(dev.pair(kind).unwrap().public, one.public, "from now on it is one file");
        }
    }

    #[test]
    fn with_a_key_nothing_is_in_clear_text_and_another_key_reads_it_after_a_change_only() {
        let folder = TempDir::new().unwrap();
        let paths = paths(&folder);
        let open = |byte: u8| DevSecret::open_with(&paths, with(byte));
        let (root, pair) = (
            open(1).unwrap().root,
            open(1).unwrap().pair(AsymmetricKind::Ed25519).unwrap(),
        );
        assert!(!DevSecret::has_clear_text(&paths));
        assert_eq!(open(2).unwrap_err().exit, Exit::Store);
        let keys = change(Some(1), Some(2));
        for dry_run in [true, false] {
            assert_eq!(DevSecret::change_key(&paths, &keys, dry_run).unwrap().changed, 2);
        }
        let dev = open(2).unwrap();
        assert!(dev.root == root && dev.pair(AsymmetricKind::Ed25519).unwrap().private == pair.private);
        assert_eq!(open(1).unwrap_err().exit, Exit::Store);
        DevSecret::change_key(&paths, &change(Some(2), None), false).unwrap();
        assert!(DevSecret::open(&paths).unwrap().root == root && DevSecret::has_clear_text(&paths));
    }

    #[test]
    fn no_two_providers_share_a_dev_secret_and_all_variants_of_one_do() {
        let folder = TempDir::new().unwrap();
        let dev = DevSecret::open(&paths(&folder)).unwrap();
        let registry = Registry::default();
        let mut seen: HashMap<Vec<u8>, String> = HashMap::new();
        for name in registry.names() {
            for profile in registry.ranked(&name).unwrap() {
                if matches!(profile.scheme, Scheme::Asymmetric(_) | Scheme::Unsigned) {
                    continue;
                }
                let secret = dev.for_profile(&profile, Purpose::Verify).unwrap();
                let owner = seen.entry(secret.expose().to_vec()).or_insert_with(|| name.clone());
                assert_eq!(*owner, *name);
            }
        }
        assert!(seen.len() > 40, "{}", seen.len());
    }

    #[test]
    fn an_empty_file_is_told_and_not_replaced() {
        let folder = TempDir::new().unwrap();
        let paths = paths(&folder);
        std::fs::create_dir(&paths.state).unwrap();
        std::fs::write(paths.dev_secret(), "").unwrap();
        let error = DevSecret::open(&paths).unwrap_err();
        assert!(error.causes == ["it is empty"] && paths.dev_secret().exists());
    }
}
