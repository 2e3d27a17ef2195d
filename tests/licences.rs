//! What hook is built from: every crate that is compiled has a licence that `deny.toml` allows, a single one does
//! cryptography, every package comes from crates.io, and there are not too many. `cargo deny` checks the advisories too.

use std::collections::BTreeSet;
use std::process::Command;

use toml::{Table, Value};

const OWN: &str = env!("CARGO_PKG_NAME");

/// Of these exactly one may be compiled.
const CRYPTOGRAPHY: &[&str] = &[
    "aws-lc-rs",
    "boring",
    "ed25519-dalek",
    "libsodium-sys",
    "mbedtls",
    "native-tls",
    "openssl",
    "ring",
    "rsa",
    "rustls-openssl",
];

/// Packages in `Cargo.lock` that something else than a test needs, with those for other systems. clap, reqwest, hyper, rustls
/// and SQLite bring most of them, ratatui 48, tokio-postgres 32, and lettre seven; the rest of the room is for updates that split a crate, not for
/// new ones.
const MOST_PACKAGES: usize = 370;

/// A crate that is compiled into hook, or into what builds it, on this system.
struct Compiled {
    name: String,
    licence: String,
}

#[test]
fn every_compiled_crate_has_an_accepted_licence() {
    let rules = deny();
    let accepted = strings(&rules["licenses"]["allow"]);
    let exceptions = rules["licenses"]["exceptions"].as_array().expect("a list");
    let mut wrong = Vec::new();
    for compiled in compiled() {
        let own = exceptions
            .iter()
            .find(|exception| exception["crate"].as_str() == Some(&compiled.name));
        let own = own.map_or_else(Vec::new, |exception| strings(&exception["allow"]));
        let is_accepted = |licence: &str| accepted.contains(&licence) || own.contains(&licence);
        if !holds(&compiled.licence, &is_accepted) {
            wrong.push(format!("{}: {}", compiled.name, compiled.licence));
        }
    }
    assert!(
        wrong.is_empty(),
        "licences that deny.toml does not allow:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn one_library_does_cryptography_and_no_banned_crate_is_compiled() {
    let compiled = compiled();
    let names: Vec<&str> = compiled.iter().map(|compiled| compiled.name.as_str()).collect();
    let found: Vec<&&str> = CRYPTOGRAPHY.iter().filter(|name| names.contains(name)).collect();
    assert_eq!(found, [&"aws-lc-rs"]);
    let rules = deny();
    let banned = rules["bans"]["deny"].as_array().expect("a list");
    let banned: Vec<&str> = banned.iter().filter_map(|ban| ban["crate"].as_str()).collect();
    let found: Vec<&&str> = banned.iter().filter(|name| names.contains(name)).collect();
    assert!(found.is_empty(), "banned by deny.toml: {found:?}");
}

#[test]
fn the_number_of_packages_stays_small() {
    let count = needed_outside_of_tests().len();
    assert!(count > 100, "the lock file is read: {count}");
    assert!(
        count <= MOST_PACKAGES,
        "{count} packages are more than {MOST_PACKAGES}: is the new one worth it?"
    );
}

#[test]
fn every_package_comes_from_an_allowed_source_and_in_a_bounded_version() {
    let rules = deny();
    let allowed = strings(&rules["sources"]["allow-registry"]);
    let is_allowed = |package: &Value| {
        let source = text(package, "source").strip_prefix("registry+");
        source.map_or(text(package, "name") == OWN, |registry| allowed.contains(&registry))
    };
    let lock = lock();
    let foreign: Vec<&str> = lock
        .iter()
        .filter(|package| !is_allowed(package))
        .map(|package| text(package, "name"))
        .collect();
    assert!(
        foreign.is_empty(),
        "from a source that deny.toml does not allow: {foreign:?}"
    );
    let manifest = manifest();
    for (name, wanted) in dependencies(&manifest, &["dependencies", "build-dependencies", "dev-dependencies"]) {
        let version = wanted.as_str().unwrap_or_else(|| text(wanted, "version"));
        assert!(
            name == OWN || version.starts_with(|c: char| c.is_ascii_digit() || c == '~'),
            "any version of {name}"
        );
    }
}

/// Packages of the lock file, by their place in it, that are reached from anything but `dev-dependencies`.
fn needed_outside_of_tests() -> BTreeSet<usize> {
    let (lock, manifest) = (lock(), manifest());
    let direct = dependencies(&manifest, &["dependencies", "build-dependencies"]);
    let mut waiting: Vec<&str> = direct.map(|(name, _)| name.as_str()).collect();
    let mut needed = BTreeSet::new();
    while let Some(wanted) = waiting.pop() {
        // `NAME`, or `NAME VERSION` where the lock file has several.
        let (name, version) = wanted.split_once(' ').unwrap_or((wanted, ""));
        for (place, package) in lock.iter().enumerate() {
            let is_wanted =
                text(package, "name") == name && (version.is_empty() || text(package, "version") == version);
            if is_wanted && needed.insert(place) {
                let of_package = package.get("dependencies").and_then(Value::as_array);
                waiting.extend(of_package.into_iter().flatten().filter_map(Value::as_str));
            }
        }
    }
    needed
}

fn lock() -> Vec<Value> {
    let lock: Table = include_str!("../Cargo.lock").parse().expect("TOML");
    lock["package"].as_array().expect("a list").clone()
}

fn manifest() -> Table {
    include_str!("../Cargo.toml").parse().expect("TOML")
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What stands in these tables of the manifest.
fn dependencies<'a>(manifest: &'a Table, tables: &'a [&str]) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let tables = tables.iter().filter_map(|table| manifest.get(*table)?.as_table());
    tables.flatten()
}

#[test]
fn licence_expressions_are_read_as_they_are_meant() {
    let mit_or_isc = |licence: &str| ["MIT", "ISC", "A WITH B"].contains(&licence);
    for expression in [
        "MIT",
        "MIT OR X",
        "X/MIT",
        "ISC AND (X OR MIT)",
        "(X AND Y) OR MIT AND ISC",
        "A WITH B AND MIT",
    ] {
        assert!(holds(expression, &mit_or_isc), "{expression}");
    }
    for expression in [
        "",
        "X",
        "MIT AND X",
        "ISC AND (X OR Y)",
        "(MIT OR X) AND Y",
        "A",
        "MIT WITH X",
    ] {
        assert!(!holds(expression, &mit_or_isc), "{expression}");
    }
}

fn deny() -> Table {
    include_str!("../deny.toml").parse().expect("TOML")
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

/// `cargo metadata` also lists optional crates that no feature switches on; `cargo tree` does not.
fn compiled() -> Vec<Compiled> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--no-dedupe",
        ])
        .args(["--format", "{p}|{l}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert!(lines.len() > 50, "the tree has lines:\n{text}");
    let compiled = |line: &str| {
        let (package, licence) = line.rsplit_once('|').expect("two columns");
        Compiled {
            name: package.split(' ').next().unwrap_or_default().to_owned(),
            licence: licence.to_owned(),
        }
    };
    lines.into_iter().map(compiled).collect()
}

/// Whether an SPDX expression can be met. `AND` binds stronger than `OR`, which old manifests write `/`.
fn holds(expression: &str, accepted: &dyn Fn(&str) -> bool) -> bool {
    let words = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_holds(&mut rest, accepted) && rest.is_empty()
}

fn any_holds(words: &mut &[&str], accepted: &dyn Fn(&str) -> bool) -> bool {
    let mut holds = all_hold(words, accepted);
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        holds |= all_hold(words, accepted);
    }
    holds
}

fn all_hold(words: &mut &[&str], accepted: &dyn Fn(&str) -> bool) -> bool {
    let mut holds = one_holds(words, accepted);
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        holds &= one_holds(words, accepted);
    }
    holds
}

fn one_holds(words: &mut &[&str], accepted: &dyn Fn(&str) -> bool) -> bool {
    match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let holds = any_holds(words, accepted);
            *words = words.strip_prefix(&[")"]).unwrap_or(&[]);
            holds
        }
        [licence, "WITH", exception, rest @ ..] => {
            *words = rest;
            accepted(&format!("{licence} WITH {exception}"))
        }
        [licence, rest @ ..] => {
            *words = rest;
            accepted(licence)
        }
        [] => false,
    }
}
