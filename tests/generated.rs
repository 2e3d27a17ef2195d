//! Files that are made from the definition of the command line are the ones that are committed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// `just generate` sets it.
const UPDATE: &str = "UPDATE_GENERATED";

#[test]
fn generated_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = hook::internals::cli::generated::files().expect("they can be made");
    let names: BTreeSet<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    let mut wrong = Vec::new();
    for file in files {
        let path = root.join(&file.path);
        if fs::read(&path).is_ok_and(|found| found == file.text) {
            continue;
        }
        if std::env::var_os(UPDATE).is_some() {
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders");
            fs::write(&path, &file.text).expect("the file is written");
        } else {
            wrong.push(format!("{} is stale", file.path.display()));
        }
    }
    for folder in ["completions", "docs/man"] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            let path = Path::new(folder).join(entry.file_name());
            if names.contains(&path) {
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
        "{}\n`just generate` writes them anew",
        wrong.join("\n")
    );
}
