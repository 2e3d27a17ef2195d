//! The files that are made from the definition of the command line and committed: `just generate` writes them, a test
//! fails when they are stale.

use std::io;
use std::path::PathBuf;

use super::complete::{Shell, script};
use super::{man, reference};

/// A file, by its path in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Relative to the root of the repository.
    pub path: PathBuf,
    /// What must be in it.
    pub text: Vec<u8>,
}

/// All of them: completion scripts, man pages, the reference.
pub fn files() -> io::Result<Vec<File>> {
    let scripts = [
        (Shell::Bash, "hook.bash"),
        (Shell::Zsh, "_hook"),
        (Shell::Fish, "hook.fish"),
        (Shell::Elvish, "hook.elv"),
        (Shell::Powershell, "_hook.ps1"),
    ];
    let mut files = vec![File {
        path: "docs/cli.md".into(),
        text: reference::markdown().into_bytes(),
    }];
    for (shell, name) in scripts {
        files.push(File {
            path: PathBuf::from("completions").join(name),
            text: script(shell)?.into_bytes(),
        });
    }
    files.extend(man::pages()?.into_iter().map(|page| File {
        path: PathBuf::from("docs/man").join(page.name),
        text: page.text,
    }));
    Ok(files)
}
