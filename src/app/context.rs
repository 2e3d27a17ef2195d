//! What every command works with: the screen, the settings, the catalogue, the clock, the ledger's place; and the two
//! questions that all of them ask: which provider, which secret.

mod endpoints;
mod remote;
mod replay;
mod restore;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use crate::app::dev_secret::{DevSecret, Purpose};
use crate::app::endpoint_gate::EndpointGate;
use crate::app::notice::Notices;
use crate::app::retention::{self, Keeping};
use crate::clock::{Clock, SteppingClock, SystemClock, Timestamp};
use crate::config::{Paths, Settings};
use crate::engine::Limits;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::exchange::SecretKind;
use crate::known;
use crate::pipeline::Pipeline;
use crate::provider::{Profile, Registry, near_names};
use crate::random::Random;
pub use crate::secret::DEV_SECRET;
use crate::secret::{self, Secret, SecretRef, SecretSource};
use crate::store::{Access, Lease, Ledger, Reader, SqliteStore, Store};
use crate::transport::Transport;
pub use remote::notes;

/// One run of the program.
#[derive(Clone)]
pub struct Context {
    /// Where remarks go.
    pub notices: Notices,
    /// All layers but the flags of the command.
    pub settings: Settings,
    /// Folders of this user.
    pub paths: Paths,
    /// The providers.
    pub registry: Registry,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Fresh identities.
    pub random: Arc<Random>,
    /// The ledger's file.
    pub ledger_path: PathBuf,
}

/// The ledger of a program that runs for long.
pub struct KeptLedger {
    /// For recording.
    pub ledger: Ledger,
    /// When the newest record was made, once the ledger is open.
    newest: Arc<OnceLock<Option<Timestamp>>>,
    limits: retention::Limits,
}

/// Secrets for a run: given ones, or the dev secret in the form of whichever provider asks.
#[derive(Debug, Clone)]
pub enum Secrets {
    /// As the user gave them.
    Given(Vec<Secret>),
    /// The dev secret.
    Dev(DevSecret),
}

impl Context {
    /// The clock of the machine, or the one that tests ask for by `__HOOK_NOW`.
    pub fn clock_from_env() -> Arc<dyn Clock> {
        match std::env::var("__HOOK_NOW")
            .ok()
            .and_then(|text| Timestamp::parse(&text))
        {
            Some(at) => Arc::new(SteppingClock::new(at)),
            None => Arc::new(SystemClock),
        }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The ledger, opened for writing while the caller goes on: what fails is told by the first write.
    pub fn ledger(&self) -> Ledger {
        self.start_ledger(self.settings.dedupe_window, |_| {})
    }

    /// The ledger of a program that runs for long: kept within its limits, with another window for duplicates when one is
    /// given.
    pub fn kept_ledger(&self, window: Option<Duration>) -> KeptLedger {
        let newest = Arc::new(OnceLock::new());
        let (found, limits) = (Arc::clone(&newest), retention::Limits::of(&self.settings));
        let window = window.unwrap_or(self.settings.dedupe_window);
        let ledger = self.start_ledger(window, move |store| {
            store.set_limit(limits.size);
            // What cannot be read is told by whoever looks for it.
            let _ = found.set(store.newest().unwrap_or_default());
        });
        KeptLedger { ledger, newest, limits }
    }

    fn start_ledger(&self, window: Duration, set_up: impl FnOnce(&mut SqliteStore) + Send + 'static) -> Ledger {
        let (path, ui) = (self.ledger_path.clone(), self.notices.clone());
        let open = move || {
            let mut store = SqliteStore::open(&path, Access::ReadWrite)?;
            store.set_dedupe_window(window);
            set_up(&mut store);
            Ok(Box::new(store) as Box<dyn Store>)
        };
        Ledger::start_telling(open, move |notice| ui.warn(&notice.to_string()))
    }

    /// Drops old records from now on. The ledger must be open.
    pub fn keep(&self, kept: &KeptLedger) {
        let keeping = Keeping {
            ledger: self.ledger_path.clone(),
            limits: kept.limits,
            newest: kept.newest.get().copied().flatten(),
            clock: Arc::clone(&self.clock),
        };
        if let Some(waits) = keeping.start() {
            self.notices.note(&waits);
            self.notices
                .hint("`hook log prune` drops records at once, `[ledger] retention` in the settings keeps them longer");
        }
    }

    /// The ledger for reading; never created.
    pub fn reader(&self) -> Result<SqliteStore> {
        Ok(SqliteStore::open(&self.ledger_path, Access::ReadOnly)?)
    }

    /// The ledger for reading beside the writer, in a thread of its own.
    pub fn background_reader(&self) -> Reader {
        let path = self.ledger_path.clone();
        Reader::start(move || Ok(Box::new(SqliteStore::open(&path, Access::ReadOnly)?)))
    }

    /// This process's lease on the deliveries that it works on.
    pub fn claim_lease(&self) -> Result<Lease> {
        Lease::claim(&self.ledger_path).map_err(|error| {
            let what = format!("ledger `{}` cannot be claimed", self.ledger_path.display());
            Error::new(Exit::Store, what).cause(error)
        })
    }

    /// The way from deliveries to records and lines.
    pub fn pipeline<T: Transport>(
        &self,
        transport: Arc<T>,
        ledger: Ledger,
        limits: Limits,
        cancel: CancellationToken,
        lease: Option<Arc<Lease>>,
    ) -> Pipeline<T> {
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        Pipeline {
            clock,
            random,
            transport,
            ledger,
            limits,
            cancel,
            stop_retrying: CancellationToken::new(),
            lease,
            gate: Some(Arc::new(EndpointGate::new(Arc::new(self.book_watch())))),
        }
    }

    /// Which provider is played: the flag, the endpoint's, the settings', the one whose catalogue has the event. The
    /// choice is said on stderr when it was found by the event.
    pub fn provider_for(&self, named: Option<&str>, event: Option<&str>) -> Result<Arc<Profile>> {
        if let Some(name) = named.or(self.settings.provider.as_deref()) {
            return Ok(self.registry.get(name)?);
        }
        let Some(event) = event else {
            return Err(Error::usage("no provider is given")
                .hint("add `--provider NAME`; `hook providers list` shows all of them"));
        };
        let found = self.registry.find_event(event, None);
        match found.as_slice() {
            [one] => {
                let alias = if one.alias {
                    format!(" (`{event}` is its `{}`)", one.event)
                } else {
                    String::new()
                };
                self.notices.note(&format!("provider: {}{alias}", one.provider));
                Ok(self.registry.get(&one.provider)?)
            }
            [] => {
                let all = self.registry.all_events();
                let near = near_names(event, all.iter().map(|(name, _)| name.as_str()));
                Err(Error::nothing(format!("no provider has an event `{event}`"))
                    .near(&near, |name| format!("hook send {name}"))
                    .hint("`hook providers events NAME` shows a catalogue"))
            }
            several => {
                let providers: Vec<_> = several.iter().map(|m| format!("`{}`", m.provider)).collect();
                let first = several.first().map_or("", |m| m.provider.as_str());
                Err(Error::usage(format!(
                    "event `{event}` belongs to several providers: {}",
                    providers.join(", ")
                ))
                .hint(format!("pick one: `--provider {first}`")))
            }
        }
    }

    /// The account's parameters that the provider's envelope has.
    pub fn account_params(&self, profile: &Profile) -> Vec<(String, String)> {
        let params = self.settings.account_params.iter();
        params
            .filter(|(name, _)| profile.params.contains_key(name))
            .cloned()
            .collect()
    }

    /// Which secrets: the flags, the endpoint's, the settings' (with `HOOK_SECRET`), the dev secret.
    pub fn secrets_for(&self, given: &[String], endpoint: Vec<Secret>, purpose: Purpose) -> Result<Secrets> {
        self.secrets_and_kind(given, (None, endpoint), purpose)
            .map(|(secrets, _)| secrets)
    }

    /// As [`Context::secrets_for`], with what the ledger keeps in place of them. The endpoint's come with its name.
    pub fn secrets_and_kind(
        &self,
        given: &[String],
        (endpoint, own): (Option<&str>, Vec<Secret>),
        purpose: Purpose,
    ) -> Result<(Secrets, SecretKind)> {
        if !given.is_empty() {
            let found = given.iter().map(|text| self.secrets(text, purpose));
            let secrets = found.collect::<Result<Vec<_>>>()?.concat();
            return Ok((Secrets::Given(secrets), given_kind(given)));
        }
        if !own.is_empty() {
            let kind = endpoint.map_or_else(
                || SecretKind::Given(Vec::new()),
                |name| SecretKind::Endpoint(name.into()),
            );
            return Ok((Secrets::Given(own), kind));
        }
        if let Some(text) = &self.settings.secret {
            return Ok((Secrets::Given(self.secrets(text, purpose)?), SecretKind::Settings));
        }
        Ok((Secrets::Dev(self.dev_secret()?), SecretKind::Dev))
    }

    /// Fetches what `[NAME=]endpoint:NAME` stands for, or the one secret of another reference.
    fn secrets(&self, text: &str, purpose: Purpose) -> Result<Vec<Secret>> {
        let Some((name, endpoint)) = secret::endpoint_of(text) else {
            return self.secret(text).map(|secret| vec![secret]);
        };
        let secrets = self.secrets_of_endpoint(endpoint, purpose)?.into_iter();
        let named = |secret: Secret| match name {
            Some(name) => secret.named(name),
            None => secret,
        };
        Ok(secrets.map(named).collect())
    }

    /// Fetches a secret by its reference, with a warning when it stood bare on the command line.
    pub fn secret(&self, text: &str) -> Result<Secret> {
        let reference = SecretRef::parse(text);
        if reference.bare {
            self.notices
                .warn("a secret on the command line is visible to other users; use `env:VAR` or `file:PATH`");
        }
        let secret = reference.resolve()?;
        remember(&secret, &reference);
        Ok(secret)
    }

    /// Secrets that this machine knows without being told: the settings', the dev secret when it was ever used, and those
    /// of endpoints. For explanations: what cannot be read is left out.
    pub fn known_secrets(&self, profile: &Profile) -> Vec<Secret> {
        let settings = self.settings.secret.as_deref().map(SecretRef::parse);
        let settings = settings.filter(|reference| reference.source != SecretSource::Stdin);
        let dev =
            DevSecret::exists(&self.paths, profile).then(|| self.dev_secret()?.for_profile(profile, Purpose::Verify));
        let settings = settings.and_then(|reference| {
            let secret = reference.resolve().ok()?;
            remember(&secret, &reference);
            Some(secret)
        });
        let endpoints = self.known_endpoint_secrets(profile);
        settings
            .into_iter()
            .chain(dev.and_then(Result::ok))
            .chain(endpoints)
            .collect()
    }

    /// The dev secret, made at first use.
    pub fn dev_secret(&self) -> Result<DevSecret> {
        DevSecret::open(&self.paths)
    }
}

/// Does what waits for files or locks beside the runtime's thread, where it would hold up every request.
pub async fn aside<S: Send + Sync + 'static, T: Send + 'static>(
    state: &Arc<S>,
    work: impl FnOnce(&S) -> Result<T> + Send + 'static,
) -> Result<T> {
    let state = Arc::clone(state);
    let done = tokio::task::spawn_blocking(move || work(&state)).await;
    done.unwrap_or_else(|error| Err(Error::internal("work beside the runtime broke down").cause(error)))
}

/// The kind of secrets that were given by reference. A text that is the secret itself leaves nothing but its place.
fn given_kind(references: &[String]) -> SecretKind {
    let kept = |text: &String| match secret::endpoint_of(text) {
        Some(_) => text.clone(),
        None => {
            let reference = SecretRef::parse(text);
            match &reference.source {
                SecretSource::Env(_) | SecretSource::File(_) => reference.anywhere(),
                SecretSource::Stdin | SecretSource::Literal(_) => String::new(),
            }
        }
    };
    match references {
        [one] if one.starts_with("endpoint:") => SecretKind::Endpoint(one["endpoint:".len()..].to_owned()),
        several => SecretKind::Given(several.iter().map(kept).collect()),
    }
}

/// Takes note of a secret under the reference that can be typed again.
fn remember(secret: &Secret, reference: &SecretRef) {
    let nameless = SecretRef {
        name: None,
        ..reference.clone()
    };
    let typed = matches!(reference.source, SecretSource::Env(_) | SecretSource::File(_)).then(|| nameless.anywhere());
    known::remember(secret, typed.as_deref());
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
