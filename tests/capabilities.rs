//! `docs/capabilities.md` has a line for each capability, and what it names is there: tests, commands, flags.

use std::fs;
use std::path::Path;

/// A line of a table.
struct Line {
    number: u32,
    capability: String,
    commands: Vec<String>,
    tests: Vec<String>,
}

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn lines() -> Vec<Line> {
    let parse = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let number = cells[0].parse().ok()?;
        let &[_, capability, commands, tests] = cells.as_slice() else {
            panic!("four cells are expected: {line}")
        };
        Some(Line {
            number,
            capability: capability.to_owned(),
            commands: quoted(commands),
            tests: quoted(tests),
        })
    };
    let document = text("docs/capabilities.md");
    document
        .lines()
        .filter(|line| line.starts_with('|'))
        .filter_map(parse)
        .collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What is wrong with a line.
fn faults(line: &Line, reference: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if line.capability.is_empty() {
        faults.push("no capability".to_owned());
    }
    let commands: Vec<_> = line
        .commands
        .iter()
        .filter_map(|text| text.strip_prefix("hook "))
        .collect();
    if commands.is_empty() || line.tests.is_empty() {
        faults.push("needs a command and a test".to_owned());
    }
    faults.extend(commands.into_iter().filter_map(|command| unknown(command, reference)));
    faults.extend(
        line.tests
            .iter()
            .filter(|name| !is_test(name))
            .map(|name| format!("no test `{name}`")),
    );
    faults
}

/// What of a command the reference does not know.
fn unknown(command: &str, reference: &str) -> Option<String> {
    let (path, flags): (Vec<_>, Vec<_>) = command.split(' ').partition(|word| !word.starts_with("--"));
    let heading = format!("\n## hook {}\n", path.join(" "));
    let Some((_, section)) = reference.split_once(&heading) else {
        return Some(format!("no command `hook {}`", path.join(" ")));
    };
    let section = section.split("\n## ").next().unwrap_or_default();
    let known = |flag: &str| {
        let shown = [format!("{flag} "), format!("{flag}`"), format!("{flag}.")];
        section
            .lines()
            .filter(|line| line.starts_with("- `"))
            .any(|line| shown.iter().any(|form| line.contains(form)))
    };
    let flag = flags.into_iter().find(|flag| !known(flag))?;
    Some(format!("`hook {}` has no `{flag}`", path.join(" ")))
}

/// Whether `path: name` is a test of the sources.
fn is_test(name: &str) -> bool {
    let Some((path, function)) = name.split_once(": ") else {
        return false;
    };
    let text = text(path);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let starts = [format!("fn {function}("), format!("async fn {function}(")];
    let is_it = |line: &&str| starts.iter().any(|start| line.starts_with(start.as_str()));
    let Some(at) = lines.iter().position(is_it) else {
        return false;
    };
    let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
    attributes
        .into_iter()
        .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}

#[test]
fn every_capability_names_a_command_and_tests_that_exist() {
    let lines = lines();
    let numbers: Vec<u32> = lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, (1..=141).collect::<Vec<_>>());
    let reference = text("docs/cli.md");
    let faults: Vec<String> = lines
        .iter()
        .flat_map(|line| {
            faults(line, &reference)
                .into_iter()
                .map(|fault| format!("{}: {fault}", line.number))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_test_or_command_that_is_not_there_is_noticed() {
    assert!(is_test(
        "tests/capabilities.rs: a_test_or_command_that_is_not_there_is_noticed"
    ));
    assert!(is_test(
        "src/engine/tests.rs: attempts_are_made_at_the_moments_of_the_schedule"
    ));
    for absent in [
        "tests/capabilities.rs: is_test",
        "tests/capabilities.rs: nothing",
        "tests/capabilities.rs",
    ] {
        assert!(!is_test(absent), "{absent}");
    }
    let reference = text("docs/cli.md");
    assert_eq!(unknown("endpoints add --events", &reference), None);
    assert_eq!(unknown("send", &reference), None);
    assert!(unknown("endpoints ad", &reference).is_some());
    assert!(unknown("endpoints add --event", &reference).is_some());
}
