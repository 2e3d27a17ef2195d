//! Columns, tabs and keys, once for every skin.

use serde::Serialize;
use serde_json::{Value, json};

use crate::app::inspect::filter;
use crate::words::words;

/// A column of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ListColumn {
    /// The field of a row: `number`, `at`, ...
    pub key: &'static str,
    /// Its title.
    pub title: &'static str,
    /// Whether texts stand at the right edge.
    pub right: bool,
    /// Characters that it usually needs.
    pub width: u16,
    /// From which width of the whole list, in characters, it is shown.
    pub from: u16,
}

/// The columns, from the left.
pub const COLUMNS: [ListColumn; 9] = [
    column("number", "#", true, 7, 0),
    column("at", "TIME", true, 10, 60),
    column("direction", "", false, 3, 0),
    column("event", "EVENT", false, 24, 0),
    column("provider", "PROVIDER", false, 14, 90),
    column("verdict", "VERDICT", false, 13, 0),
    column("status", "STATUS", true, 6, 50),
    column("size", "SIZE", true, 9, 100),
    column("took", "LATENCY", true, 9, 70),
];

const fn column(key: &'static str, title: &'static str, right: bool, width: u16, from: u16) -> ListColumn {
    ListColumn {
        key,
        title,
        right,
        width,
        from,
    }
}

words! {
    /// A tab of a record.
    #[derive(Default, PartialOrd, Ord)]
    pub enum Tab {
        /// What it is and what became of it.
        #[default]
        Summary = "summary",
        /// The headers of the request.
        Headers = "headers",
        /// The body of the request.
        Body = "body",
        /// Verdict, diagnosis, and the bytes that are signed.
        Why = "why",
        /// Attempts, and the schedule's next steps.
        Attempts = "attempts",
        /// The answer of the app.
        Answer = "answer",
    }
}

/// Every tab with its title; the key of the first is `1`.
pub const TABS: [(Tab, &str); 6] = [
    (Tab::Summary, "Summary"),
    (Tab::Headers, "Headers"),
    (Tab::Body, "Body"),
    (Tab::Why, "Why"),
    (Tab::Attempts, "Attempts"),
    (Tab::Answer, "Answer"),
];

words! {
    /// What a key asks for.
    pub enum Command {
        /// The next record of the list, or the next line of a tab.
        Down = "down",
        /// The one before.
        Up = "up",
        /// A screen further.
        PageDown = "page-down",
        /// A screen back.
        PageUp = "page-up",
        /// The newest record.
        First = "first",
        /// The oldest record that is loaded.
        Last = "last",
        /// Open the selected record.
        Open = "open",
        /// Close what is open, or clear the filter.
        Close = "close",
        /// The next tab.
        NextTab = "next-tab",
        /// The tab before.
        PreviousTab = "previous-tab",
        /// Summary.
        Tab1 = "tab-1",
        /// Headers.
        Tab2 = "tab-2",
        /// Body.
        Tab3 = "tab-3",
        /// Why.
        Tab4 = "tab-4",
        /// Attempts.
        Tab5 = "tab-5",
        /// Answer.
        Tab6 = "tab-6",
        /// Type a filter.
        Filter = "filter",
        /// The next record with the verdict of the selected one.
        NextMatch = "next-match",
        /// The one before.
        PreviousMatch = "previous-match",
        /// Follow the newest record, or stop following.
        Follow = "follow",
        /// Replay signed afresh.
        Replay = "replay",
        /// Replay with the captured headers.
        ReplayCaptured = "replay-captured",
        /// Edit, then replay signed afresh.
        Edit = "edit",
        /// Send the forged twin.
        Tamper = "tamper",
        /// Mark for a comparison.
        Mark = "mark",
        /// Compare the two marked records, or the marked with the selected one.
        Diff = "diff",
        /// Copy as a curl command.
        Curl = "curl",
        /// Copy the body.
        CopyBody = "copy-body",
        /// Copy the id.
        CopyId = "copy-id",
        /// Pause or resume deliveries to endpoints.
        Pause = "pause",
        /// Send a sample.
        Sample = "sample",
        /// Pretty, raw or hex.
        BodyForm = "body-form",
        /// Delete the record.
        Delete = "delete",
        /// Resume interrupted deliveries.
        Resume = "resume",
        /// The endpoints.
        Endpoints = "endpoints",
        /// The charts.
        Charts = "charts",
        /// Open the page in a browser.
        Page = "page",
        /// The keys.
        Help = "help",
        /// End.
        Quit = "quit",
    }
}

/// A key, or several for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyBinding {
    /// Named as a browser names them (`ArrowDown`, `PageUp`, `Enter`, `j`); `g g` is one after the other.
    pub keys: &'static [&'static str],
    /// What they ask for.
    pub command: Command,
    /// In a few words.
    pub help: &'static str,
}

const fn key(keys: &'static [&'static str], command: Command, help: &'static str) -> KeyBinding {
    KeyBinding { keys, command, help }
}

/// Every key.
pub const KEYS: [KeyBinding; 38] = [
    key(&["ArrowDown", "j"], Command::Down, "next record"),
    key(&["ArrowUp", "k"], Command::Up, "previous record"),
    key(&["PageDown"], Command::PageDown, "a screen down"),
    key(&["PageUp"], Command::PageUp, "a screen up"),
    key(&["g g", "Home"], Command::First, "newest record"),
    key(&["G", "End"], Command::Last, "oldest record"),
    key(&["Enter"], Command::Open, "open the record"),
    key(&["Escape"], Command::Close, "close, or clear the filter"),
    key(&["Tab"], Command::NextTab, "next tab"),
    key(&["Shift+Tab"], Command::PreviousTab, "previous tab"),
    key(&["1"], Command::Tab1, "Summary"),
    key(&["2"], Command::Tab2, "Headers"),
    key(&["3"], Command::Tab3, "Body"),
    key(&["4"], Command::Tab4, "Why"),
    key(&["5"], Command::Tab5, "Attempts"),
    key(&["6"], Command::Tab6, "Answer"),
    key(&["/"], Command::Filter, "filter"),
    key(&["n"], Command::NextMatch, "next record with this verdict"),
    key(&["N"], Command::PreviousMatch, "previous record with this verdict"),
    key(&["f"], Command::Follow, "follow the newest"),
    key(&["r"], Command::Replay, "replay, signed afresh"),
    key(&["R"], Command::ReplayCaptured, "replay as captured"),
    key(&["e"], Command::Edit, "edit and replay"),
    key(&["t"], Command::Tamper, "send a forged twin"),
    key(&["m"], Command::Mark, "mark for a comparison"),
    key(&["d"], Command::Diff, "compare with the marked record"),
    key(&["c"], Command::Curl, "copy as curl"),
    key(&["y"], Command::CopyBody, "copy the body"),
    key(&["i"], Command::CopyId, "copy the id"),
    key(&["b"], Command::BodyForm, "body: pretty, raw, hex"),
    key(&["p"], Command::Pause, "pause or resume deliveries"),
    key(&["s"], Command::Sample, "send a sample"),
    key(&["x"], Command::Delete, "delete the record"),
    key(&["u"], Command::Resume, "resume interrupted deliveries"),
    key(&["E"], Command::Endpoints, "endpoints"),
    key(&["C"], Command::Charts, "charts"),
    key(&["?"], Command::Help, "keys"),
    key(&["q"], Command::Quit, "quit the terminal view"),
];

/// A key that only the terminal view has.
pub const OPEN_PAGE: KeyBinding = key(&["o"], Command::Page, "open the page in a browser");

/// The command of a key, after the keys that were typed before: `Err` when more keys may follow.
pub fn command(typed: &[&str]) -> Result<Option<Command>, Incomplete> {
    let sequence = typed.join(" ");
    let all = || KEYS.iter().chain([&OPEN_PAGE]);
    if let Some(found) = all().find(|binding| binding.keys.contains(&sequence.as_str())) {
        return Ok(Some(found.command));
    }
    let begins = format!("{sequence} ");
    let mut keys = all().flat_map(|binding| binding.keys);
    if keys.any(|key| key.starts_with(&begins)) {
        return Err(Incomplete);
    }
    Ok(None)
}

/// More keys may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incomplete;

/// What to type where there is nothing to show.
pub const EMPTY: [(&str, &str); 3] = [
    ("Receive webhooks", "hook listen"),
    ("Send a signed event", "hook send job.paid --to localhost:3000/webhooks"),
    ("Fill a ledger with a tour", "hook demo --open"),
];

/// What to type where there are no endpoints.
pub const NO_ENDPOINTS: &str = "hook endpoints add https://shop.example/webhooks --provider poolflow --events job.paid";

/// All of it for the page.
pub fn json() -> Value {
    let keys = KEYS.iter().map(|binding| {
        let command = binding.command.name();
        json!({ "keys": binding.keys, "command": command, "help": binding.help })
    });
    json!({
        "columns": COLUMNS,
        "tabs": TABS.map(|(tab, title)| json!({ "key": tab.name(), "title": title })),
        "keys": keys.collect::<Value>(),
        "filter": filter::WORDS.map(|word| json!({ "word": word.word, "help": word.help })),
        "no_endpoints": NO_ENDPOINTS,
        "empty": EMPTY.map(|(what, command)| json!({ "what": what, "command": command })),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_asks_for_one_thing() {
        let mut seen = HashSet::new();
        for key in KEYS.iter().chain([&OPEN_PAGE]).flat_map(|binding| binding.keys) {
            assert!(seen.insert(key), "{key} twice");
        }
        assert_eq!(command(&["j"]), Ok(Some(Command::Down)));
        assert_eq!(command(&["g"]), Err(Incomplete));
        assert_eq!(command(&["g", "g"]), Ok(Some(Command::First)));
        assert_eq!(command(&["g", "x"]), Ok(None));
        assert_eq!(command(&["z"]), Ok(None));
    }
}
