//! The source files without their tests and comments.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file without its tests and comments.
pub(super) struct Source {
    /// Below `src/`.
    pub(super) path: String,
    pub(super) lines: Vec<String>,
    /// With comments.
    pub(super) length: usize,
}

impl Source {
    pub(super) fn lines_with<'a>(&'a self, wanted: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = String> + 'a {
        let lines = self.lines.iter().filter(move |line| wanted(line));
        lines.map(|line| format!("src/{}: {}", self.path, line.trim()))
    }
}

/// Every file below `src/` that is compiled outside of tests.
pub(super) fn sources() -> impl Iterator<Item = Source> {
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
