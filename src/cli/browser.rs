//! The browser of this machine.

use std::process::{Command, Stdio};

/// Starts the browser, or says what to do instead.
pub(super) fn start(url: &str) -> Result<(), String> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(opener);
    command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let started = command.spawn().map(drop);
    started.map_err(|_| format!("`{opener}` cannot be started: open the URL in a browser"))
}
