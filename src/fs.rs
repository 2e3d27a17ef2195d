//! Files: readable by this user alone, written whole or not at all, created by one process only, and read within limits
//! where a project names them.

mod named;

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use named::{append_file, check_writable, whole_file, written_identity};

/// Bytes of a project's settings file.
pub const SETTINGS_FILE_LIMIT: u64 = 1024 * 1024;

/// Bytes of a project's endpoint file.
pub const ENDPOINT_FILE_LIMIT: u64 = 8 * 1024 * 1024;

/// Bytes of a file that holds a secret.
pub const SECRET_FILE_LIMIT: u64 = 1024 * 1024;

/// How the names of unfinished files end.
pub const TEMPORARY: &str = ".tmp";

/// Opening a terminal does not make it that of this process.
const NO_TERMINAL: i32 = rustix::fs::OFlags::NOCTTY.bits().cast_signed();

/// Why a file that a project names is not read.
#[derive(Debug, thiserror::Error)]
pub enum ProjectFileError {
    /// Its owner could change what this user runs.
    #[error("it belongs to another user")]
    Foreign,
    /// A pipe or a device never ends, or blocks.
    #[error("it is not a regular file")]
    NotRegular,
    /// A link leads out of the project.
    #[error("it is outside of the project `{}`", .0.display())]
    Outside(PathBuf),
    /// More bytes than any honest file has.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<ProjectFileError> for io::Error {
    fn from(error: ProjectFileError) -> Self {
        match error {
            ProjectFileError::Io(error) => error,
            other => Self::other(other),
        }
    }
}

/// Creates a folder, and those above it that are missing, for this user alone. An existing one keeps its mode.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Takes a folder of our own back from others, should its mode have been widened.
pub fn close_to_others(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Whether every user of the machine can read a file.
pub fn is_readable_by_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o004 != 0)
}

/// Writes a file that only this user can read, whole or not at all.
pub fn private_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    private_folder(folder_of(path))?;
    replace(path, bytes, 0o600)
}

/// Writes a new private file to the disk itself, not only to the system's memory. Fails when it exists.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with_mode(path, bytes, 0o600)
}

/// Creates a private file with these bytes unless it exists, and gives what it holds: of several processes that do so at
/// once one wins, and all of them read the same whole file.
pub fn create_once(path: &Path, bytes: &[u8]) -> io::Result<Vec<u8>> {
    private_folder(folder_of(path))?;
    let temporary = temporary(path);
    write_new(&temporary, bytes)?;
    // A link, unlike a rename, never replaces what another process has just created.
    let linked = fs::hard_link(&temporary, path);
    let linked = match linked {
        // Some file systems have no hard links.
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            write_new(path, bytes)
        }
        other => other,
    };
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => sync_folder(folder_of(path)).map(|()| bytes.to_vec()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::read(path),
        Err(error) => Err(error),
    }
}

/// A new private file that gets its name once it is whole. Dropped before that, it leaves nothing behind.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    temporary: PathBuf,
}

impl NewFile {
    /// An empty file beside its future place. Fails when there is a file at that place.
    pub fn create(path: &Path) -> io::Result<Self> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let temporary = temporary(path);
        write_with_mode(&temporary, b"", 0o600)?;
        let path = path.to_owned();
        Ok(Self { path, temporary })
    }

    /// Where it is written.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Writes it to the disk and gives it its name, which must still be free.
    pub fn finish(self) -> io::Result<()> {
        File::open(&self.temporary)?.sync_all()?;
        match fs::hard_link(&self.temporary, &self.path) {
            // Some file systems have no hard links.
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
                fs::rename(&self.temporary, &self.path)?;
            }
            other => other?,
        }
        sync_folder(folder_of(&self.path))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Makes renamed, new and deleted names of a folder outlive a crash.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Deletes a file. Returns whether it existed.
pub fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether this process may write to a file, or create one in a folder. Nothing is written.
pub fn can_write(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Reads a file that must be regular and may have so many bytes. Opening it does not block.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, ProjectFileError> {
    // Looked at before it is opened: opening a device may already do something.
    if !fs::metadata(path)?.is_file() {
        return Err(ProjectFileError::NotRegular);
    }
    let no_wait = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .custom_flags(no_wait.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(ProjectFileError::NotRegular);
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(ProjectFileError::TooLarge(limit));
    }
    Ok(bytes)
}

/// Reads a file of a project: regular, within the limit, inside of the project's folder after links are resolved, and
/// not another user's.
pub fn read_in_project(folder: &Path, path: &Path, limit: u64) -> Result<Vec<u8>, ProjectFileError> {
    check_owner(path)?;
    let real = real_path_in(folder, path)?;
    if fs::metadata(&real).is_ok_and(|found| is_foreign(&found)) {
        return Err(ProjectFileError::Foreign);
    }
    read_bounded(&real, limit)
}

/// Refuses what another user could have put there. The link itself counts, not what it leads to.
pub fn check_owner(path: &Path) -> Result<(), ProjectFileError> {
    if is_foreign(&fs::symlink_metadata(path)?) {
        return Err(ProjectFileError::Foreign);
    }
    Ok(())
}

/// Whether it belongs neither to this user nor to root, who may do everything anyway.
fn is_foreign(found: &Metadata) -> bool {
    found.uid() != 0 && found.uid() != rustix::process::geteuid().as_raw()
}

/// Refuses a folder or file that a project could use to make hook write somewhere else. What does not exist passes.
pub fn check_place(folder: &Path, path: &Path) -> Result<(), ProjectFileError> {
    match check_owner(path) {
        Err(ProjectFileError::Io(error)) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    }
    let found = fs::metadata(real_path_in(folder, path)?)?;
    if found.is_dir() || found.is_file() {
        Ok(())
    } else {
        Err(ProjectFileError::NotRegular)
    }
}

/// The path behind all links, which must be in the folder.
fn real_path_in(folder: &Path, path: &Path) -> Result<PathBuf, ProjectFileError> {
    let outside = || ProjectFileError::Outside(folder.to_owned());
    // A link to nothing is outside too: creating the file would follow it.
    let real = fs::canonicalize(path).map_err(|_| outside())?;
    if real.starts_with(fs::canonicalize(folder)?) {
        Ok(real)
    } else {
        Err(outside())
    }
}

/// Where a path really leads when it is not where its text says: by a symbolic link. Nothing when it does not exist.
pub fn leads_elsewhere(folder: &Path, path: &Path) -> Option<PathBuf> {
    let base = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let real = fs::canonicalize(base.join(path)).ok()?;
    (real != without_dots(&base.join(path))).then_some(real)
}

/// Whether an existing path is outside of the folder after links are resolved.
pub fn is_outside(folder: &Path, path: &Path) -> bool {
    let real = fs::canonicalize(folder.join(path)).ok();
    let base = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let real = real.unwrap_or_else(|| without_dots(&base.join(path)));
    !real.starts_with(base)
}

/// The path by which a file is known however it is reached. It need not exist, nor the folders above it.
pub fn identity(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let known = path
        .ancestors()
        .find_map(|folder| Some((fs::canonicalize(folder).ok()?, path.strip_prefix(folder).ok()?)));
    // `join` with nothing would add a slash.
    match known {
        Some((real, rest)) if rest.as_os_str().is_empty() => real,
        Some((real, rest)) => real.join(rest),
        None => path,
    }
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// A name beside the file that no other process and no other thread uses.
fn temporary(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{count}{TEMPORARY}", std::process::id()));
    let temporary = path.with_file_name(name);
    // Left behind by a process of the same number that was killed.
    let _ = fs::remove_file(&temporary);
    temporary
}

/// Writes a file whole or not at all, with the mode that it had. A link stays one.
pub fn rewrite_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let mode = fs::metadata(&path)?.permissions().mode() & 0o777;
    replace(&path, bytes, mode)?;
    sync_folder(folder_of(&path))
}

/// Deletes unfinished files of a folder that processes left which were killed: those whose names begin so.
pub fn remove_temporary(folder: &Path, start: &str) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = file.file_name();
        if let Some(name) = name.to_str()
            && name.starts_with(start)
            && name.ends_with(TEMPORARY)
        {
            let _ = fs::remove_file(file.path());
        }
    }
}

/// Writes beside the file and puts that in its place. What is half written does not stay.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = temporary(path);
    write_with_mode(&temporary, bytes, mode)?;
    fs::rename(&temporary, path).inspect_err(|_| drop(fs::remove_file(&temporary)))
}

fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // A new file, so that neither a foreign link is followed nor the mode of an older file kept.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    // A partial file would make the next attempt fail, because that must create it.
    written.inspect_err(|_| drop(fs::remove_file(path)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn project() -> (TempDir, PathBuf) {
        let root = TempDir::new().unwrap();
        let folder = root.path().join("project");
        fs::create_dir(&folder).unwrap();
        fs::write(root.path().join("outside"), "secret").unwrap();
        fs::write(folder.join("inside"), "text").unwrap();
        (root, folder)
    }

    #[test]
    fn a_project_reads_only_regular_files_inside_of_it_and_within_the_limit() {
        let (_root, folder) = project();
        let read = |name: &str, limit: u64| read_in_project(&folder, &folder.join(name), limit);
        assert_eq!(read("inside", 4).unwrap(), b"text");
        assert!(matches!(read("inside", 3), Err(ProjectFileError::TooLarge(3))));
        assert!(matches!(read("../outside", 9), Err(ProjectFileError::Outside(_))));
        symlink("../outside", folder.join("link")).unwrap();
        assert!(matches!(read("link", 9), Err(ProjectFileError::Outside(_))));
        symlink("inside", folder.join("own")).unwrap();
        assert_eq!(read("own", 9).unwrap(), b"text");
        assert!(matches!(read(".", 9), Err(ProjectFileError::NotRegular)));
        assert!(matches!(read("none", 9), Err(ProjectFileError::Io(_))));
        for device in ["/dev/zero", "/dev/null"] {
            let found = read_bounded(Path::new(device), 9);
            assert!(matches!(found, Err(ProjectFileError::NotRegular)), "{device}");
        }
        let pipe = folder.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert!(matches!(read("pipe", 9), Err(ProjectFileError::NotRegular)));
    }

    #[test]
    fn a_link_does_not_make_hook_write_elsewhere() {
        let (root, folder) = project();
        let check = |name: &str| check_place(&folder, &folder.join(name));
        assert!(check("new").is_ok() && check("inside").is_ok() && check(".").is_ok());
        symlink(root.path(), folder.join("dir")).unwrap();
        symlink("../nothing", folder.join("dangling")).unwrap();
        for name in ["dir", "dangling", ".."] {
            assert!(matches!(check(name), Err(ProjectFileError::Outside(_))), "{name}");
        }
    }

    #[test]
    fn where_a_path_leads_is_told_by_its_links() {
        let (root, folder) = project();
        symlink("../outside", folder.join("link")).unwrap();
        let real = root.path().canonicalize().unwrap().join("outside");
        assert_eq!(leads_elsewhere(&folder, Path::new("link")), Some(real));
        for plain in ["inside", "../outside", "none"] {
            assert_eq!(leads_elsewhere(&folder, Path::new(plain)), None, "{plain}");
        }
        let outside = |path: &str| is_outside(&folder, Path::new(path));
        assert!(outside("link") && outside("../outside") && outside("../none") && outside("/etc/passwd"));
        assert!(!outside("inside") && !outside("none") && !outside("sub/../inside"));
    }

    #[test]
    fn a_file_has_one_identity_before_and_after_it_exists() {
        let (root, folder) = project();
        symlink(&folder, root.path().join("alias")).unwrap();
        let path = root.path().join("alias/new/deep/file");
        let before = identity(&path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(before, identity(&path));
        assert_eq!(before, folder.canonicalize().unwrap().join("new/deep/file"));
    }

    #[test]
    fn one_of_many_creates_a_file_and_all_read_the_same() {
        let root = TempDir::new().unwrap();
        let path = root.path().join("state/once");
        let found: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let path = &path;
            let threads: Vec<_> = (0..8_u8)
                .map(|n| scope.spawn(move || create_once(path, &[n; 40]).unwrap()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let kept = fs::read(&path).unwrap();
        assert!(found.iter().all(|bytes| *bytes == kept));
        assert_eq!(fs::read_dir(root.path().join("state")).unwrap().count(), 1);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_of_another_owner_is_foreign() {
        let (_root, folder) = project();
        assert!(check_owner(&folder.join("inside")).is_ok());
        // Only root can give a file away; elsewhere there is nothing to try this with.
        if std::os::unix::fs::chown(folder.join("inside"), Some(12_345), None).is_ok() {
            let found = read_in_project(&folder, &folder.join("inside"), 9);
            assert!(matches!(found, Err(ProjectFileError::Foreign)));
        }
    }
}
