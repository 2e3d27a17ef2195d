//! A PostgreSQL cluster of the test process's own, from the binaries that are installed.
//!
//! A shell starts the server and waits until its input ends: that is when the test process has ended, in whatever way. Then it stops
//! the server and removes the folder. PostgreSQL does not run as root, so that root's tests run it as another user.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Whether what is acknowledged survives a crash of the machine. Tests that crash only the server need it as little as others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As fast as it goes.
    Off,
    /// As in production.
    #[allow(dead_code, reason = "not every user of this file restarts the server")]
    On,
}

/// A server that is running.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    binaries: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    databases: AtomicU32,
    options: String,
    /// Its input is held open.
    guard: Child,
}

static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();

/// The shell that outlives the test process: folder, binaries, options.
const GUARD: &str = r#"
    trap '' INT HUP
    "$1/pg_ctl" -D "$0/data" -l "$0/log" -w -t 60 -o "$2" start >/dev/null && echo ready
    read -r _
    "$1/pg_ctl" -D "$0/data" -m immediate stop >/dev/null 2>&1
    rm -rf "$0"
"#;

/// The server that all tests of this process share. `None`, with a word about it, where PostgreSQL is not installed: such tests are
/// skipped, but never in CI.
pub fn shared() -> Option<&'static Cluster> {
    SHARED.get_or_init(|| start(Durability::Off)).as_ref()
}

/// Starts a server of its own. `None` as for [`shared`].
#[allow(
    clippy::print_stderr,
    reason = "whoever runs the tests must know that some of them did not run"
)]
pub fn start(durability: Durability) -> Option<Cluster> {
    let Some(binaries) = binaries() else {
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "PostgreSQL is not installed: these tests are not skipped in CI");
        eprintln!("skipped: PostgreSQL is not installed (Debian: apt-get install postgresql)");
        return None;
    };
    Some(Cluster::start(binaries, durability))
}

/// The programs of the newest version that is installed.
fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    let of_debian = versions.into_iter().rev().map(|(_, path)| path);
    let of_path = std::env::var_os("PATH").unwrap_or_default();
    let of_path: Vec<PathBuf> = std::env::split_paths(&of_path).collect();
    of_debian
        .chain(of_path)
        .find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}

/// A user without rights: number and group.
fn unprivileged() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("the list of users");
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map_while(|field| field.parse().ok());
        Some((fields.next()?, fields.next()?))
    };
    find("postgres")
        .or_else(|| find("nobody"))
        .expect("a user without rights")
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

impl Cluster {
    fn start(binaries: PathBuf, durability: Durability) -> Self {
        // Short: the path of a socket has a limit.
        let folder = tempfile::Builder::new()
            .prefix("hook-pg-")
            .tempdir_in("/tmp")
            .expect("a folder")
            .keep();
        let is_root = fs::metadata(&folder).expect("the folder").uid() == 0;
        let user = is_root.then(unprivileged);
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).expect("another owner");
        }
        let mut initdb = command(&binaries.join("initdb"), user, &folder);
        initdb.arg("-D").arg(folder.join("data"));
        initdb.args([
            "-A",
            "trust",
            "-U",
            "hook",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ]);
        let made = initdb.output().expect("initdb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // Another process may take the port that was free just now.
        for _ in 0..5 {
            let port = free_port();
            let options = options(&binaries, &folder, port, durability);
            if let Some(guard) = run(&binaries, user, &folder, &options) {
                return Self {
                    folder,
                    binaries,
                    user,
                    port,
                    databases: AtomicU32::new(0),
                    options,
                    guard,
                };
            }
        }
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        panic!("PostgreSQL does not start:\n{log}");
    }

    /// Makes an empty database, and returns its name.
    pub fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://hook@127.0.0.1:{}/{database}", self.port)
    }

    /// Where the server listens on 127.0.0.1.
    #[allow(dead_code, reason = "not every user of this file needs it")]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets the server take connections over TLS, with that certificate and key (PEM), beside others.
    #[allow(dead_code, reason = "not every user of this file needs it")]
    pub fn offer_tls(&self, certificate: &str, key: &str) {
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.folder.join("data").join(name);
            fs::write(&path, text).expect("a file of the server");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the mode of a file");
            if let Some((uid, gid)) = self.user {
                chown(&path, Some(uid), Some(gid)).expect("another owner");
            }
        }
        self.sql("postgres", "ALTER SYSTEM SET ssl = on");
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// Runs statements, each on its own, and returns what they print: rows in lines, columns with `|` between them.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let mut psql = command(&self.binaries.join("psql"), self.user, &self.folder);
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "hook",
            "-d",
            database,
            "-h",
        ]);
        psql.arg(&self.folder)
            .arg("-p")
            .arg(self.port.to_string())
            .arg("-c")
            .arg(statements);
        let output = psql.output().expect("psql");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// Restarts the server: `fast` ends all sessions, `immediate` is a crash.
    #[allow(dead_code, reason = "not every user of this file restarts the server")]
    pub fn restart(&self, mode: &str) {
        self.control(&["-m", mode, "restart"]);
    }

    /// Stops the server, in one of the ways of [`Cluster::restart`].
    #[allow(dead_code, reason = "not every user of this file stops the server")]
    pub fn stop(&self, mode: &str) {
        self.control(&["-m", mode, "stop"]);
    }

    /// Starts the server that was stopped, at the same port.
    #[allow(dead_code, reason = "not every user of this file stops the server")]
    pub fn start_again(&self) {
        self.control(&["-o", &self.options, "start"]);
    }

    fn control(&self, args: &[&str]) {
        let mut control = command(&self.binaries.join("pg_ctl"), self.user, &self.folder);
        control.arg("-D").arg(self.folder.join("data"));
        control.arg("-l").arg(self.folder.join("log"));
        let status = control.arg("-w").args(args).stdout(Stdio::null()).status();
        assert!(status.expect("pg_ctl").success());
    }
}

fn command(program: &Path, user: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C").env_remove("PGOPTIONS");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    socket.expect("a free port").port()
}

fn options(binaries: &Path, folder: &Path, port: u16, durability: Durability) -> String {
    let fast = match durability {
        Durability::Off => "-c fsync=off -c full_page_writes=off -c synchronous_commit=off",
        Durability::On => "",
    };
    // Debian's package has it. Tests that count statements look whether it is there.
    let counts = match binaries.parent() {
        Some(version) if version.join("lib/pg_stat_statements.so").exists() => {
            "-c shared_preload_libraries=pg_stat_statements"
        }
        _ => "",
    };
    format!(
        "-p {port} -k {} -c listen_addresses=127.0.0.1 -c max_connections=200 -c shared_buffers=64MB {counts} {fast}",
        folder.display()
    )
}

fn run(binaries: &Path, user: Option<(u32, u32)>, folder: &Path, options: &str) -> Option<Child> {
    let mut guard = command(Path::new("/bin/sh"), user, folder);
    guard.arg("-c").arg(GUARD).arg(folder).arg(binaries).arg(options);
    let mut guard = guard
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut line = String::new();
    let output = guard.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    if line.trim() == "ready" {
        return Some(guard);
    }
    // It would remove the folder, which is needed for the next try.
    let _ = guard.kill();
    let _ = guard.wait();
    None
}
