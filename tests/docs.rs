//! What the README and the documents show is true: the commands of every `console` block are run. `CONTRIBUTING.md`
//! describes the convention.

use std::fs;
use std::path::Path;

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
    let entries = fs::read_dir(root.join("docs")).expect("the folder is there").flatten();
    let mut documents: Vec<_> = entries.map(|entry| entry.path()).collect();
    documents.push(root.join("README.md"));
    let mut wrong = Vec::new();
    for path in documents
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    {
        let text = fs::read_to_string(path).expect("a document");
        for block in blocks(&text) {
            let sandbox = Sandbox::new();
            let faults = block.iter().filter_map(|example| fault(&sandbox, example));
            wrong.extend(faults.map(|fault| format!("{}:{fault}", path.strip_prefix(root).unwrap_or(path).display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Runs a command; what is wrong with it, after its line's number.
fn fault(sandbox: &Sandbox, example: &Example) -> Option<String> {
    let outcome = sandbox.hook(&example.words).run();
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
