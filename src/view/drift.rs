//! Differences between bodies and the catalogue.

use serde::Serialize;

use crate::provider::drift::{Finding, FindingKind};
use crate::text::printable;
use crate::view::style::Style;

/// Characters of a path, at most: it comes from the network.
const PATH_SHOWN: usize = 200;

/// `{"schema":"hook.drift/1"}`: one difference.
#[derive(Serialize)]
pub struct DriftLine<'a> {
    schema: &'static str,
    provider: &'a str,
    event: &'a str,
    path: &'a str,
    finding: &'static str,
    wanted: Option<&'static str>,
    found: Option<&'static str>,
    #[serde(flatten)]
    seen: Option<Seen>,
}

/// In which records a difference was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// How many of them.
    pub records: u64,
    /// The number of one of them.
    pub example: u64,
}

impl<'a> DriftLine<'a> {
    /// A difference, and where it was seen if it was in records.
    pub fn new(provider: &'a str, event: &'a str, finding: &'a Finding, seen: Option<Seen>) -> Self {
        Self {
            schema: "hook.drift/1",
            provider,
            event,
            path: &finding.path,
            finding: finding.kind.name(),
            wanted: finding.kind.wanted(),
            found: finding.kind.found(),
            seen,
        }
    }
}

/// One line a difference, in columns.
pub fn lines(findings: &[(&Finding, Option<Seen>)], style: Style) -> Vec<String> {
    let paths: Vec<String> = findings.iter().map(|(finding, _)| path(finding)).collect();
    let types: Vec<String> = findings.iter().map(|(finding, _)| types(finding.kind)).collect();
    let widest = |texts: &[String]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let (path_width, type_width) = (widest(&paths), widest(&types));
    let line = |((finding, seen), (path, types)): (&(&Finding, Option<Seen>), (&String, &String))| {
        // Padded before it is coloured: colours have a width for the formatter, none on the screen.
        let name = &format!("{:<7}", finding.kind.name());
        let name = if finding.is_fault() {
            style.bad(name)
        } else {
            style.dim(name)
        };
        let path = style.name(&format!("{path:<path_width$}"));
        match seen {
            None => format!("  {name}  {path}  {types}"),
            Some(seen) => {
                let places = super::count(seen.records, "record");
                let seen = style.dim(&format!("in {places}, such as #{}", seen.example));
                let types = format!("{types:<type_width$}");
                format!("  {name}  {path}  {types}  {seen}")
            }
        }
    };
    findings.iter().zip(paths.iter().zip(&types)).map(line).collect()
}

fn path(finding: &Finding) -> String {
    match finding.path.as_str() {
        "" => "(the body)".to_owned(),
        path => printable(path, PATH_SHOWN),
    }
}

fn types(kind: FindingKind) -> String {
    match kind {
        FindingKind::Missing { wanted } => wanted.to_owned(),
        FindingKind::Retyped { wanted, found } => format!("{wanted} is now {found}"),
        FindingKind::Added { found } => found.to_owned(),
        FindingKind::Unknown => "a text that the documents do not list".to_owned(),
    }
}
