//! `hook log prune`: drop what is old or too much.

use std::time::Duration;

use serde::Serialize;

use crate::clock::human_duration;
use crate::error::Result;
use crate::exit::Exit;
use crate::prompt;
use crate::render::{count, short_size};
use crate::retention::Limits;
use crate::session::Session;
use crate::store::{Access, SqliteStore};

/// Drop old records; by default what the settings say: `hook config show`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Records older than this, and nothing for their size
    #[arg(long, value_name = "DURATION", value_parser = super::super::duration)]
    older_than: Option<Duration>,
    /// The oldest records beyond this size, and nothing for their age: `500MiB`, `2GiB`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// `{"schema":"hook.pruned/1"}`
#[derive(Serialize)]
struct PrunedLine {
    schema: &'static str,
    dropped: u64,
}

pub(super) fn run(session: &Session, args: &Args) -> Result<Exit> {
    // Whether there is a ledger at all comes before the question.
    if super::reader_if_any(session)?.is_none() {
        return Ok(Exit::Ok);
    }
    let limits = match (args.older_than, args.max_size) {
        (None, None) => Limits::of(&session.settings),
        (age, size) => Limits { age, size },
    };
    if !args.yes && !prompt::confirm(&session.ui, &question(session, limits), "add `--yes`")? {
        return Ok(Exit::Ok);
    }
    let mut store = SqliteStore::open(&session.ledger_path, Access::ReadWrite)?;
    let dropped = limits.apply(&mut store, session.now())?;
    session.ui.json(&PrunedLine {
        schema: "hook.pruned/1",
        dropped,
    })?;
    session.ui.line(&format!("dropped {}", count(dropped, "record")))?;
    Ok(Exit::Ok)
}

fn question(session: &Session, limits: Limits) -> String {
    let age = limits.age.map(|age| format!("older than {}", human_duration(age)));
    let size = limits.size.map(|size| format!("beyond {}", short_size(size)));
    let what: Vec<String> = age.into_iter().chain(size).collect();
    let path = session.ledger_path.display();
    match what.as_slice() {
        [] => format!("Drop refused requests beyond their share from `{path}`?"),
        what => format!("Drop records {} from `{path}`?", what.join(" or ")),
    }
}

/// Reads `500MiB`, `2GiB`, `1GB`, or bytes.
fn size(text: &str) -> std::result::Result<u64, String> {
    let wrong = || format!("`{text}` is not a size such as `500MiB` or `2GiB`");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_unit_and_refused_otherwise() {
        for (text, bytes) in [
            ("0", 0),
            ("12", 12),
            ("12B", 12),
            ("2KiB", 2048),
            ("500 MiB", 524_288_000),
            ("2GiB", 2_147_483_648),
            ("1gb", 1_000_000_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "1.5GiB", "-1", "2 elephants", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
