//! Trust in a project: lists everything that its files request, and allows exactly that list.

use std::path::{Path, PathBuf};

use crate::config::trust::{project_secret, review};
use crate::config::{self, Paths, Settings};
use crate::endpoints::{Book, Endpoint, Vault};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs::folder_of;
use crate::provider::{Profile, Registry};
use crate::secret::SecretRef;
use crate::signature::Scheme;
use crate::trust::{Grant, TrustList};

/// The hint of everything that is refused for want of trust.
pub const HINT: &str = "`hook config trust` shows what the project asks for, and allows it";

/// The endpoints of the project with that file, else the user's.
pub fn book(paths: &Paths, project: Option<&Path>) -> Book {
    let (file, secrets) = (paths.endpoints(project), paths.secrets());
    match project {
        Some(project) => {
            let folder = folder_of(project);
            Book::of_project(file, folder, Vault::new(secrets, folder), TrustList::new(paths.trust()))
        }
        None => Book::new(file, Vault::new(secrets, &paths.config)),
    }
}

/// The secret of an endpoint that has none of its own.
#[derive(Debug, Clone, Copy)]
pub enum OtherSecret<'a> {
    /// What the project's settings name.
    Project(&'a str),
    /// The user's own: that of the user's settings, or the dev secret.
    Own,
}

impl OtherSecret<'_> {
    /// What must be allowed for the endpoint to get it. The user's own goes only into signatures without being asked for;
    /// where the secret itself is sent, also that needs to be allowed.
    pub fn needs(self, book: &Book, endpoint: &Endpoint, profile: Option<&Profile>) -> Option<Grant> {
        let scheme = profile.map(|profile| &profile.scheme);
        let is_sent = matches!(scheme, Some(Scheme::Token(_)) | None);
        let how = if is_sent { ", which is sent as it is" } else { "" };
        match (self, scheme) {
            (_, Some(Scheme::Unsigned)) => None,
            (Self::Project(text), _) => {
                let shown = format!("the project's `secret`, `{}`{how}", SecretRef::parse(text));
                book.needs_other(endpoint, text, &shown)
            }
            (Self::Own, _) if is_sent => {
                let shown = format!("the secret of your settings or the dev secret{how}");
                book.needs_other(endpoint, "", &shown)
            }
            (Self::Own, _) => None,
        }
    }
}

/// What a project requests, read once: exactly what was shown is allowed.
#[derive(Debug)]
pub struct TrustRequest {
    /// The project's `hook.toml`.
    pub file: PathBuf,
    /// Everything that it and its endpoints ask for.
    pub grants: Vec<Grant>,
    list: TrustList,
}

impl TrustRequest {
    /// Reads what the project with that file, or in that folder, requests; else the project of the nearest parent folder.
    pub fn of(paths: &Paths, settings: &Settings, registry: &Registry, file: Option<PathBuf>) -> Result<Self> {
        let file = match file {
            Some(file) => as_found(&file)?,
            // That of another user is refused below, with the reason.
            None => (settings.project.clone())
                .or_else(|| settings.foreign.clone())
                .ok_or_else(|| Error::usage("no `hook.toml` here or above").hint("`hook config trust FILE`"))?,
        };
        let list = TrustList::new(paths.trust());
        let Some(settings) = config::read_project(&file)? else {
            let what = format!("`{}` belongs to another user, so it is not read", file.display());
            return Err(Error::usage(what).hint(format!("take it over: `chown \"$(id -u)\" {}`", file.display())));
        };
        let secret = settings.secret.clone().filter(|secret| !secret.is_empty());
        let secret = secret.map(|secret| project_secret(&file, &secret));
        let mut grants = review(settings, &file, &list).grants;
        let book = book(paths, Some(&file));
        for endpoint in book.read()? {
            let own = endpoint.secrets.iter();
            grants.extend(own.filter_map(|secret| book.needs(&endpoint, secret)));
            // Without its own secret it would get another one, which the user has to allow as well.
            if endpoint.secrets.is_empty() {
                let profile = registry.get(&endpoint.provider).ok();
                let other = secret.as_deref().map_or(OtherSecret::Own, OtherSecret::Project);
                grants.extend(other.needs(&book, &endpoint, profile.as_deref()));
            }
        }
        Ok(Self { file, grants, list })
    }

    /// Whether all of it is allowed already.
    pub fn is_allowed(&self) -> bool {
        self.grants.iter().all(|grant| self.list.allows(grant))
    }

    /// Allows all of it, and nothing that was not read then.
    pub fn allow(&self) -> Result<()> {
        self.list.add(&self.grants).map_err(|error| {
            let what = format!("`{}` cannot be written", self.list.path().display());
            Error::new(Exit::Internal, what).cause(error)
        })
    }
}

/// The path by which the settings find that file: an absolute folder without links, and the name.
fn as_found(file: &Path) -> Result<PathBuf> {
    let inside = file.join("hook.toml");
    let file = if file.is_dir() { &inside } else { file };
    if file.file_name() != inside.file_name() {
        return Err(Error::usage(format!("`{}` is not a project file", file.display()))
            .hint("a project's settings are in a file named `hook.toml`"));
    }
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = folder
        .canonicalize()
        .map_err(|error| Error::usage(format!("`{}` cannot be read", file.display())).cause(error))?;
    Ok(folder.join(file.file_name().unwrap_or_default()))
}

/// That something is not done because it is not allowed.
pub fn refused(grant: &Grant) -> Error {
    Error::usage(format!("the project is not trusted: {}", grant.text)).hint(HINT)
}
