//! Files and folders of the user.

use std::path::{Path, PathBuf};

/// Folders and files of this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// `$XDG_CONFIG_HOME/hook`
    pub config: PathBuf,
    /// `$XDG_STATE_HOME/hook`, 0700
    pub state: PathBuf,
}

impl Paths {
    /// By the XDG rules; the working folder replaces a missing home.
    pub fn from_env() -> Self {
        let base = |name, fallback: &str| {
            base(name, fallback)
                .unwrap_or_else(|| PathBuf::from(fallback))
                .join("hook")
        };
        Self {
            config: base("XDG_CONFIG_HOME", ".config"),
            state: base("XDG_STATE_HOME", ".local/state"),
        }
    }

    /// The user's settings.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The user's provider files.
    pub fn providers(&self) -> PathBuf {
        self.config.join("providers")
    }

    /// The default ledger.
    pub fn ledger(&self) -> PathBuf {
        self.state.join("ledger.db")
    }

    /// The dev secret.
    pub fn dev_secret(&self) -> PathBuf {
        self.state.join("dev-secret")
    }

    /// Generated secrets.
    pub fn secrets(&self) -> PathBuf {
        self.state.join("secrets")
    }

    /// Notes about endpoints that providers store.
    pub fn remotes(&self) -> PathBuf {
        self.state.join("remotes")
    }

    /// The grants for projects' files.
    pub fn trust(&self) -> PathBuf {
        self.state.join("trusted")
    }

    /// The endpoints of the project, else the user's.
    pub fn endpoints(&self, project: Option<&Path>) -> PathBuf {
        match project.and_then(Path::parent) {
            Some(folder) => folder.join(".hook").join("endpoints.json"),
            None => self.config.join("endpoints.json"),
        }
    }
}

/// One of the folders of the XDG specification: that of the variable, else below the home, if there is one.
pub fn base(variable: &str, fallback: &str) -> Option<PathBuf> {
    // The specification has relative paths ignored.
    let set = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").filter(|home| !home.is_empty());
    set.or_else(|| Some(PathBuf::from(home()?).join(fallback)))
}

/// The `hook.toml` of the nearest parent folder. Whether it may be read is judged when it is read.
pub fn project_file(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .map(|folder| folder.join("hook.toml"))
        .find(|path| path.symlink_metadata().is_ok_and(|found| !found.is_dir()))
}
