//! Files that are made from the definition of the command line are the ones that are committed.

mod reference;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hook::internals::app::serve::openapi;
use hook::internals::cli::complete::{Shell, script};
use hook::internals::cli::man;

/// `just generate` sets it.
const UPDATE: &str = "UPDATE_GENERATED";

/// Every file, by its path in the repository: completion scripts, man pages, the reference, the contract of the service.
fn files() -> BTreeMap<PathBuf, Vec<u8>> {
    let scripts = [
        (Shell::Bash, "hook.bash"),
        (Shell::Zsh, "_hook"),
        (Shell::Fish, "hook.fish"),
        (Shell::Elvish, "hook.elv"),
        (Shell::Powershell, "_hook.ps1"),
    ];
    let scripts = scripts.map(|(shell, name)| {
        let text = script(shell).expect("a script can be made");
        (Path::new("completions").join(name), text.into_bytes())
    });
    let pages = man::pages().expect("the man pages can be made").into_iter();
    let pages = pages.map(|page| (Path::new("docs/man").join(page.name), page.text));
    let reference = ("docs/cli.md".into(), reference::markdown().into_bytes());
    let contract = ("docs/openapi.json".into(), openapi().into_bytes());
    scripts.into_iter().chain(pages).chain([reference, contract]).collect()
}

#[test]
fn generated_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = files();
    let mut wrong = Vec::new();
    for (name, text) in &files {
        let path = root.join(name);
        if fs::read(&path).is_ok_and(|found| found == *text) {
            continue;
        }
        if std::env::var_os(UPDATE).is_some() {
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders");
            fs::write(&path, text).expect("the file is written");
        } else {
            wrong.push(format!("{} is stale", name.display()));
        }
    }
    for folder in ["completions", "docs/man"] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            let path = Path::new(folder).join(entry.file_name());
            if files.contains_key(&path) {
                continue;
            }
            if std::env::var_os(UPDATE).is_some() {
                fs::remove_file(entry.path()).expect("the file is removed");
            } else {
                wrong.push(format!("{} belongs to no command", path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n`just generate` regenerates them",
        wrong.join("\n")
    );
}
