//! What the README and the documents show is true: the commands of every `console` block are run, and flags exist where they
//! are named. `CONTRIBUTING.md` describes the convention.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Sandbox;

/// A command of a document and what is shown below it.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    /// Counted from 1.
    line: usize,
    /// Without `hook`.
    words: Vec<String>,
    exit: i32,
    shown: Vec<String>,
}

#[test]
fn commands_in_the_documents_do_what_is_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for path in documents(root) {
        let text = fs::read_to_string(&path).expect("a document");
        for block in blocks(&text) {
            let sandbox = Sandbox::new();
            let faults = block.iter().filter_map(|example| fault(&sandbox, example));
            wrong.extend(faults.map(|fault| format!("{}:{fault}", path.strip_prefix(root).unwrap_or(&path).display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn commands_that_the_documents_name_have_the_flags_that_stand_with_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = fs::read_to_string(root.join("docs/cli.md")).expect("the reference");
    let (mut checked, mut wrong) = (0, Vec::new());
    for path in documents(root)
        .into_iter()
        .filter(|path| !path.ends_with("docs/cli.md"))
    {
        let text = fs::read_to_string(&path).expect("a document");
        for command in commands(&text) {
            checked += 1;
            let unknown = unknown_flags(&reference, command).into_iter();
            wrong.extend(unknown.map(|flag| format!("{}: {flag} in `{command}`", path.display())));
        }
    }
    assert!(checked > 200, "commands are found: {checked}");
    assert!(
        wrong.is_empty(),
        "flags that the commands do not have:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_cause_has_an_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/verify.md")).expect("a document");
    let (table, examples) = text.split_once("## An example of each cause").expect("the examples");
    let table = table.split_once("## Causes").expect("the causes").1;
    let causes = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let causes: Vec<&str> = causes.map(|(cause, _)| cause).collect();
    assert!(causes.len() > 40, "{causes:?}");
    let missing = causes.iter().filter(|cause| {
        let begins = |line: &str| {
            line.strip_prefix('`')
                .and_then(|rest| rest.strip_prefix(**cause))
                .is_some_and(|rest| rest.starts_with('`'))
        };
        !examples.lines().any(begins)
    });
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new());
}

/// The README and every document.
fn documents(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join("docs")).expect("the folder is there").flatten();
    let all = entries.map(|entry| entry.path()).chain([root.join("README.md")]);
    all.filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// What begins with `hook ` between backticks or on a line of its own, up to what belongs to a shell.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    const ENDS: [&str; 6] = [" | ", " && ", " > ", " # ", " -- ", ";"];
    let spans = text.lines().flat_map(|line| {
        let alone = line.trim_start().trim_start_matches("$ ");
        line.split('`').skip(1).step_by(2).chain([alone])
    });
    spans.filter(|span| span.starts_with("hook ")).map(|span| {
        let end = ENDS.iter().filter_map(|end| span.find(end)).min();
        &span[..end.unwrap_or(span.len())]
    })
}

/// Flags of a command that its chapter in the reference does not have, nor that of `hook` itself.
fn unknown_flags<'a>(reference: &str, command: &'a str) -> Vec<&'a str> {
    let chapter = |names: &[&str]| {
        let title = format!("\n## {}\n", names.join(" "));
        let (_, rest) = reference.split_once(&title)?;
        Some(rest.split("\n## ").next().unwrap_or(rest))
    };
    let mut names: Vec<&str> = command.split(' ').take_while(|word| !word.starts_with('-')).collect();
    while names.len() > 1 && chapter(&names).is_none() {
        names.pop();
    }
    let known: Vec<&str> = (1..=names.len())
        .filter_map(|length| chapter(&names[..length]))
        .collect();
    let words = command.split([' ', '[', ']', '(', ')', ',', '=']);
    let flags = words.filter(|word| word.starts_with("--") && word.len() > 2);
    flags
        .filter(|flag| !["--help", "--version"].contains(flag))
        .filter(|flag| !known.iter().any(|chapter| has_flag(chapter, flag)))
        .collect()
}

fn has_flag(chapter: &str, flag: &str) -> bool {
    chapter.match_indices(flag).any(|(at, _)| {
        let after = chapter[at + flag.len()..].chars().next();
        after.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-')
    })
}

#[test]
fn a_flag_is_known_to_the_command_it_stands_with() {
    let reference =
        "\n## hook\n\n`--json`\n\n## hook send\n\n`--to <URL>`\n\n## hook log\n\n## hook log show\n\n`--why`\n";
    assert!(unknown_flags(reference, "hook send job.paid --to=:1 --json").is_empty());
    assert!(unknown_flags(reference, "hook log show 1 --why").is_empty());
    let unknown = unknown_flags(reference, "hook send --t --why [--tor]");
    assert_eq!(unknown, ["--t", "--why", "--tor"]);
    let found: Vec<&str> = commands("Use `hook a --b` or `c`.\n$ hook d -- e --f\n").collect();
    assert_eq!(found, ["hook a --b", "hook d"]);
}

/// Runs a command; what is wrong with it, after its line's number.
fn fault(sandbox: &Sandbox, example: &Example) -> Option<String> {
    // Files of the repository are named from its root.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let word = |word: &String| match word.strip_prefix("docs/") {
        Some(file) => root.join("docs").join(file).display().to_string(),
        None => word.clone(),
    };
    let words: Vec<String> = example.words.iter().map(word).collect();
    let outcome = sandbox.hook(&words).run();
    if outcome.code != example.exit {
        return Some(format!("{}: exit {} is shown\n{outcome}", example.line, example.exit));
    }
    let said = outcome.stdout() + &outcome.stderr();
    let lines: Vec<&str> = said.lines().map(str::trim_end).collect();
    let missing = example.shown.iter().find(|shown| !lines.contains(&shown.trim_end()));
    missing.map(|shown| format!("{}: `{shown}` is shown\n{outcome}", example.line))
}

/// The commands of every `console` block.
fn blocks(text: &str) -> Vec<Vec<Example>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some(language) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let mut block: Vec<Example> = Vec::new();
        for (index, line) in lines.by_ref().take_while(|(_, line)| line.trim() != "```") {
            let line = line.get(indent..).unwrap_or_default();
            match line.strip_prefix("$ ") {
                _ if language.trim() != "console" => {}
                Some(command) => block.push(example(index + 1, command)),
                // What cannot be known beforehand is shown with dots, and not compared.
                None if line.is_empty() || line.contains("...") || line.contains('…') => {}
                None => block
                    .last_mut()
                    .expect("a command comes before its output")
                    .shown
                    .push(line.to_owned()),
            }
        }
        blocks.push(block);
    }
    blocks
}

fn example(line: usize, command: &str) -> Example {
    let (command, exit) = match command.rsplit_once(" # exit ") {
        Some((command, code)) => (command, code.trim().parse().expect("a number after `# exit`")),
        None => (command, 0),
    };
    let mut words = words(command);
    assert_eq!(
        words.remove(0),
        "hook",
        "line {line}: only hook's commands can be tested; make it a `text` block"
    );
    Example {
        line,
        words,
        exit,
        shown: Vec::new(),
    }
}

/// Words as a shell reads them, with both kinds of quotes and a comment; nothing else.
pub(crate) fn words(command: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (None, '|' | '>' | '<' | '&' | ';' | '$' | '`' | '\\') => {
                panic!("`{command}`: {c} is for a shell, and none is run")
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn only_console_blocks_are_taken_for_examples() {
    let text = "\
```text
$ hook never
```
  ```console
  $ hook send 'a b' --set \"c=d e\"   # a comment
  line
  12ms ... later
  $ hook verify # exit 5
  ```
";
    let examples: Vec<Example> = blocks(text).into_iter().flatten().collect();
    let example = |line, words: &[&str], exit, shown: &[&str]| Example {
        line,
        words: words.iter().map(ToString::to_string).collect(),
        exit,
        shown: shown.iter().map(ToString::to_string).collect(),
    };
    let first = example(5, &["send", "a b", "--set", "c=d e"], 0, &["line"]);
    assert_eq!(examples, [first, example(8, &["verify"], 5, &[])]);
}
