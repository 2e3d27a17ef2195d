//! The command after `--`, which lives as long as the listener.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::options::ListenOptions;
use crate::app::context::{Context, Secrets};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::process::GroupChild;
use crate::shutdown::{DRAIN, Shutdown};

/// Starts the command after `--`; the listener ends with it. After a signal to the listener the command has as long as a
/// drain takes; a listener that has its count waits for the command.
pub(super) fn start(
    context: &Context,
    options: &ListenOptions,
    (url, secrets): (&str, Option<&Secrets>),
    shutdown: &Shutdown,
    stop: CancellationToken,
) -> Result<Option<JoinHandle<Exit>>> {
    let Some((program, arguments)) = options.command.split_first() else {
        return Ok(None);
    };
    let mut command = Command::new(program);
    // With these a `hook` that the command runs finds the same ledger and signs with the secret that is verified with.
    let (variable, ledger) = context.store_place.variable();
    if let Some(Secrets::Given(given)) = secrets
        && let Some(secret) = given.first().filter(|secret| !secret.expose().contains(&0))
    {
        command.env("HOOK_SECRET", OsStr::from_bytes(secret.expose()));
    }
    // Two of them would contradict each other.
    command.env_remove("HOOK_STORE").env_remove("HOOK_LEDGER");
    command.args(arguments).env("HOOK_URL", url).env(variable, ledger);
    // An interactive program must stay in the terminal's foreground process group.
    let in_terminal = options.in_terminal;
    let spawned = GroupChild::start(&mut command, &context.command_output, !in_terminal);
    let child = spawned.map_err(|error| Error::usage(format!("command `{program}` cannot be started")).cause(error))?;
    let ending = child_to_its_end(child, in_terminal, shutdown.clone(), stop);
    Ok(Some(tokio::spawn(ending)))
}

/// Waits for the command, and stops it with the listener.
async fn child_to_its_end(
    mut child: GroupChild,
    in_terminal: bool,
    shutdown: Shutdown,
    stop: CancellationToken,
) -> Exit {
    let status = tokio::select! {
        status = child.wait() => status,
        () = shutdown.soft.cancelled() => {
            // The terminal has sent the signal to it too, and it may be cleaning up.
            let patience = if in_terminal { DRAIN } else { Duration::ZERO };
            match tokio::time::timeout(patience, child.wait()).await {
                Ok(status) => status,
                Err(_) => child.stop(&shutdown.hard).await,
            }
        }
    };
    stop.cancel();
    match status {
        Ok(status) if status.success() => Exit::Ok,
        // Ended by the signal that hook sent; an exit code of its own counts more.
        Ok(status) if shutdown.soft.is_cancelled() && status.code().is_none() => Exit::Interrupted,
        Ok(status) => Exit::Child(code_of(status)),
        Err(_) => Exit::Internal,
    }
}

fn code_of(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| Some(status.signal()? + 128));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
