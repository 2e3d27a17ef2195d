//! Who may use what: each outside crate has one home, inner parts know nothing of outer ones, no provider is special, and
//! files stay short. Text is looked at, not syntax: what stands in tests and in comments is left out.

mod imports;
mod source;

use std::fs;
use std::path::Path;

use imports::{Module, cycles, imports};
use source::sources;

/// The only places of outside crates. A crate that is not here may be used everywhere.
const HOMES: &[(&str, &str)] = &[
    ("clap", "cli/"),
    ("clap_complete", "cli/complete/"),
    ("clap_mangen", "cli/man.rs"),
    ("reqwest", "transport/http/"),
    ("tower", "transport/http/ app/serve/routes/"),
    ("axum tower_http utoipa utoipa_axum", "app/serve/routes/"),
    ("hyper hyper_util http_body_util", "server/ transport/http/"),
    ("tokio_rustls rcgen", "server/"),
    ("lettre", "transport/mail/"),
    ("rustls", "server/ transport/http/ store/postgres/"),
    ("rusqlite", "store/sqlite/"),
    ("tokio_postgres tokio_postgres_rustls", "store/postgres/"),
    // A derived sequence of random bytes is HMAC of a counter.
    ("hmac sha1 sha2", "signature/ random.rs digest.rs"),
    ("aws_lc_rs", "signature/ encryption.rs"),
    ("zeroize", "secret.rs encryption.rs"),
    ("md5", "signature/explain/digests.rs"),
    ("icu_normalizer", "signature/explain/charsets.rs"),
    ("miniz_oxide", "inflate.rs"),
    ("cel", "expression/"),
    ("colored", "view/style.rs"),
    ("indicatif", "view/progress.rs"),
    ("dialoguer", "cli/prompt.rs"),
    ("terminal_size", "cli/ui.rs"),
    ("unicode_width", "view/columns.rs"),
    ("ratatui", "tui/"),
    ("jiff", "clock.rs"),
    ("fastrand", "random.rs"),
    ("strsim", "provider/near.rs"),
    ("ipnet", "listener/network.rs"),
    ("rustix", "fs.rs process.rs"),
    ("toml", "provider/ config/ endpoints/"),
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
        "cli engine listener pipeline view server transport::http transport::Http",
    ),
    ("listener/", "cli view"),
    ("app/", "cli inspector tui view web"),
    ("api/", "cli view"),
    ("view/", "cli inspector tui web"),
    ("inspector/", "cli tui web"),
    ("web/", "cli tui"),
    ("tui/", "cli"),
];

/// The layers, the outermost first: none may import from one above. A module that stands in none is a shared piece, below all.
const LAYERS: &[&str] = &[
    "cli",
    "web tui",
    "inspector",
    "view",
    "app",
    "pipeline engine store endpoints api listener config verification target trust event_filter",
    "provider",
    "signature",
    "transport server",
];

/// What a use case must not name: it never knows who asked for it.
const FRONT_END: &[&str] = &[
    "clap",
    "dialoguer",
    "colored",
    "indicatif",
    "Ui",
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
    "stdout",
    "stderr",
    "stdin",
    "IsTerminal",
];

/// Where a provider may be named, and why.
const NAMES_ALLOWED: &[(&str, &str)] = &[(
    "cli/demo.rs",
    "the tour plays one provider, as a user who types the commands would",
)];

/// Lines of a file, without its tests.
const MOST_LINES: usize = 400;

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
fn the_crate_table_of_the_documents_has_every_crate() {
    let text = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file");
    let manifest: toml::Table = text("Cargo.toml").parse().expect("a manifest");
    let crates = manifest["dependencies"].as_table().expect("a table").keys();
    let documents = text("docs/design.md");
    let listed: Vec<&str> = documents
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.split(' ').next().unwrap_or_default())
        .collect();
    let missing: Vec<&String> = crates.filter(|name| !listed.contains(&name.as_str())).collect();
    assert!(
        missing.is_empty(),
        "not in the crate table of docs/design.md: {missing:?}"
    );
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
fn no_layer_imports_from_one_above() {
    let mut wrong = Vec::new();
    for (file, imported) in imports() {
        let upwards = imported.into_iter().filter(|other| layer(other) < layer(&file));
        wrong.extend(upwards.map(|other| format!("{} imports {}", file.join("/"), other.join("/"))));
    }
    assert!(wrong.is_empty(), "imports from a layer above:\n{}", wrong.join("\n"));
}

/// The place of the module's layer; the outermost is 0.
fn layer(module: &Module) -> usize {
    let top = module.first().map_or("", String::as_str);
    let found = LAYERS.iter().position(|names| names.split(' ').any(|name| name == top));
    found.unwrap_or(LAYERS.len())
}

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    let found: Vec<String> = cycles(&imports()).iter().map(|cycle| cycle.join(" -> ")).collect();
    assert!(found.is_empty(), "import cycles:\n{}", found.join("\n"));
}

#[test]
fn use_cases_neither_print_nor_ask_nor_read_a_command_line() {
    let mut wrong = Vec::new();
    for source in sources().filter(|source| is_in(&source.path, "app/ listener/")) {
        wrong.extend(source.lines_with(|line| FRONT_END.iter().any(|name| has_word(line, name))));
    }
    assert!(wrong.is_empty(), "what belongs to a front end:\n{}", wrong.join("\n"));
}

#[test]
fn no_logic_reads_a_message() {
    let tests = ["contains(", "starts_with(", "ends_with("];
    // Of a message of its own, that is: what a parser of another crate found has no form but its message.
    let texts = ["hint", ".message", "detail"];
    let mut wrong = Vec::new();
    for source in sources() {
        wrong.extend(source.lines_with(|line| {
            let mut reads = texts.iter().flat_map(|text| tests.map(|test| format!("{text}.{test}")));
            line.contains("hints.retain(") || reads.any(|read| line.contains(&read))
        }));
    }
    assert!(
        wrong.is_empty(),
        "logic that depends on the words of a message:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn text_for_messages_is_escaped_in_one_way() {
    let mut wrong = Vec::new();
    // The explanation of a mismatch shows which line feeds and tabs are signed: `\n` is easier to read than `\u{a}`.
    for source in sources().filter(|source| !is_in(&source.path, "text.rs signature/explain/")) {
        wrong.extend(source.lines_with(|line| has_word(line, "escape_debug") || has_word(line, "escape_default")));
    }
    assert!(wrong.is_empty(), "use `text::printable`:\n{}", wrong.join("\n"));
}

/// Whether the text stands there, and is not a part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, found)| {
        let (before, after) = (&line[..at], &line[at + found.len()..]);
        !before.ends_with(is_part) && (word.ends_with('!') || !after.starts_with(is_part))
    })
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
        ("listener/verify.rs", "same(given, bearer.expose())"),
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
