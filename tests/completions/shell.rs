//! Real shells with a real terminal: what is typed, TAB, and what the shell shows.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::support::Sandbox;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
}

use Shell::{Bash, Elvish, Fish, Zsh};

const PROMPT: &str = "READY";

/// The shells that are here. In CI all of them have to be.
pub(crate) fn installed() -> Vec<Shell> {
    [Bash, Zsh, Fish, Elvish]
        .into_iter()
        .filter(|shell| shell.is_installed())
        .collect()
}

impl Shell {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Bash => "bash",
            Zsh => "zsh",
            Fish => "fish",
            Elvish => "elvish",
        }
    }

    /// Whether it can be tested; says so when it cannot.
    pub(crate) fn is_installed(self) -> bool {
        // zsh has the terminal in which the others run.
        let needed = if self == Fish {
            vec!["fish"]
        } else {
            vec!["zsh", self.name()]
        };
        let path = env::var_os("PATH").unwrap_or_default();
        let is_there = |program: &&str| env::split_paths(&path).any(|folder| folder.join(program).is_file());
        let missing: Vec<&str> = needed.into_iter().filter(|program| !is_there(program)).collect();
        if missing.is_empty() {
            return true;
        }
        let what = format!(
            "completion in {} is not tested: {} is not installed",
            self.name(),
            missing.join(", ")
        );
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "{what}");
        // Past the capture of the test harness, which would hide it.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
        false
    }

    /// Installs the completion as a user does, and what the user was told to add to the shell's own file.
    pub(crate) fn set_up(self, sandbox: &Sandbox) {
        sandbox.hook(["completions", self.name(), "--install"]).run().ok();
        let data = sandbox.home().join(".local/share");
        let lines = match self {
            Bash => format!(
                "PS1={PROMPT}\nbind 'set show-all-if-ambiguous on'\nbind 'set completion-query-items 0'\n\
                 bind 'set page-completions off'\n{SHOW}\n. {}/bash-completion/completions/hook\n",
                data.display()
            ),
            Zsh => format!(
                "PS1={PROMPT}\nLISTMAX=100000\n{SHOW}\nbindkey -e\nfpath=({}/zsh/site-functions $fpath)\n\
                 autoload -Uz compinit\ncompinit -D -u\n",
                data.display()
            ),
            Elvish => format!("set edit:prompt = {{ put {PROMPT} }}\nset edit:rprompt = {{ }}\nuse hook\n"),
            Fish => return,
        };
        sandbox.write(self.own_file(sandbox), lines);
    }

    pub(crate) fn own_file(self, sandbox: &Sandbox) -> PathBuf {
        sandbox.home().join(if self == Zsh { ".zshrc" } else { "own-file" })
    }

    /// What the shell shows after the line and TAB, word by word. It has shown all of it once `last` is there.
    #[track_caller]
    pub(crate) fn offers(self, sandbox: &Sandbox, line: &str, last: &str) -> Vec<String> {
        let shown = if self == Fish {
            run(sandbox, "fish", &["-c", "complete -C $argv", "--", line])
        } else {
            // Everything is on the screen when, after it, the cursor is shown again (elvish) or the prompt (the others).
            let end = if self == Elvish { "[?]25h" } else { PROMPT };
            self.types(sandbox, &[(&format!("{line}\t"), &format!("{last}*{end}"))])
        };
        let words: Vec<String> = plain(&shown).split_whitespace().map(str::to_owned).collect();
        assert!(
            words.iter().any(|word| word == last),
            "{self:?} does not offer {last} after `{line}`:\n{shown}"
        );
        words
    }

    /// The words of the line after TAB was typed at its end; bash and zsh only.
    #[track_caller]
    pub(crate) fn completes(self, sandbox: &Sandbox, line: &str) -> Vec<String> {
        let shown = self.types(sandbox, &[(&format!("{line}\t\u{1}show \n"), ":END")]);
        let words = shown.rsplit("WORDS").next().unwrap_or_default();
        words
            .split('<')
            .filter_map(|word| word.split_once('>'))
            .map(|(word, _)| word.to_owned())
            .collect()
    }

    #[track_caller]
    fn types(self, sandbox: &Sandbox, steps: &[(&str, &str)]) -> String {
        let own = self.own_file(sandbox);
        let program = match self {
            Bash => format!("exec bash --noprofile --rcfile {} -i", own.display()),
            Zsh => "exec zsh -d -i".to_owned(),
            Elvish => format!("exec elvish -rc {}", own.display()),
            Fish => unreachable!("fish completes without a terminal"),
        };
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/completions/tab.zsh");
        let driver = driver.display().to_string();
        let mut args = vec!["-f", driver.as_str(), program.as_str(), "", PROMPT];
        args.extend(steps.iter().flat_map(|(keys, pattern)| [*keys, *pattern]));
        run(sandbox, "zsh", &args)
    }
}

/// What a shell prints that finds `hook` on its PATH.
#[track_caller]
fn run(sandbox: &Sandbox, program: &str, args: &[&str]) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_hook"))
        .parent()
        .expect("a file has a folder");
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(binary.to_owned()).chain(env::split_paths(&path));
    let run = sandbox
        .program(program, args)
        .env("PATH", env::join_paths(folders).expect("folders without a colon"))
        .env("TERM", "dumb")
        .env("TESTED_SECRET", "x");
    run.run().ok().stdout()
}

/// Prints the words of a command line; the end is not in the text of the command itself.
const SHOW: &str = "show() { printf WORDS; printf '<%s>' \"$@\"; echo ':E''ND'; }";

/// Text without what moves the cursor and changes colours.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = escape
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(escape.len(), |end| end + 1);
        plain.push(' ');
        rest = &escape[end..];
    }
    plain + rest
}
