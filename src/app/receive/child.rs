//! The command after `--`, which lives as long as the listener.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::options::ListenOptions;
use crate::app::context::{Context, Purpose, Secrets};
use crate::app::expect::ExpectationWatch;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::process::{GroupChild, STORE_VARIABLE};
use crate::secret::Secret;
use crate::shutdown::{DRAIN, Shutdown};

/// What the end of the command causes.
pub(super) struct OnEnd {
    /// Ends the intake, unless something is expected.
    pub(super) stop: CancellationToken,
    /// Goes on for a while, and decides then.
    pub(super) watch: Option<Arc<ExpectationWatch>>,
}

impl OnEnd {
    /// The command has ended. With expectations the listener goes on, and so may what the command left in the background.
    async fn ended(self, mut child: GroupChild, is_stopped: bool, hurry: &CancellationToken) {
        match self.watch {
            Some(watch) => {
                // A command that was stopped with the listener did not come to its end.
                if !is_stopped {
                    watch.command_ended();
                }
                self.stop.cancelled().await;
                child.stop_rest(hurry).await;
            }
            None => self.stop.cancel(),
        }
    }
}

/// Starts the command after `--`; the listener ends with it. After a signal to the listener the command has as long as a
/// drain takes; a listener that has its count waits for the command.
pub(super) fn start(
    context: &Context,
    options: &ListenOptions,
    (url, secrets): (&str, Option<&Secrets>),
    shutdown: &Shutdown,
    on_end: OnEnd,
) -> Result<Option<JoinHandle<Exit>>> {
    let Some((program, arguments)) = options.command.split_first() else {
        return Ok(None);
    };
    let mut command = Command::new(program);
    // With these a `hook` that the command runs finds the same ledger and signs with the secret that is verified with.
    if let Some(secret) = secret_of(context, options, secrets)? {
        command.env("HOOK_SECRET", OsStr::from_bytes(secret.expose()));
    }
    command.args(arguments).env("HOOK_URL", url);
    command.env(STORE_VARIABLE, context.store_place.variable());
    // An interactive program must stay in the terminal's foreground process group.
    let in_terminal = options.in_terminal;
    let spawned = GroupChild::start(&mut command, &context.command_output, !in_terminal);
    let child = spawned.map_err(|error| Error::usage(format!("command `{program}` cannot be started")).cause(error))?;
    let ending = child_to_its_end(child, in_terminal, shutdown.clone(), on_end);
    Ok(Some(tokio::spawn(ending)))
}

/// The secret that the command signs with: the first one, or the dev secret in the form of the only provider.
fn secret_of(context: &Context, options: &ListenOptions, secrets: Option<&Secrets>) -> Result<Option<Secret>> {
    let secret = match (secrets, options.providers.as_slice()) {
        (Some(Secrets::Given(given)), _) => given.first().cloned(),
        (Some(Secrets::Dev(dev)), [provider]) => {
            let profile = context.registry.get(provider)?;
            Some(dev.for_profile(&profile, Purpose::Sign)?)
        }
        _ => None,
    };
    Ok(secret.filter(|secret| !secret.expose().contains(&0)))
}

/// Waits for the command, and stops it with the listener.
async fn child_to_its_end(mut child: GroupChild, in_terminal: bool, shutdown: Shutdown, on_end: OnEnd) -> Exit {
    let status = tokio::select! {
        status = wait(&mut child, on_end.watch.is_some()) => status,
        () = shutdown.soft.cancelled() => {
            // The terminal has sent the signal to it too, and it may be cleaning up.
            let patience = if in_terminal { DRAIN } else { Duration::ZERO };
            match tokio::time::timeout(patience, child.wait()).await {
                Ok(status) => status,
                Err(_) => child.stop(&shutdown.hard).await,
            }
        }
    };
    let is_stopped = shutdown.soft.is_cancelled();
    on_end.ended(child, is_stopped, &shutdown.hard).await;
    match status {
        Ok(status) if status.success() => Exit::Ok,
        // Ended by the signal that hook sent; an exit code of its own counts more.
        Ok(status) if is_stopped && status.code().is_none() => Exit::Interrupted,
        Ok(status) => Exit::Child(code_of(status)),
        Err(_) => Exit::Internal,
    }
}

async fn wait(child: &mut GroupChild, keeps_group: bool) -> std::io::Result<std::process::ExitStatus> {
    if keeps_group {
        child.wait_for_leader().await
    } else {
        child.wait().await
    }
}

fn code_of(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| Some(status.signal()? + 128));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
