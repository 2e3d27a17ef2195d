//! Who may use what: each outside crate has one home, inner parts know nothing of outer ones, no provider is special, and
//! files stay short. Text is looked at, not syntax: what stands in tests and in comments is left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The only places of outside crates. A crate that is not here may be used everywhere.
const HOMES: &[(&str, &str)] = &[
    ("clap", "cli/"),
    ("clap_complete", "cli/complete/"),
    ("clap_mangen", "cli/man.rs"),
    ("reqwest tower", "transport/http/"),
    ("hyper hyper_util http_body_util", "server/ transport/http/"),
    ("tokio_rustls rcgen", "server/"),
    ("rustls", "server/ transport/http/"),
    ("rusqlite", "store/sqlite/"),
    ("hmac sha1 sha2 aws_lc_rs", "signature/"),
    ("miniz_oxide", "signature/explain/"),
    ("colored", "view/style.rs"),
    ("indicatif", "view/progress.rs"),
    ("dialoguer", "cli/prompt.rs"),
    ("fastrand", "random.rs"),
    ("rustix", "fs.rs process.rs"),
    // Settings are shown as what they are read from.
    ("toml", "provider/ config/ endpoints/ cli/config.rs"),
];

/// What parts of hook must not know.
const STRANGERS: &[(&str, &str)] = &[
    ("engine/", "cli config endpoints listener pipeline view server store"),
    (
        "provider/",
        "cli config endpoints engine listener pipeline view server store transport",
    ),
    (
        "signature/",
        "cli config endpoints engine listener pipeline view server store transport",
    ),
    (
        "server/",
        "cli endpoints engine listener pipeline provider view signature store transport",
    ),
    (
        "transport/",
        "cli endpoints engine listener pipeline provider view signature store",
    ),
    ("store/", "cli endpoints engine listener pipeline view server transport"),
    (
        "endpoints/",
        "cli engine listener pipeline view server transport::guard transport::http transport::Http",
    ),
    ("listener/", "cli view"),
    ("app/", "cli view"),
    ("api/", "cli view"),
    ("view/", "cli"),
];

/// Where a provider may be named, and why.
const NAMES_ALLOWED: &[(&str, &str)] = &[(
    "cli/demo.rs",
    "the tour plays one provider, as a user who types the commands would",
)];

/// Lines of a file, without its tests.
const MOST_LINES: usize = 400;

/// A source file without its tests and comments.
struct Source {
    /// Below `src/`.
    path: String,
    lines: Vec<String>,
    /// With comments.
    length: usize,
}

#[test]
fn each_outside_crate_has_one_home() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (names, _) in HOMES.iter().filter(|(_, homes)| !is_in(&source.path, homes)) {
            wrong.extend(source.lines_with(|line| names.split(' ').any(|name| uses(line, name))));
        }
    }
    assert!(wrong.is_empty(), "crates away from their homes:\n{}", wrong.join("\n"));
}

#[test]
fn inner_parts_know_nothing_of_outer_ones() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (_, strangers) in STRANGERS.iter().filter(|(part, _)| is_in(&source.path, part)) {
            wrong.extend(source.lines_with(|line| strangers.split(' ').any(|name| uses_own(line, name))));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_provider_is_named_in_the_code() {
    let names = hook::internals::provider::Registry::default().names();
    let mut wrong = Vec::new();
    for source in sources().filter(|source| !NAMES_ALLOWED.iter().any(|(path, _)| *path == source.path)) {
        let named = |line: &str| {
            names
                .iter()
                .any(|name| line.contains(&format!("\"{name}\"")) || line.contains(&format!("\"{name}@")))
        };
        wrong.extend(source.lines_with(named));
    }
    assert!(
        wrong.is_empty(),
        "what differs between providers stands in their files:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn signatures_and_tokens_are_compared_in_constant_time() {
    let source = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name);
        fs::read_to_string(path).expect("a source file")
    };
    let same = source("signature/mod.rs");
    let same = same.split("fn same(").nth(1).and_then(|rest| rest.split('}').next());
    assert!(
        same.expect("a function")
            .contains("constant_time::verify_slices_are_equal(a, b)")
    );
    for (name, comparison) in [
        ("signature/hmac.rs", "same(&bytes, expected)"),
        ("signature/token.rs", "same(sent, "),
        ("listener/verify.rs", "same(given, &wanted)"),
        ("listener/challenge.rs", "same(given.as_bytes(), wanted.expose())"),
    ] {
        let text = source(name);
        assert!(text.contains(comparison), "{name}");
        assert!(
            !text.contains("== expected") && !text.contains("== given") && !text.contains("== sent"),
            "{name}"
        );
    }
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = sources()
        .filter(|source| source.length > MOST_LINES)
        .map(|source| format!("src/{}: {} lines", source.path, source.length))
        .collect();
    assert!(
        long.is_empty(),
        "more than {MOST_LINES} lines without tests:\n{}",
        long.join("\n")
    );
}

impl Source {
    fn lines_with<'a>(&'a self, wanted: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = String> + 'a {
        let lines = self.lines.iter().filter(move |line| wanted(line));
        lines.map(|line| format!("src/{}: {}", self.path, line.trim()))
    }
}

/// Whether the file is one of the places, which stand with spaces between them. A folder's own file counts with it.
fn is_in(path: &str, places: &str) -> bool {
    let own = |place: &str| format!("{}.rs", place.trim_end_matches('/'));
    places
        .split(' ')
        .any(|place| path.starts_with(place) || path == own(place))
}

/// Whether the line names something of that crate.
fn uses(line: &str, name: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    line.match_indices(&format!("{name}::"))
        .any(|(at, _)| before(at).is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':'))
}

/// Whether the line names that part of hook.
fn uses_own(line: &str, name: &str) -> bool {
    line.match_indices(&format!("crate::{name}")).any(|(at, found)| {
        line[at + found.len()..]
            .chars()
            .next()
            .is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
}

fn sources() -> impl Iterator<Item = Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 50, "the sources are there");
    let mut tests = BTreeSet::new();
    let sources: Vec<(PathBuf, Source)> = files
        .into_iter()
        .map(|path| (path.clone(), read(&root, &path, &mut tests)))
        .collect();
    let is_test = move |path: &Path| {
        tests
            .iter()
            .any(|test| path.starts_with(test) || path == test.with_extension("rs"))
    };
    sources
        .into_iter()
        .filter(move |(path, _)| !is_test(path))
        .map(|(_, source)| source)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Reads a file. Modules that it declares for tests only are added to `tests`, without `.rs`.
fn read(root: &Path, path: &Path, tests: &mut BTreeSet<PathBuf>) -> Source {
    let text = fs::read_to_string(path).expect("a source file");
    let folder = if path.ends_with("mod.rs") || path.ends_with("lib.rs") {
        path.with_file_name("")
    } else {
        path.with_extension("")
    };
    let mut lines = Vec::new();
    let mut all = text.lines();
    while let Some(line) = all.next() {
        if line.trim() != "#[cfg(test)]" {
            lines.push(line);
            continue;
        }
        let item = all.next().unwrap_or_default();
        match item.trim().strip_suffix(';') {
            Some(declaration) => {
                let name = declaration.rsplit(' ').next().unwrap_or_default();
                tests.insert(folder.join(name));
            }
            // rustfmt puts the end of a block below its beginning.
            None => {
                let end = format!("{}}}", &item[..item.len() - item.trim_start().len()]);
                let _ = all.by_ref().find(|line| *line == end);
            }
        }
    }
    Source {
        path: path.strip_prefix(root).expect("below src").display().to_string(),
        length: lines.len(),
        lines: lines
            .into_iter()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(str::to_owned)
            .collect(),
    }
}
