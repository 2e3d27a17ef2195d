//! Where things live on this machine.

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
    /// By the XDG rules; the working folder stands in for a missing home.
    pub fn from_env() -> Self {
        let home = std::env::var_os("HOME")
            .filter(|home| !home.is_empty())
            .map_or_else(|| PathBuf::from("."), PathBuf::from);
        // The XDG specification has relative paths ignored.
        let base = |name: &str, fallback: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .unwrap_or_else(|| home.join(fallback))
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

    /// The ledger, unless told otherwise.
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

    /// Which project files may run commands.
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

/// The `hook.toml` of the nearest parent folder.
pub fn project_file(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .map(|folder| folder.join("hook.toml"))
        .find(|path| path.is_file())
}
