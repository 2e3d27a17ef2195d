//! Settings in layers: defaults, the user's file, the project's file, the environment; flags come on top where a
//! command reads them.

pub mod conditions;
pub mod describe;
pub mod file;
pub mod notify;
pub mod paths;
pub mod remote;
pub mod serve;
pub mod trust;
pub mod workflow;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;

pub use paths::{Paths, project_file};

use crate::clock::parse_duration;
use crate::error::{Error, Result};
use crate::fs::{ProjectFileError, SETTINGS_FILE_LIMIT, folder_of, read_in_project};
use crate::trust::{Grant, TrustList};
use crate::words::words;
use file::{ConfigFile, RouteFile};
use notify::NotifyFile;
use remote::Remotes;
use serve::{ServeFile, ServeSettings};
use workflow::WorkflowFile;

/// The defaults, every key commented.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// Entries of one kind in a project's settings.
const MOST_ENTRIES: usize = 1000;

words! {
    /// The format of stdout.
    #[derive(Default)]
    pub enum Output {
        /// Text for people.
        #[default]
        Human = "human",
        /// One JSON object per line.
        Json = "json",
        /// Only errors.
        Quiet = "quiet",
    }
}

/// The settings after the layers were merged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// The provider to play.
    pub provider: Option<String>,
    /// Reference of the secret.
    pub secret: Option<String>,
    /// Form of stdout.
    pub output: Output,
    /// Of `listen`.
    pub port: u16,
    /// Of `listen`.
    pub forward_to: Option<String>,
    /// Of `listen`.
    pub on: Vec<String>,
    /// Whether the account is switched off, so that its endpoints get nothing.
    pub account_off: bool,
    /// The account's plan.
    pub account_plan: Option<String>,
    /// Parameters of the envelope that hold for the account.
    pub account_params: IndexMap<String, String>,
    /// `[[route]]`.
    pub routes: Vec<RouteFile>,
    /// `[remote.NAME]`.
    pub remotes: Remotes,
    /// `[workflow.NAME]`.
    pub workflows: IndexMap<String, WorkflowFile>,
    /// `[serve]`.
    pub serve: ServeSettings,
    /// `[notify]`.
    pub notify: NotifyFile,
    /// Of `listen`.
    pub dedupe_window: Duration,
    /// Of the ledger.
    pub retention: Duration,
    /// Of the ledger, in bytes.
    pub max_size: u64,
    /// The project's file, when there is one.
    pub project: Option<PathBuf>,
    /// The entries of the project's file that are ignored because the user has not allowed them.
    pub ignored: Vec<Grant>,
    /// A project's file that is not read because it belongs to another user.
    pub foreign: Option<PathBuf>,
    /// The provider that the user, or what the user allowed, names: it may decide what commands run for.
    pub named_provider: Option<String>,
    /// The path of the user's file, which need not exist.
    pub user_file: PathBuf,
    /// The layers, the weakest first.
    pub layers: Vec<Layer>,
}

/// One layer of settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Its file, or the environment.
    pub origin: SettingOrigin,
    /// Its values.
    pub file: ConfigFile,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingOrigin {
    /// The built-in defaults.
    Default,
    /// The user's file.
    User(PathBuf),
    /// The project's file.
    Project(PathBuf),
    /// A variable named `HOOK_...`.
    Environment,
}

impl Layer {
    fn new(origin: SettingOrigin, file: ConfigFile) -> Self {
        Self { origin, file }
    }
}

impl Settings {
    /// Reads the layers. `config` replaces the user's file.
    pub fn load(paths: &Paths, config: Option<&Path>, from: &Path) -> Result<Self> {
        let mut layers = vec![Layer::new(SettingOrigin::Default, parse(DEFAULTS, "defaults")?)];
        let user = config.map_or_else(|| paths.config_file(), Path::to_owned);
        if let Some(text) = read(&user, config.is_some())? {
            let file = parse(&text, &user.display().to_string())?;
            layers.push(Layer::new(SettingOrigin::User(user.clone()), file));
        }
        let (mut project, mut foreign, mut ignored, mut provider_allowed) = (None, None, Vec::new(), true);
        if let Some(path) = project_file(from) {
            match read_project(&path)? {
                Some(file) => {
                    let review = trust::review(file, &path, &TrustList::new(paths.trust()));
                    (ignored, provider_allowed) = (review.ignored, review.provider_allowed);
                    layers.push(Layer::new(SettingOrigin::Project(path.clone()), review.file));
                    project = Some(path);
                }
                None => foreign = Some(path),
            }
        }
        layers.push(Layer::new(SettingOrigin::Environment, environment()));
        // An untrusted project may name the provider that is simulated, not the one whose requests run commands.
        let names = |layer: &&Layer| provider_allowed || !matches!(layer.origin, SettingOrigin::Project(_));
        let named_provider = layers
            .iter()
            .filter(names)
            .rev()
            .find_map(|layer| layer.file.provider.clone())
            .filter(|name| !name.is_empty());
        Ok(Self {
            project,
            ignored,
            foreign,
            named_provider,
            user_file: user,
            ..Self::of_layers(layers)?
        })
    }

    /// The defaults alone, without files and environment.
    pub fn defaults() -> Self {
        let layers = |file| vec![Layer::new(SettingOrigin::Default, file)];
        let file = toml::from_str(DEFAULTS).ok();
        file.and_then(|file| Self::of_layers(layers(file)).ok())
            .unwrap_or_default()
    }

    /// Which layer gives the secret; `None` where none does.
    pub fn secret_origin(&self) -> Option<&SettingOrigin> {
        self.secret.as_ref()?;
        let gives = |layer: &&Layer| layer.file.secret.is_some();
        self.layers.iter().rev().find(gives).map(|layer| &layer.origin)
    }

    /// Whether an entry of the project's file under that key is ignored.
    pub fn ignores(&self, key: &str) -> bool {
        self.ignored.iter().any(|grant| grant.key == key)
    }

    /// Merges the layers: the strongest one that has a key counts; remotes and workflows are merged by name.
    fn of_layers(layers: Vec<Layer>) -> Result<Self> {
        let files = || layers.iter().map(|layer| &layer.file);
        let said = Said(&layers);
        let duration = |key: &str, value: fn(&ConfigFile) -> Option<String>| {
            let text = said.by(value).unwrap_or_default();
            parse_duration(&text).map_err(|what| Error::usage(format!("setting `{key}`: {what}")))
        };
        let wrong = |word: &str| format!("setting `output`: `{word}` is none of `human`, `json`, `quiet`");
        let output = said.text(|file| file.output.clone());
        let output = output.map(|word| Output::from_name(&word).ok_or_else(|| Error::usage(wrong(&word))));
        let max_size = said.by(|file| file.ledger.max_size).unwrap_or(2048);
        Ok(Self {
            provider: said.text(|file| file.provider.clone()),
            secret: said.text(|file| file.secret.clone()),
            output: output.transpose()?.unwrap_or_default(),
            port: said.by(|file| file.listen.port).unwrap_or(4400),
            forward_to: said.text(|file| file.listen.forward_to.clone()),
            on: said.by(|file| file.listen.on.clone()).unwrap_or_default(),
            account_off: said.by(|file| file.account.enabled) == Some(false),
            account_plan: said.text(|file| file.account.plan.clone()),
            account_params: said.by(|file| file.account.params.clone()).unwrap_or_default(),
            routes: said.by(|file| file.route.clone()).unwrap_or_default(),
            remotes: files()
                .flat_map(|file| file.remote.clone().unwrap_or_default())
                .collect(),
            workflows: files().flat_map(|file| file.workflow.clone()).collect(),
            serve: said.serve(),
            notify: NotifyFile {
                events: said.by(|file| file.notify.events.clone()),
                exec: said.text(|file| file.notify.exec.clone()),
                webhook: said.text(|file| file.notify.webhook.clone()),
                from: said.text(|file| file.notify.from.clone()),
                to: said.by(|file| file.notify.to.clone()),
                endpoint_to: said.by(|file| file.notify.endpoint_to.clone()),
                smtp: said.by(|file| file.notify.smtp.clone()),
            },
            dedupe_window: duration("listen.dedupe-window", |file| file.listen.dedupe_window.clone())?,
            retention: duration("ledger.retention", |file| file.ledger.retention.clone())?,
            max_size: max_size.saturating_mul(1024 * 1024),
            layers,
            ..Self::default()
        })
    }
}

/// Layers, the strongest last.
struct Said<'a>(&'a [Layer]);

impl Said<'_> {
    fn by<T>(&self, key: impl Fn(&ConfigFile) -> Option<T>) -> Option<T> {
        self.0.iter().rev().find_map(|layer| key(&layer.file))
    }

    fn serve(&self) -> ServeSettings {
        let default = ServeSettings::default();
        let is = |key: fn(&ServeFile) -> Option<bool>| self.by(|file| key(&file.serve)).unwrap_or_default();
        let list =
            |key: fn(&ServeFile) -> &Option<Vec<String>>| self.by(|file| key(&file.serve).clone()).unwrap_or_default();
        ServeSettings {
            port: self.by(|file| file.serve.port).unwrap_or(default.port),
            bind: self.by(|file| file.serve.bind).unwrap_or(default.bind),
            expose: is(|serve| serve.expose),
            keys: list(|serve| &serve.key),
            test_keys: list(|serve| &serve.test_key),
            cert: self.text(|file| file.serve.cert.clone()),
            cert_key: self.text(|file| file.serve.cert_key.clone()),
            production: is(|serve| serve.production),
            allow_private: is(|serve| serve.allow_private),
        }
    }

    /// An empty text removes the value of a weaker layer.
    fn text(&self, key: impl Fn(&ConfigFile) -> Option<String>) -> Option<String> {
        self.by(key).filter(|text| !text.is_empty())
    }
}

/// The environment's layer. The list of variables is fixed: `HOOK_CONFIG` and `HOOK_LEDGER` are read with their flags.
fn environment() -> ConfigFile {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    ConfigFile {
        provider: var("HOOK_PROVIDER"),
        // The variable holds the secret itself, so it is referred to by name and never copied into settings.
        secret: var("HOOK_SECRET").map(|_| "env:HOOK_SECRET".to_owned()),
        output: var("HOOK_OUTPUT"),
        ..ConfigFile::default()
    }
}

/// Reads a settings file.
pub fn parse(text: &str, name: &str) -> Result<ConfigFile> {
    toml::from_str(text).map_err(|error| {
        Error::usage(format!("settings file `{name}` is not valid"))
            .cause(error.to_string().trim_end())
            .hint("correct that line; docs/configuration.md explains every setting")
    })
}

/// As the text of a settings file.
pub fn to_text(tables: &impl serde::Serialize) -> Result<String> {
    toml::to_string(tables).map_err(|error| Error::internal("cannot write the settings as TOML").cause(error))
}

/// Reads the settings of a project; `None` when the file belongs to another user.
pub fn read_project(path: &Path) -> Result<Option<ConfigFile>> {
    let shown = path.display().to_string();
    let bytes = match read_in_project(folder_of(path), path, SETTINGS_FILE_LIMIT) {
        Ok(bytes) => bytes,
        Err(ProjectFileError::Foreign) => return Ok(None),
        Err(error) => return Err(Error::usage(format!("settings file `{shown}` cannot be read")).cause(error)),
    };
    let text = String::from_utf8(bytes)
        .map_err(|error| Error::usage(format!("settings file `{shown}` is not valid")).cause(error.utf8_error()))?;
    let file = parse(&text, &shown)?;
    let most = [
        ("listen.on", file.listen.on.as_ref().map_or(0, Vec::len)),
        ("route", file.route.as_ref().map_or(0, Vec::len)),
        ("endpoint", file.endpoint.as_ref().map_or(0, Vec::len)),
        ("remote", file.remote.as_ref().map_or(0, IndexMap::len)),
        ("workflow", file.workflow.len()),
    ];
    // Each entry is reviewed, and may be shown, by itself.
    if let Some((key, count)) = most.into_iter().find(|(_, count)| *count > MOST_ENTRIES) {
        let what = format!("`{key}` has {count} entries, at most {MOST_ENTRIES} are allowed");
        return Err(Error::usage(format!("settings file `{shown}` is not valid")).cause(what));
    }
    Ok(Some(file))
}

fn read(path: &Path, required: bool) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => Ok(None),
        Err(error) => Err(Error::usage(format!("settings file `{}` cannot be read", path.display())).cause(error)),
    }
}
