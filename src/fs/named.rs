//! Files that a user names: reports, ready files, scripts. A regular file is replaced, whole or not at all, and a link stays
//! one; pipes and devices are opened and written, never replaced.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{NO_TERMINAL, can_write, folder_of, identity, replace};

/// Links behind each other, at most.
const MOST_LINKS: usize = 40;

/// How long a pipe may have no reader, or one that does not read.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the bytes go.
enum Destination {
    /// A new file gets the name.
    Replace { path: PathBuf, mode: u32 },
    /// The folder takes no new names, so that the file itself is written.
    Overwrite(PathBuf),
    /// A pipe, a device, or an open file of this process.
    Stream(PathBuf),
}

/// Writes a file that the user names. A new one has the usual permissions.
pub fn whole_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match destination(path)? {
        Destination::Replace { path, mode } => replace(&path, bytes, mode),
        Destination::Overwrite(path) => {
            let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
            file.write_all(bytes).and_then(|()| file.sync_all())
        }
        Destination::Stream(path) => write_stream(path, bytes),
    }
}

/// Adds to the end of a file that the user names, or creates it.
pub fn append_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match destination(path)? {
        Destination::Replace { path, .. } | Destination::Overwrite(path) => OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)?
            .write_all(bytes),
        Destination::Stream(path) => write_stream(path, bytes),
    }
}

/// Whether [`whole_file`] could write it now. Nothing is written.
pub fn check_writable(path: &Path) -> io::Result<()> {
    destination(path).map(|_| ())
}

/// The path by which the file is known that [`whole_file`] would write.
pub fn written_identity(path: &Path) -> PathBuf {
    identity(&behind_links(path).unwrap_or_else(|_| path.to_owned()))
}

fn destination(path: &Path) -> io::Result<Destination> {
    let path = behind_links(path)?;
    if is_open_file(&path) {
        return Ok(Destination::Stream(path));
    }
    let folder = folder_of(&path);
    let found = match fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match fs::metadata(folder)? {
                found if !found.is_dir() => Err(ErrorKind::NotADirectory.into()),
                _ if !can_write(folder) => Err(ErrorKind::PermissionDenied.into()),
                _ => Ok(Destination::Replace { path, mode: 0o666 }),
            };
        }
        found => found?,
    };
    if found.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !can_write(&path) {
        return Err(ErrorKind::PermissionDenied.into());
    }
    if !found.is_file() {
        return Ok(Destination::Stream(path));
    }
    let mode = found.permissions().mode() & 0o777;
    Ok(if can_write(folder) {
        Destination::Replace { path, mode }
    } else {
        Destination::Overwrite(path)
    })
}

/// What the last link leads to, which need not exist. Links to open files of this process lead nowhere.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let is_link = fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink());
        if !is_link || is_open_file(&path) {
            return Ok(path);
        }
        path = folder_of(&path).join(fs::read_link(&path)?);
    }
    Err(io::Error::other("too many links lead on from each other"))
}

/// Whether a path stands for an open file: `/dev/stdout`, `/dev/fd/63`, `/proc/self/fd/1`.
fn is_open_file(path: &Path) -> bool {
    stream_name(path).is_some()
}

fn stream_name(path: &Path) -> Option<&OsStr> {
    let names = ["stdin", "stdout", "stderr"];
    let name = path.file_name()?;
    let folder = path.parent()?;
    let is_named = folder == Path::new("/dev") && names.iter().any(|known| name == *known);
    (is_named || folder == Path::new("/dev/fd") || path.starts_with("/proc")).then_some(name)
}

/// Opening a pipe waits for its reader, and writing for the reader to read: neither may take for ever.
fn write_stream(path: PathBuf, bytes: &[u8]) -> io::Result<()> {
    let bytes = bytes.to_owned();
    let (done, result) = mpsc::sync_channel(1);
    thread::Builder::new().spawn(move || {
        let written = open_stream(&path).and_then(|mut file| file.write_all(&bytes));
        // It came too late when there is no receiver.
        let _ = done.send(written);
    })?;
    let late = |_| Err(io::Error::new(ErrorKind::TimedOut, "no process reads from it"));
    result.recv_timeout(PATIENCE).unwrap_or_else(late)
}

fn open_stream(path: &Path) -> io::Result<File> {
    // A file behind stdout has one position for all who write to it, and a socket cannot be opened by a path.
    let own = match stream_name(path).and_then(OsStr::to_str) {
        Some("stdout" | "1") => Some(io::stdout().as_fd().try_clone_to_owned()?),
        Some("stderr" | "2") => Some(io::stderr().as_fd().try_clone_to_owned()?),
        _ => None,
    };
    if let Some(own) = own {
        return Ok(own.into());
    }
    OpenOptions::new().append(true).custom_flags(NO_TERMINAL).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, symlink};
    use std::process::Command;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_pipe_is_written_and_stays_one() {
        let root = TempDir::new().unwrap();
        let pipe = root.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        check_writable(&pipe).unwrap();
        whole_file(&pipe, b"text").unwrap();
        assert_eq!(reader.join().unwrap(), b"text");
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        whole_file(Path::new("/dev/null"), b"text").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[test]
    fn a_link_stays_and_the_file_behind_it_is_written() {
        let root = TempDir::new().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::write(path("file"), "old").unwrap();
        fs::set_permissions(path("file"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", path("link")).unwrap();
        symlink("link", path("second")).unwrap();
        symlink("new", path("dangling")).unwrap();
        symlink("round", path("round")).unwrap();
        whole_file(&path("second"), b"new").unwrap();
        whole_file(&path("dangling"), b"new").unwrap();
        assert!(whole_file(&path("round"), b"new").is_err());
        for link in ["link", "second", "dangling"] {
            assert!(fs::symlink_metadata(path(link)).unwrap().is_symlink(), "{link}");
            assert_eq!(fs::read(path(link)).unwrap(), b"new", "{link}");
        }
        assert_eq!(fs::metadata(path("file")).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(written_identity(&path("second")), written_identity(&path("./file")));
        assert_ne!(written_identity(&path("second")), written_identity(&path("new")));
        append_file(&path("link"), b"er").unwrap();
        assert_eq!(fs::read(path("file")).unwrap(), b"newer");
    }

    #[test]
    fn what_cannot_be_written_is_known_before() {
        let root = TempDir::new().unwrap();
        let check = |name: &str| check_writable(&root.path().join(name)).map_err(|error| error.kind());
        assert_eq!(check("new"), Ok(()));
        assert_eq!(check("none/new"), Err(ErrorKind::NotFound));
        assert_eq!(check("."), Err(ErrorKind::IsADirectory));
        fs::write(root.path().join("file"), "").unwrap();
        assert_eq!(check("file"), Ok(()));
        assert_eq!(check("file/new"), Err(ErrorKind::NotADirectory));
        assert!(check_writable(Path::new("/dev/stdout")).is_ok());
    }
}
