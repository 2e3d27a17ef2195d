//! The command line typed so far. The engine passes a completer only the word under the cursor; the words before it are
//! arguments of this process.

use std::path::PathBuf;

/// The words of the command line that is being typed, the program's name first.
#[derive(Debug, Clone, Default)]
pub(super) struct Words(Vec<String>);

impl Words {
    /// What the shell passed after `--`.
    pub(super) fn of_process() -> Self {
        let passed = std::env::args_os().skip_while(|arg| arg != "--").skip(1);
        Self(passed.map(|word| unquoted(&word.to_string_lossy())).collect())
    }

    /// The value of an option, the last one if it is repeated. The word under the cursor is not complete, so it is ignored.
    pub(super) fn option(&self, long: &str, short: Option<char>) -> Option<String> {
        let short = short.map(|short| format!("-{short}"));
        let mut words = self.0.iter().take(self.0.len().saturating_sub(1));
        let mut value = None;
        while let Some(word) = words.next() {
            let short = short.as_deref().and_then(|short| word.strip_prefix(short));
            match (word.strip_prefix(long), short) {
                (Some(""), _) | (_, Some("")) => value = words.next().cloned().or(value),
                (Some(rest), _) if rest.starts_with('=') => value = Some(rest[1..].to_owned()),
                (None, Some(rest)) => value = Some(rest.trim_start_matches('=').to_owned()),
                _ => {}
            }
        }
        value.filter(|value| !value.is_empty())
    }

    /// The value of an option that names a file.
    pub(super) fn file(&self, long: &str) -> Option<PathBuf> {
        let text = self.option(long, None)?;
        Some(match text.strip_prefix("~/") {
            Some(rest) => PathBuf::from(std::env::var_os("HOME")?).join(rest),
            None => PathBuf::from(text),
        })
    }

    /// The word before the one under the cursor.
    pub(super) fn before_last(&self) -> Option<String> {
        self.0.iter().rev().nth(1).cloned()
    }
}

/// Removes one pair of quotes: shells pass words as typed.
fn unquoted(word: &str) -> String {
    ['"', '\'']
        .iter()
        .find_map(|quote| word.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(word)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Words {
        Words(line.split(' ').map(unquoted).collect())
    }

    #[test]
    fn an_option_is_found_in_each_of_its_forms() {
        for line in [
            "hook send -p acme ",
            "hook send -pacme ",
            "hook send --provider acme ",
            "hook send --provider=acme ",
            "hook send --provider other --provider 'acme' ",
        ] {
            assert_eq!(
                words(line).option("--provider", Some('p')).as_deref(),
                Some("acme"),
                "{line}"
            );
        }
    }

    #[test]
    fn neither_the_word_under_the_cursor_nor_a_longer_option_is_taken_for_it() {
        for line in [
            "hook send --provider=ac",
            "hook send --provider",
            "hook send --provider-x=y ",
            "hook send --provider ",
        ] {
            assert_eq!(words(line).option("--provider", Some('p')), None, "{line}");
        }
    }
}
