//! Builds the index of the built-in providers: names, variants, events, aliases and detection, so that finding the
//! provider of an event reads no profile, and turns each profile into JSON, so that no TOML is parsed at run time.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use toml::{Table, Value};

/// Providers in the order in which events are looked for; `FIRST` of them are searched before the rest. Other files of the
/// folder follow by name.
const ORDER: [&str; 62] = [
    "poolflow",
    "pool-brain",
    "pocketsflow",
    "hoopai",
    "slotflow",
    "standard-webhooks",
    "svix",
    "openai",
    "stripe",
    "github",
    "gitlab",
    "bitbucket",
    "jira",
    "slack",
    "zoom",
    "shopify",
    "twilio",
    "sendgrid",
    "paddle",
    "linear",
    "square",
    "hubspot",
    "discord",
    "twitch",
    "meta",
    "intercom",
    "typeform",
    "calendly",
    "dropbox",
    "mailgun",
    "razorpay",
    "lemonsqueezy",
    "zendesk",
    "asana",
    "airtable",
    "sentry",
    "pagerduty",
    "circleci",
    "vercel",
    "docusign",
    "xero",
    "adyen",
    "coinbase-commerce",
    "launchdarkly",
    "gohighlevel",
    "clerk",
    "resend",
    "workos",
    "hook0",
    "box",
    "gocardless",
    "adobe-sign",
    "aws-sns",
    "azure-event-grid",
    "cloudevents",
    "gusto",
    "mailchimp",
    "microsoft-graph",
    "notion",
    "okta",
    "trello",
    "twitter",
];
const FIRST: usize = 5;

/// Names the providers to build in, between commas, instead of all: what the rest of them costs is measured so.
const ONLY: &str = "HOOK_BUILD_PROVIDERS";

/// What plays a provider when there is only a body.
const GENERIC: &str = "generic";

/// The files of all built-in providers, in their order: what plays a provider without a name of its own is the last.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .collect();
    let place = |name: &str| ORDER.iter().position(|ordered| *ordered == name).unwrap_or(ORDER.len());
    files.sort_by_key(|path| (stem(path) == GENERIC, place(stem(path)), stem(path).to_owned()));
    files
}

/// The name of the provider that a file describes.
fn stem(path: &Path) -> &str {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .expect("a name in UTF-8")
}

fn main() {
    println!("cargo:rerun-if-changed=src/provider/builtin");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={ONLY}");
    let only = env::var(ONLY).ok();
    let is_wanted = |name: &str| {
        only.as_ref()
            .is_none_or(|only| only.split(',').any(|listed| listed == name))
    };
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let folder = Path::new(&root).join("src/provider/builtin");
    let mut tokens = Vec::new();
    let mut code = String::from("/// The built-in providers.\npub(crate) static BUILTIN: &[Builtin] = &[\n");
    for (order, path) in files(&folder).into_iter().enumerate() {
        let name = stem(&path);
        if !is_wanted(name) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: Table = text
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        entry(&mut code, name, order < FIRST, &file, &path);
        token_headers(&file, &mut tokens);
    }
    let _ = writeln!(code, "];\nconst GENERIC: &str = {GENERIC:?};");
    let _ = writeln!(code, "/// Headers whose whole value is a secret, whoever sends them.");
    let _ = writeln!(code, "const TOKEN_HEADERS: &[&str] = &{tokens:?};");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("builtin.rs");
    fs::write(&out, code).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}

/// The headers of token schemes in a file that hold nothing else, and so nobody else's credential.
fn token_headers(file: &Table, found: &mut Vec<String>) {
    let token = file.get("signature").and_then(|signature| signature.get("token"));
    let text = |key: &str| token.and_then(|token| token.get(key)).and_then(Value::as_str);
    if let Some(header) = text("header").map(str::to_ascii_lowercase)
        && text("value").is_none_or(|value| value == "${secret}")
        && header != "authorization"
        && !found.contains(&header)
    {
        found.push(header);
    }
    let variants = file.get("variants").and_then(Value::as_table).into_iter();
    let variants = variants.flat_map(Table::values).filter_map(Value::as_table);
    variants.for_each(|variant| token_headers(variant, found));
}

fn entry(code: &mut String, name: &str, first: bool, file: &Table, path: &Path) {
    let title = file.get("title").and_then(Value::as_str).unwrap_or(name);
    let signs = (file.get("signature").and_then(Value::as_table)).is_none_or(|table| !table.contains_key("unsigned"));
    let _ = writeln!(
        code,
        "Builtin {{ name: {name:?}, title: {title:?}, first: {first}, signs: {signs}, events: &["
    );
    for (event, table) in file.get("events").and_then(Value::as_table).into_iter().flatten() {
        let _ = writeln!(code, "({event:?}, &{:?}),", strings(table.get("aliases")));
    }
    let _ = writeln!(
        code,
        "], detect: &[(None, &{:?}, &{:?}),",
        detect(file, "any-of"),
        detect(file, "all-of")
    );
    for (variant, table) in file.get("variants").and_then(Value::as_table).into_iter().flatten() {
        if let Some(table) = table.as_table().filter(|table| table.contains_key("detect")) {
            let (any, all) = (detect(table, "any-of"), detect(table, "all-of"));
            let _ = writeln!(code, "(Some({variant:?}), &{any:?}, &{all:?}),");
        }
    }
    let variants: Vec<&str> = (file.get("variants").and_then(Value::as_table))
        .into_iter()
        .flat_map(Table::keys)
        .map(String::as_str)
        .collect();
    let json = serde_json::to_string(file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let _ = writeln!(code, "], variants: &{variants:?}, handshakes: &[");
    let one = file.get("handshake").into_iter();
    let several = file.get("handshakes").and_then(Value::as_table).into_iter();
    for handshake in one.chain(several.flat_map(Table::values)) {
        marks(code, handshake, path);
    }
    let _ = writeln!(code, "], json: {json:?} }},");
}

/// What a request must have to be that question, unless there is nothing by which to tell it from an event: then it is
/// known only to whoever expects the provider.
fn marks(code: &mut String, handshake: &Value, path: &Path) {
    let request = handshake.get("request");
    let names = |table: &str| -> Vec<&str> {
        let table = request.and_then(|request| request.get(table)).and_then(Value::as_table);
        table.into_iter().flat_map(Table::keys).map(String::as_str).collect()
    };
    let text = |key: &str| request.and_then(|request| request.get(key)).and_then(Value::as_str);
    let (query, headers, method) = (names("query"), names("headers"), text("method").unwrap_or("POST"));
    let mut texts = Vec::new();
    if let Some(body) = text("body").filter(|body| !body.is_empty()) {
        let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        quoted(&body, &mut texts);
    }
    // A number says nothing: many bodies have a `"type":1`.
    let tells = texts.iter().any(|quoted| quoted.fixed || quoted.hole);
    let bare = matches!(method, "GET" | "HEAD");
    if bare || !query.is_empty() || !headers.is_empty() || tells {
        let texts: Vec<String> = texts.into_iter().map(|quoted| quoted.text).collect();
        let _ = writeln!(
            code,
            "ChallengeMarks {{ method: {method:?}, query: &{query:?}, headers: &{headers:?}, texts: &{texts:?} }},"
        );
    }
}

/// A text of a JSON body, in its quotes.
struct Quoted {
    text: String,
    /// A value that is always the same.
    fixed: bool,
    /// The key of one that is not.
    hole: bool,
}

fn quoted(value: &serde_json::Value, texts: &mut Vec<Quoted>) {
    use serde_json::Value as Json;
    let is_hole = |value: &Json| value.as_str().is_some_and(|text| text.starts_with("${"));
    match value {
        Json::String(text) if !is_hole(value) => texts.push(Quoted {
            text: format!("\"{text}\""),
            fixed: true,
            hole: false,
        }),
        Json::Array(items) => items.iter().for_each(|item| quoted(item, texts)),
        Json::Object(fields) => {
            for (name, field) in fields {
                texts.push(Quoted {
                    text: format!("\"{name}\""),
                    fixed: false,
                    hole: is_hole(field),
                });
                quoted(field, texts);
            }
        }
        _ => {}
    }
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn detect<'a>(table: &'a Table, key: &str) -> Vec<&'a str> {
    strings(table.get("detect").and_then(|detect| detect.get(key)))
}
