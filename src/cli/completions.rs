//! `hook completions`: the script that makes a shell complete hook's commands, printed or installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use super::complete::{Shell, script};
use crate::cli::session::Session;
use crate::config::paths;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::fs::whole_file;
use crate::shell::quote;

/// Print or install the script that makes your shell complete hook
///
/// TAB then offers commands and flags, and also what is in the ledger, the endpoint book and the catalogue: records with
/// their event and state, endpoints, providers, events, variables for secrets.
///
/// The scripts are tested in the real bash, zsh, fish and elvish. PowerShell's is tested in none.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
    /// Write it where the shell looks for it, instead of printing it
    #[arg(long)]
    install: bool,
    /// Install it in this folder instead of the shell's own
    #[arg(long, value_name = "DIR", requires = "install")]
    to: Option<PathBuf>,
}

pub(super) fn run(session: &Session, args: &CompletionsArgs) -> Result<Exit> {
    let script = script(args.shell).map_err(|error| Error::internal("cannot generate the script").cause(error))?;
    if !args.install {
        session.ui.raw(script.as_bytes())?;
        return Ok(Exit::Ok);
    }
    let (standard, name) = place(args.shell);
    let given = args.to.as_ref();
    let given = given.map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.clone()));
    let no_home = || Error::usage("`HOME` is not set").hint("name the folder: `--install --to DIR`");
    let folder = given.or(standard).ok_or_else(no_home)?;
    let file = folder.join(name);
    let result = install(args.shell, &file, &script)?;
    let verb = match result {
        "written" => "wrote",
        "unchanged" => "up to date:",
        result => result,
    };
    let ui = &session.ui;
    ui.line(&format!("{verb} {}", file.display()))?;
    ui.json(&json!({
        "schema": "hook.completions/1",
        "shell": args.shell.name(),
        "file": file,
        "result": result,
    }))?;
    ui.flush()?;
    for hint in hints(args.shell, &file, args.to.is_some()) {
        ui.hint(&hint);
    }
    Ok(Exit::Ok)
}

/// The folder where the shell looks by default, or where its users usually make it look, and the name of the file.
fn place(shell: Shell) -> (Option<PathBuf>, &'static str) {
    let data = |folder| Some(paths::base("XDG_DATA_HOME", ".local/share")?.join(folder));
    let config = |folder| Some(paths::base("XDG_CONFIG_HOME", ".config")?.join(folder));
    match shell {
        Shell::Bash => (data("bash-completion/completions"), "hook"),
        Shell::Zsh => (data("zsh/site-functions"), "_hook"),
        Shell::Fish => (config("fish/completions"), "hook.fish"),
        Shell::Elvish => (config("elvish/lib"), "hook.elv"),
        Shell::Powershell => (config("powershell"), "_hook.ps1"),
    }
}

/// Writes the file and returns what was done: `written`, `updated` or `unchanged`. A file that hook did not write is an error.
fn install(shell: Shell, file: &Path, script: &str) -> Result<&'static str> {
    // A rename would put a file in the place of a symbolic link.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let failed = |error: std::io::Error| {
        Error::new(Exit::Internal, format!("`{}` cannot be written", file.display()))
            .cause(error)
            .hint("choose another folder: `--install --to DIR`")
    };
    let done = match fs::read(&file) {
        Ok(found) if found == script.as_bytes() => return Ok("unchanged"),
        Ok(found) if String::from_utf8_lossy(&found).contains(&shell.marker()) => "updated",
        Ok(_) => {
            return Err(Error::usage(format!("`{}` was not written by hook", file.display()))
                .hint("move it away, or choose another folder: `--install --to DIR`"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "written",
        Err(error) => return Err(failed(error)),
    };
    fs::create_dir_all(file.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
    whole_file(&file, script.as_bytes()).map_err(failed)?;
    Ok(done)
}

/// What the user still has to do.
fn hints(shell: Shell, file: &Path, elsewhere: bool) -> Vec<String> {
    let folder = file.parent().unwrap_or(file);
    let (file, within) = (quoted(shell, file), quoted(shell, folder));
    match shell {
        Shell::Bash if elsewhere => vec![format!("add to ~/.bashrc: `. {file}`")],
        Shell::Bash => vec![format!(
            "new shells find it if the package bash-completion is set up; if not, add to ~/.bashrc: `. {file}`"
        )],
        Shell::Zsh if is_in_fpath(folder) => vec!["new shells find it".to_owned()],
        Shell::Zsh => vec![format!(
            "add to ~/.zshrc, before `compinit` is called, unless it is there: `fpath=({within} $fpath)`"
        )],
        Shell::Fish if elsewhere => vec![format!("add to ~/.config/fish/config.fish: `source {file}`")],
        Shell::Fish => vec!["new shells find it".to_owned()],
        Shell::Elvish if elsewhere => vec![format!("add to rc.elv: `eval (slurp < {file})`")],
        Shell::Elvish => vec!["add to rc.elv, unless it is there: `use hook`".to_owned()],
        Shell::Powershell => vec![
            format!("add to the file that `$PROFILE` names, unless it is there: `. {file}`"),
            "the script is tested in no PowerShell".to_owned(),
        ],
    }
}

/// Checks the default `fpath` only: what ~/.zshrc adds is unknown here.
fn is_in_fpath(folder: &Path) -> bool {
    let mut zsh = Command::new("zsh");
    zsh.args(["-fc", "print -rl -- $fpath"]).stdin(Stdio::null());
    let listed = zsh.output().map(|output| output.stdout).unwrap_or_default();
    let listed = String::from_utf8_lossy(&listed);
    listed.lines().any(|line| Path::new(line) == folder)
}

/// A path as the shell reads it.
fn quoted(shell: Shell, path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    match shell {
        Shell::Elvish | Shell::Powershell => format!("'{}'", text.replace('\'', "''")),
        Shell::Fish => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Shell::Bash | Shell::Zsh => quote(&text),
    }
}
