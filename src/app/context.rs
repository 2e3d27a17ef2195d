//! What every use case works with: settings, provider registry, clock, ledger path, and where notices go.

mod endpoints;
mod remote;
mod restore;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::app::endpoint_gate::EndpointGate;
use crate::app::endpoint_health::DisableNotices;
use crate::app::notice::Notices;
use crate::app::retention::{Retention, RetentionLimits};
use crate::clock::{Clock, SteppingClock, SystemClock, Timestamp};
use crate::config::{Paths, Settings};
use crate::engine::{Engine, Limits};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::pipeline::{DisableRules, Pipeline};
use crate::process::CommandOutput;
use crate::provider::Registry;
use crate::random::Random;
pub use crate::secret::DEV_SECRET;
use crate::store::{
    self, Access, ClaimError, Lease, Ledger, LedgerReader, Owners, Query, QueryPage, Store, StoreError, StoreOptions,
    StorePlace,
};
use crate::transport::Transport;
pub use crate::verification::dev_secret::{Purpose, Secrets};
pub use remote::{http_transport, notes};

/// One run of the program.
#[derive(Clone)]
pub struct Context {
    /// Where notices go.
    pub notices: Notices,
    /// Where commands that a use case runs print.
    pub command_output: CommandOutput,
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
    /// Where the ledger is.
    pub store_place: StorePlace,
}

/// Where hook keeps its files.
#[derive(Debug, Serialize)]
pub struct FilePlaces {
    /// The user's settings.
    pub config: PathBuf,
    /// The user's providers.
    pub providers: PathBuf,
    /// The endpoints that count here.
    pub endpoints: StorePlace,
    /// The project's settings.
    pub project: Option<PathBuf>,
    /// What hook notes for itself.
    pub state: PathBuf,
    /// What was recorded.
    pub ledger: StorePlace,
    /// The dev secret.
    pub dev_secret: PathBuf,
    /// Secrets of endpoints.
    pub secrets: PathBuf,
    /// What projects are allowed.
    pub trust: PathBuf,
}

impl Context {
    /// Where files are, whether or not they are there yet.
    pub fn file_places(&self) -> FilePlaces {
        let (paths, project) = (&self.paths, &self.settings.project);
        FilePlaces {
            config: self.settings.user_file.clone(),
            providers: paths.providers(),
            endpoints: match &self.store_place {
                StorePlace::File(_) => paths.endpoints(project.as_deref()).into(),
                place @ StorePlace::Postgres(_) => place.clone(),
            },
            project: project.clone(),
            state: paths.state.clone(),
            ledger: self.store_place.clone(),
            dev_secret: paths.dev_secret(),
            secrets: paths.secrets(),
            trust: paths.trust(),
        }
    }

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

    /// The ledger, opened for writing in the background: the first write reports what fails.
    pub fn ledger(&self) -> Ledger {
        self.start_ledger(self.settings.dedupe_window, None, |_| {})
    }

    /// The ledger of a program that runs for long, and its retention, which starts once the ledger is open. `window`
    /// replaces the dedupe window of the settings.
    pub fn kept_ledger(&self, window: Option<Duration>) -> (Ledger, Retention) {
        let newest = Arc::new(OnceLock::new());
        let (found, limits) = (
            Arc::clone(&newest),
            RetentionLimits::of(&self.settings, &self.store_place),
        );
        let window = window.unwrap_or(self.settings.dedupe_window);
        let ledger = self.start_ledger(window, limits.size, move |store| {
            let newest = Query {
                page: QueryPage::newest(1),
                ..Query::default()
            };
            // A ledger that cannot be read is reported by the first use of it.
            let newest = store.list(&newest).unwrap_or_default();
            let _ = found.set(newest.first().map(|newest| newest.at));
        });
        let retention = Retention {
            ledger: self.store_place.clone(),
            limits,
            newest,
            clock: Arc::clone(&self.clock),
        };
        (ledger, retention)
    }

    fn start_ledger(
        &self,
        window: Duration,
        size_limit: Option<u64>,
        look: impl FnOnce(&dyn Store) + Send + 'static,
    ) -> Ledger {
        let options = StoreOptions {
            dedupe_window: Some(window),
            size_limit,
            gentle: false,
        };
        let (path, ui) = (self.store_place.clone(), self.notices.clone());
        let open = move || {
            let store = store::open(&path, Access::ReadWrite, options)?;
            look(&*store);
            Ok(store)
        };
        Ledger::start_telling(open, move |notice| ui.warn(notice.to_string()))
    }

    /// The ledger for reading; never created.
    pub fn reader(&self) -> Result<Box<dyn Store>> {
        Ok(store::open_read_only(&self.store_place)?)
    }

    /// Refuses a ledger of a newer hook. One that is missing, or away, may come while it is looked at.
    pub fn refuse_newer(&self) -> Result<()> {
        match store::open_read_only(&self.store_place) {
            Err(error @ StoreError::Newer { .. }) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The ledger for reading beside the writer, in a thread of its own.
    pub fn background_reader(&self) -> LedgerReader {
        let path = self.store_place.clone();
        LedgerReader::start(move || store::open_read_only(&path))
    }

    /// This process's lease on the work that it does.
    pub fn lease(&self) -> Result<Lease> {
        self.owners().claim().map_err(|error| self.unclaimed(error))
    }

    /// The processes that work on the ledger.
    pub fn owners(&self) -> Arc<dyn Owners> {
        store::owners(&self.store_place)
    }

    /// The error of a lease that was not given.
    pub fn unclaimed(&self, error: ClaimError) -> Error {
        let error = match error {
            ClaimError::Store(error) => return error.into(),
            error => error,
        };
        let what = format!("ledger `{}` cannot be claimed", self.store_place);
        // Of a database every error is one of the store.
        let hint = "use a file in a folder that can be written: `--store FILE`";
        Error::new(Exit::Store, what).cause(error).hint(hint)
    }

    /// The pipeline of a run. With a lease every delivery must be on record before it is handed over.
    pub fn pipeline<T: Transport>(
        &self,
        transport: Arc<T>,
        ledger: Ledger,
        limits: Limits,
        cancel: CancellationToken,
        lease: Option<Arc<Lease>>,
    ) -> Pipeline<T> {
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        let mut engine = Engine::new(transport, clock, random, limits);
        // An endpoint that is disabled during the run ends the deliveries that wait for it.
        let (book, pauses) = (Arc::new(self.book_watch()), self.pause_watch());
        engine.gate = Some(Arc::new(EndpointGate::new(
            Arc::clone(&book),
            pauses,
            self.notices.clone(),
        )));
        engine.stored_first = lease.is_some();
        // What cannot be moved still counts where it is.
        let _ = self.book().move_health();
        Pipeline {
            engine,
            ledger,
            cancel,
            lease,
            queue: None,
            retries: None,
            rules: DisableRules {
                time_scale: limits.time_scale,
                unstated: false,
                ..DisableRules::default()
            },
            disabled: Arc::new(DisableNotices {
                notices: self.notices.clone(),
                book,
            }),
        }
    }
}

/// Runs blocking work (files, locks) on a thread of its own: on the runtime's thread it would delay every request.
pub async fn aside<S: Send + Sync + 'static, T: Send + 'static>(
    state: &Arc<S>,
    work: impl FnOnce(&S) -> Result<T> + Send + 'static,
) -> Result<T> {
    let state = Arc::clone(state);
    let done = tokio::task::spawn_blocking(move || work(&state)).await;
    done.unwrap_or_else(|error| Err(Error::internal("work beside the runtime broke down").cause(error)))
}
