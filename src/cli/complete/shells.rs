//! The shells: the script by which each of them calls hook, and the form in which it wants the candidates. The scripts
//! are the library's, but for bash's; so are the candidates, but for what [`candidates`] takes away.

use std::ffi::{OsStr, OsString};
use std::io::{Error, Write};
use std::path::Path;

use clap::{Command, ValueEnum};
use clap_complete::engine::{self, CompletionCandidate};
use clap_complete::env::{Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};

use super::VARIABLE;
use crate::text::printable;

/// What the scripts call; found by PATH, so that they hold on every machine.
pub(super) const PROGRAM: &str = "hook";

/// The library's script takes the words as bash has taken them apart, at `:`, `=` and `@`.
const BASH: &str = include_str!("hook.bash");

/// A shell that completes commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// Installed as `$XDG_DATA_HOME/bash-completion/completions/hook`
    Bash,
    /// Installed as `$XDG_DATA_HOME/zsh/site-functions/_hook`
    Zsh,
    /// Installed as `$XDG_CONFIG_HOME/fish/completions/hook.fish`
    Fish,
    /// Installed as `$XDG_CONFIG_HOME/elvish/lib/hook.elv`
    Elvish,
    /// Installed as `$XDG_CONFIG_HOME/powershell/_hook.ps1`; not tested, a beginning only
    Powershell,
}

/// All shells, for the library.
pub(super) fn all() -> Shells<'static> {
    Shells(&[
        &Shell::Bash,
        &Shell::Zsh,
        &Shell::Fish,
        &Shell::Elvish,
        &Shell::Powershell,
    ])
}

/// The script that makes a shell complete `hook`.
pub fn script(shell: Shell) -> Result<String, Error> {
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    Ok(String::from_utf8_lossy(&script).trim().to_owned() + "\n")
}

impl Shell {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        self.original().map_or("bash", EnvCompleter::name)
    }

    /// The first line of the script, by which it is known again.
    pub fn marker(self) -> String {
        format!("# Completions of hook, written by `hook completions {}`.", self.name())
    }

    fn original(self) -> Option<&'static dyn EnvCompleter> {
        match self {
            Self::Bash => None,
            Self::Zsh => Some(&Zsh),
            Self::Fish => Some(&Fish),
            Self::Elvish => Some(&Elvish),
            Self::Powershell => Some(&Powershell),
        }
    }

    fn line(self, candidate: &CompletionCandidate) -> String {
        let value = candidate.get_value().to_string_lossy();
        let about = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let about = about.lines().next().unwrap_or_default();
        match self {
            Self::Zsh if about.is_empty() => zsh_value(&value),
            Self::Zsh => format!("{}:{}", zsh_value(&value), about.replace('\\', "\\\\")),
            Self::Fish | Self::Powershell if !about.is_empty() => format!("{value}\t{about}"),
            _ => value.into_owned(),
        }
    }
}

/// zsh and fish pass the word under the cursor as it is typed, with the quote that opens it.
fn without_quote(word: &OsStr) -> OsString {
    let text = word.to_str().and_then(|text| text.strip_prefix(['"', '\'']));
    text.map_or_else(|| word.to_owned(), OsString::from)
}

/// A colon ends the value.
fn zsh_value(value: &str) -> String {
    value.replace('\\', "\\\\").replace(':', "\\:")
}

impl EnvCompleter for Shell {
    fn name(&self) -> &'static str {
        Shell::name(*self)
    }

    fn is(&self, name: &str) -> bool {
        name == Shell::name(*self)
    }

    fn write_registration(
        &self,
        variable: &str,
        name: &str,
        bin: &str,
        completer: &str,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let mut script = Vec::new();
        match self.original() {
            Some(original) => original.write_registration(variable, name, bin, completer, &mut script)?,
            None => script.extend(BASH.as_bytes()),
        }
        let script = String::from_utf8_lossy(&script);
        let script = script.trim();
        let marker = self.marker();
        match script.split_once('\n') {
            // zsh looks for its mark in the first line only. And when zsh has loaded the file as a function, that call
            // is the first request already: without the last lines the first TAB would do nothing.
            Some((compdef, rest)) if *self == Self::Zsh => writeln!(
                out,
                "{compdef}\n{marker}\n{rest}\n\nif [[ ${{funcstack[1]}} == _{name} ]]; then\n    \
                 _clap_dynamic_completer_{name} \"$@\"\nfi"
            ),
            _ => writeln!(out, "{marker}\n{script}"),
        }
    }

    fn write_complete(
        &self,
        command: &mut Command,
        mut words: Vec<OsString>,
        here: Option<&Path>,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        // Only some scripts pass the index; in the others the last word is completed.
        let index = std::env::var("_CLAP_COMPLETE_INDEX")
            .ok()
            .and_then(|index| index.parse().ok());
        let index = index.unwrap_or(words.len().saturating_sub(1));
        if index == words.len() {
            words.push(OsString::new());
        }
        if let Some(word) = words.get_mut(index) {
            *word = without_quote(word);
        }
        for candidate in candidates(command, words, index, here)? {
            writeln!(out, "{}", self.line(&candidate))?;
        }
        Ok(())
    }
}

/// The candidates without those that could steer the terminal, and without flags where nothing is typed yet and there is
/// something better to offer.
fn candidates(
    command: &mut Command,
    words: Vec<OsString>,
    index: usize,
    here: Option<&Path>,
) -> Result<Vec<CompletionCandidate>, Error> {
    let nothing_typed = words.get(index).is_none_or(|word| word.is_empty());
    let is_flag = |candidate: &CompletionCandidate| candidate.get_value().as_encoded_bytes().starts_with(b"-");
    let is_harmless = |value: &OsStr| value.to_str().is_some_and(|text| printable(text, usize::MAX) == text);
    let mut found = engine::complete(command, words, index, here)?;
    found.retain(|candidate| is_harmless(candidate.get_value()));
    if nothing_typed && !found.iter().all(is_flag) {
        found.retain(|candidate| !is_flag(candidate));
    }
    Ok(found)
}
