//! Starts the receiver for an audit, and ends it with its process group.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::process::{CommandOutput, GroupChild, shell};
use crate::secret::Secret;
use crate::text::printable;

/// How long a receiver may take until its port accepts.
const READY: Duration = Duration::from_secs(30);

/// How often its port is tried.
const POLL: Duration = Duration::from_millis(20);

/// Starts the command with `PORT` and `WEBHOOK_SECRET`, and waits until the URL's port accepts.
pub(super) async fn launch(
    command: &str,
    url: &Url,
    secrets: &[Secret],
    output: &CommandOutput,
    cancel: &CancellationToken,
) -> Result<GroupChild> {
    if command.trim().is_empty() {
        return Err(Error::usage("`--app` is empty").hint("`--app 'node server.js'` starts a receiver"));
    }
    let port = port(url);
    if accepts(url).await {
        let what = format!("port {port} is in use, so that `--app` cannot take it");
        return Err(Error::usage(what).hint("end what listens there, or audit it without `--app`"));
    }
    let mut shell = shell(command);
    shell.env("PORT", port.to_string());
    for (index, secret) in secrets.iter().enumerate() {
        let name = match index {
            0 => "WEBHOOK_SECRET".to_owned(),
            index => format!("WEBHOOK_SECRET_{}", index + 1),
        };
        shell.env(name, String::from_utf8_lossy(secret.expose()).as_ref());
    }
    let started = GroupChild::start(&mut shell, output, true);
    let mut app = started.map_err(|error| Error::usage("`--app` cannot be started").cause(error))?;
    let deadline = Instant::now() + READY;
    loop {
        if accepts(url).await {
            return Ok(app);
        }
        let waited = tokio::select! {
            ended = app.wait_for_leader() => {
                // What it left in the background may still be starting.
                app.stop_rest(cancel).await;
                let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                let what = format!("`{}` ended before port {port} accepted: {how}", printable(command, 200));
                return Err(Error::new(Exit::Unreachable, what).hint("let it listen on the port in `PORT`"));
            }
            () = cancel.cancelled() => false,
            () = sleep(POLL) => Instant::now() < deadline,
        };
        if !waited {
            let _ = app.stop(cancel).await;
            if cancel.is_cancelled() {
                return Err(Error::silent(Exit::Interrupted));
            }
            let what = format!(
                "port {port} did not accept within {} s after `--app` was started",
                READY.as_secs()
            );
            return Err(Error::new(Exit::Unreachable, what).hint("let it listen on the port in `PORT`"));
        }
    }
}

fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or(80)
}

/// Whether the URL's port accepts connections.
pub(super) async fn accepts(url: &Url) -> bool {
    let port = port(url);
    let connected = match url.host() {
        Some(Host::Ipv4(address)) => TcpStream::connect((address, port)).await,
        Some(Host::Ipv6(address)) => TcpStream::connect((address, port)).await,
        Some(Host::Domain(name)) => TcpStream::connect((name, port)).await,
        None => return false,
    };
    connected.is_ok()
}
