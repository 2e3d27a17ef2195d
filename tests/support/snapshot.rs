//! Whole outputs for comparison with the recorded ones: what differs from run to run is replaced by its kind in brackets.

use serde_json::{Map, Value};

use super::{Outcome, Sandbox};

/// Numbers with these names in JSON are measured, and differ from run to run.
const MEASURED: [&str; 7] = [
    "took_ms",
    "waited_ms",
    "p50_ms",
    "p95_ms",
    "slowest_ms",
    "seconds",
    "per_second",
];

impl Sandbox {
    /// Command line, exit code and both streams of a command.
    pub(crate) fn screen(&self, outcome: &Outcome) -> String {
        let mut screen = format!("$ {}\n", self.stable(&outcome.shown));
        screen += &self.stable(&outcome.stdout());
        let said = self.stable(&outcome.stderr());
        screen.extend(said.lines().map(|line| format!("! {line}\n")));
        screen + &format!("exit {}\n", outcome.code)
    }

    /// Each line of stdout as JSON with one field a line: names, order and formats of the fields.
    #[track_caller]
    pub(crate) fn fields(&self, outcome: &Outcome) -> String {
        let lines = outcome.json();
        assert!(!lines.is_empty(), "no JSON\n{outcome}");
        let text: Vec<String> = lines.iter().map(|line| self.pretty(line)).collect();
        text.join("\n") + "\n"
    }

    /// The same of one object.
    pub(crate) fn pretty(&self, value: &Value) -> String {
        serde_json::to_string_pretty(&self.stable_value(value)).expect("JSON")
    }

    fn stable_value(&self, value: &Value) -> Value {
        let field = |(name, value): (&String, &Value)| match value {
            Value::Number(_) if MEASURED.contains(&name.as_str()) => (name.clone(), "[number]".into()),
            // The id of a sample is random.
            Value::Number(id) if name == "id" && id.as_u64().is_some_and(|id| id > 1_000_000) => {
                (name.clone(), "[digits]".into())
            }
            value => (name.clone(), self.stable_value(value)),
        };
        match value {
            Value::String(text) if text.len() == 29 && text.ends_with(" GMT") => "[date]".into(),
            Value::String(text) => self.stable(text).into(),
            Value::Number(number) if number.as_u64().is_some_and(|number| number > 100_000_000_000) => {
                "[digits]".into()
            }
            Value::Array(values) => values.iter().map(|value| self.stable_value(value)).collect(),
            Value::Object(fields) => fields.iter().map(field).collect::<Map<_, _>>().into(),
            other => other.clone(),
        }
    }

    fn stable(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for home in [self.home().canonicalize().expect("it is there"), self.home().to_owned()] {
            text = text.replace(&home.display().to_string(), "[home]");
        }
        let mut in_key = false;
        let mut lines = Vec::new();
        for line in text.split('\n') {
            let (starts, ends) = (line.contains("-----BEGIN "), line.contains("-----END "));
            if in_key && !ends {
                lines.push("[key]".to_owned());
                continue;
            }
            in_key = starts;
            lines.push(without_chance(line));
        }
        // What was replaced had another width, by which columns were laid out.
        if lines
            .iter()
            .any(|line| line.contains("[time]") || line.contains("[port]"))
        {
            for line in &mut lines {
                *line = narrow(line);
            }
        }
        lines.dedup_by(|a, b| a == "[key]" && b == "[key]");
        lines.join("\n")
    }
}

/// A line without ids, random text, ports and measured times.
fn without_chance(line: &str) -> String {
    if line.trim_start().starts_with("date: ") {
        return "date: [date]".to_owned();
    }
    if let Some((before, _)) = line.rsplit_once(" on port ").filter(|(_, port)| port.len() == 5) {
        return format!("{before} on port [port]");
    }
    if line.ends_with(" a second") {
        return "[rate]".to_owned();
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '/' | '=' | '-' | ':');
    let mut stable = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len()).max(first.len_utf8());
        let (word, after) = rest.split_at(length);
        stable += &stable_word(word);
        rest = after;
    }
    stable
}

/// A word, or the kind of what changes in it. Parts between colons, slashes and the like are words of their own.
fn stable_word(word: &str) -> String {
    let clock: Vec<usize> = word.split([':', '.']).map(str::len).collect();
    if clock == [2, 2, 2, 3] {
        return "[clock]".to_owned();
    }
    if word.starts_with("202") && word.contains('T') && word.ends_with('Z') {
        return "[date]".to_owned();
    }
    // Base64 of 16 bytes or more, after the name of its field.
    if word.ends_with('=') && word.len() > 23 {
        let start = word.find(['=', ',']).filter(|at| *at < 4).map_or(0, |at| at + 1);
        return format!("{}[base64]", &word[..start]);
    }
    let mut stable = String::new();
    for part in word.split_inclusive([':', '/', '=']) {
        let end = part.trim_end_matches([':', '/', '=', '.']).len();
        let is_port = stable.ends_with("127.0.0.1:") || stable.ends_with("localhost:");
        if is_port && end > 3 && part[..end].bytes().all(|b| b.is_ascii_digit()) {
            stable += "[port]";
        } else {
            stable += &stable_part(&part[..end], stable.ends_with("stored:"));
        }
        stable += &part[end..];
    }
    stable
}

fn stable_part(part: &str, is_stored: bool) -> String {
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_id = |text: &str| is_hex(text) && (text.len() >= 24 || text.len() == 6);
    if is_stored && part.contains('-') {
        part.rsplit_once('-')
            .map(|(name, _)| format!("{name}-[id]"))
            .unwrap_or_default()
    } else if is_measured(part) {
        "[time]".to_owned()
    } else if is_uuid(part) {
        "[uuid]".to_owned()
    } else if part.len() == 12 && is_hex(part) || part.len() >= 32 && is_id(part) {
        "[hex]".to_owned()
    } else if let Some((prefix, random)) = part
        .rsplit_once('_')
        .filter(|(_, random)| is_random(random) || is_id(random))
    {
        format!("{prefix}_[{}]", if is_id(random) { "id" } else { "random" })
    } else if part.len() >= 10 && part.bytes().all(|b| b.is_ascii_digit()) {
        "[digits]".to_owned()
    } else if is_random(part) {
        "[random]".to_owned()
    } else {
        part.to_owned()
    }
}

/// A time such as `12.5ms`; settings have no fractions of a second.
fn is_measured(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let small = word.strip_suffix("ms").or_else(|| word.strip_suffix("us"));
    let large = word.strip_suffix('s').filter(|number| number.contains('.'));
    small.or(large).is_some_and(is_number)
}

fn is_uuid(word: &str) -> bool {
    let lengths = word.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Long, and the kind of its characters changes more often than in words.
fn is_random(word: &str) -> bool {
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => Some(0),
        b'a'..=b'z' => Some(1),
        b'A'..=b'Z' => Some(2),
        _ => None,
    };
    let kinds: Vec<_> = word.bytes().map(kind).collect();
    let changes = kinds
        .windows(2)
        .filter(|two| two[0] != two[1] && two[0].is_some() && two[1].is_some());
    word.len() >= 20 && !word.contains('.') && changes.count() * 4 > word.len()
}

/// Runs of blanks inside of the line made two blanks wide.
fn narrow(line: &str) -> String {
    let start = line.len() - line.trim_start().len();
    let words: Vec<&str> = line[start..]
        .split("  ")
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    line[..start].to_owned() + &words.join("  ")
}

#[test]
fn what_changes_from_run_to_run_is_replaced_and_nothing_else() {
    for (line, stable) in [
        (
            "#2  job.paid  200 OK  17.1ms  delivered",
            "#2  job.paid  200 OK  [time]  delivered",
        ),
        ("14:35:15.770  #1", "[clock]  #1"),
        (
            "to http://127.0.0.1:4999/a, in 1us",
            "to http://127.0.0.1:[port]/a, in [time]",
        ),
        ("cap_01a227b24be67b868e07af57dac10b2e  verified", "cap_[id]  verified"),
        ("sk_test_z1B2c3d4E5f6a7b8c9d0AA", "sk_test_[random]"),
        ("v1=a1B2c3d4e5F6/7b8c+9d0AAxYzyXw=", "v1=[base64]"),
        ("`stored:crm-d3a8276e`", "`stored:crm-[id]`"),
        (
            "after 10s, 5m; see docs/endpoints.md",
            "after 10s, 5m; see docs/endpoints.md",
        ),
        ("2030-01-02T03:04:05.000Z", "2030-01-02T03:04:05.000Z"),
        (
            "X-PoolFlow-Signature, OpportunityMonetaryValueUpdate",
            "X-PoolFlow-Signature, OpportunityMonetaryValueUpdate",
        ),
        ("6ff3b1c8-1d2e-4f50-8a1b-0123456789ab.", "[uuid]."),
    ] {
        assert_eq!(without_chance(line), stable);
    }
}
