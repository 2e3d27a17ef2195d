//! Endpoints in a JSON file that people read, edit and put under version control. It is replaced whole under a lock, so that a crash
//! leaves it as it was.

use std::any::Any;
use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BookEdit, BookRows, Mark};
use crate::endpoints::endpoint::Endpoint;
use crate::endpoints::error::EndpointError;
use crate::endpoints::lock::{beside, lock};
use crate::error::Error;
use crate::exit::Exit;
use crate::fs::{
    ENDPOINT_FILE_LIMIT, check_place, folder_of, private_folder, read_in_project, remove, sync_folder, write_new,
};

/// The only format there is so far.
pub(in crate::endpoints) const FORMAT: u64 = 1;

/// What is locked, for people.
const WHAT: &str = "endpoint file";

/// What git must not see beside a project's book.
const IGNORED: &[u8] = b"*.lock\n*.tmp\n";

/// A JSON file, written as a whole.
#[derive(Debug, Clone)]
pub(in crate::endpoints) struct FileRows {
    /// Where it is; it need not be there.
    pub(in crate::endpoints) path: PathBuf,
    /// The folder of the project that it belongs to: others may have written it.
    pub(in crate::endpoints) project: Option<PathBuf>,
    /// How long others may keep it locked.
    pub(in crate::endpoints) lock_wait: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BookFile<T> {
    format: u64,
    endpoints: T,
}

/// Read before the rest: a newer format may have keys that this one refuses.
#[derive(Deserialize)]
struct FormatHead {
    format: u64,
}

impl FileRows {
    fn load(&self, path: &Path) -> Result<Vec<Endpoint>, EndpointError> {
        let read = match &self.project {
            Some(folder) => read_in_project(folder, path, ENDPOINT_FILE_LIMIT).map_err(io::Error::from),
            None => fs::read(path),
        };
        match read {
            Ok(bytes) => {
                let text = String::from_utf8(bytes);
                parse(
                    path,
                    &text.map_err(|_| EndpointError::invalid(path, "it is not UTF-8 text"))?,
                )
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(EndpointError::io(path, "read")(error)),
        }
    }

    /// Makes the folder of the book at `path`; a new one in a project gets a `.gitignore`.
    fn make_folder(&self, path: &Path) -> Result<(), EndpointError> {
        self.check_places(path)?;
        let folder = folder_of(path);
        let is_new = folder.symlink_metadata().is_err();
        private_folder(folder).map_err(EndpointError::io(folder, "made"))?;
        if is_new && self.project.is_some() {
            // The book is good without it.
            let _ = fs::write(folder.join(".gitignore"), IGNORED);
        }
        Ok(())
    }

    /// Refuses to write where a link of a project leads.
    fn check_places(&self, path: &Path) -> Result<(), EndpointError> {
        let Some(project) = &self.project else { return Ok(()) };
        let folder = folder_of(path).to_owned();
        let beside = [".lock", ".work.lock"].map(|ending| beside(path, ending));
        for place in [folder, path.to_owned()].into_iter().chain(beside) {
            check_place(project, &place).map_err(|error| EndpointError::io(&place, "used")(error.into()))?;
        }
        Ok(())
    }
}

impl BookRows for FileRows {
    fn is_missing(&self) -> bool {
        fs::symlink_metadata(&self.path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    fn read(&self) -> Result<Vec<Endpoint>, EndpointError> {
        self.load(&self.path)
    }

    fn begin(&self) -> Result<Box<dyn BookEdit + '_>, EndpointError> {
        // A rename would put a file in the place of a symbolic link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        self.make_folder(&path)?;
        let lock = lock(&path, WHAT, self.lock_wait)?;
        let temporary = beside(&path, ".tmp");
        remove(&temporary).map_err(EndpointError::io(&temporary, "removed"))?;
        Ok(Box::new(FileEdit {
            rows: self,
            path,
            temporary,
            _lock: lock,
        }))
    }

    fn hold(&self) -> Result<Box<dyn Any + Send>, EndpointError> {
        self.make_folder(&self.path)?;
        Ok(Box::new(lock(&beside(&self.path, ".work"), WHAT, self.lock_wait)?))
    }

    fn mark(&self) -> Mark {
        let found = fs::metadata(&self.path);
        found.map_or(Mark::Absent, |found| {
            Mark::File(found.modified().ok(), found.ino(), found.len())
        })
    }

    fn invalid(&self, what: &dyn Display) -> EndpointError {
        EndpointError::invalid(&self.path, what)
    }
}

struct FileEdit<'a> {
    rows: &'a FileRows,
    path: PathBuf,
    temporary: PathBuf,
    _lock: File,
}

impl BookEdit for FileEdit<'_> {
    fn read(&mut self) -> Result<Vec<Endpoint>, EndpointError> {
        self.rows.load(&self.path)
    }

    fn write(&mut self, endpoints: &[Endpoint]) -> Result<(), EndpointError> {
        replace(&self.path, &self.temporary, endpoints)
    }
}

fn parse(path: &Path, text: &str) -> Result<Vec<Endpoint>, EndpointError> {
    // A text that has no head is refused below, with the whole format in view.
    let found = serde_json::from_str::<FormatHead>(text).map_or(FORMAT, |head| head.format);
    if found > FORMAT {
        let path = path.display();
        let what = format!("endpoint file `{path}` has format {found}, this hook knows up to {FORMAT}");
        return Err(Error::new(Exit::Store, what).hint("update hook").into());
    }
    if found < FORMAT {
        return Err(EndpointError::invalid(path, format!("format {found} is not supported")));
    }
    serde_json::from_str::<BookFile<_>>(text)
        .map(|content| content.endpoints)
        .map_err(|error| EndpointError::invalid(path, error))
}

fn replace(path: &Path, temporary: &Path, endpoints: &[Endpoint]) -> Result<(), EndpointError> {
    let content = BookFile {
        format: FORMAT,
        endpoints,
    };
    let text = serde_json::to_string_pretty(&content);
    let text = text.map_err(|error| EndpointError::io(path, "written")(error.into()))? + "\n";
    // A book that cannot be read again would lock the user out of every endpoint.
    if parse(path, &text)? != endpoints {
        let error = io::Error::new(io::ErrorKind::InvalidData, "it would not read back the same");
        return Err(EndpointError::io(path, "written")(error));
    }
    write_new(temporary, text.as_bytes()).map_err(EndpointError::io(temporary, "written"))?;
    if let Err(error) = fs::rename(temporary, path) {
        let _ = remove(temporary);
        return Err(EndpointError::io(path, "written")(error));
    }
    let folder = folder_of(path);
    sync_folder(folder).map_err(EndpointError::io(folder, "written"))
}
