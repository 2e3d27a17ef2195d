//! The filter of a list as a line of text: the words of `hook log`, and any other text.

use super::{names, select};
use crate::app::context::Context;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::provider::near_names;
use crate::store::{DeliveryState, Query, RecordKind};

/// A word of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterWord {
    /// As it is typed; with `:` a value follows.
    pub word: &'static str,
    /// What matches.
    pub help: &'static str,
}

/// Every word that is not free text.
pub const WORDS: [FilterWord; 9] = [
    word("failed", "Refused requests and failed deliveries"),
    word(
        "failed-processing",
        "Requests for which a command failed and did not succeed since",
    ),
    word("parked", "Deliveries that wait until they are released by hand"),
    word("since:", "Records since a time: `since:2h`, or a timestamp"),
    word("event:", "Events that match: `event:job.*`"),
    word("endpoint:", "Deliveries to this endpoint"),
    word("provider:", "Records of this provider"),
    word("workflow:", "Executions of this workflow"),
    word("kind:", "`kind:capture` or `kind:delivery`"),
];

const fn word(word: &'static str, help: &'static str) -> FilterWord {
    FilterWord { word, help }
}

/// Which records a list has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordFilter {
    /// What the words say.
    pub query: Query,
    /// What headers, bodies or answers contain; empty: anything.
    pub text: String,
}

impl RecordFilter {
    /// Reads a line such as `failed event:job.* "Grace Hopper"`. A word may be written as the flag of `hook log`, `--failed`.
    pub fn parse(context: &Context, line: &str) -> Result<Self> {
        let (mut filter, mut text) = (Self::default(), Vec::new());
        for token in tokens(line) {
            match token.split_once(':') {
                _ if token.starts_with('"') => text.push(token.trim_matches('"').to_owned()),
                Some((name, value)) if has_value(name) => filter.set(context, name.trim_start_matches("--"), value)?,
                None if filter.switch(token.trim_start_matches("--")) => {}
                _ => text.push(token),
            }
        }
        filter.text = text.join(" ");
        names::check(context, &filter.query)?;
        Ok(filter)
    }

    /// Whether every record matches.
    pub fn is_everything(&self) -> bool {
        self.text.is_empty() && self.query.is_everything()
    }

    fn switch(&mut self, name: &str) -> bool {
        match name {
            "failed" => self.query.failed = true,
            "failed-processing" => self.query.unprocessed = true,
            "parked" => self.query.state = Some(DeliveryState::Parked),
            _ => return false,
        }
        true
    }

    fn set(&mut self, context: &Context, name: &str, value: &str) -> Result<()> {
        let value = value.trim_matches('"');
        if value.is_empty() {
            return Err(Error::usage(format!("`{name}:` has no value")).hint(format!("write `{name}:VALUE`")));
        }
        let (query, given) = (&mut self.query, Some(value.to_owned()));
        match name {
            "since" => query.since = Some(since(context, value)?),
            "event" => query.event = given,
            "endpoint" => query.endpoint = given,
            "provider" => query.provider = given,
            "workflow" => query.workflow = given,
            _ => query.kind = Some(kind(value)?),
        }
        Ok(())
    }
}

fn since(context: &Context, value: &str) -> Result<Timestamp> {
    select::since(context, value).map_err(|mut error| {
        error.hints = vec!["write `since:2h`, or a timestamp".to_owned()];
        error
    })
}

fn has_value(name: &str) -> bool {
    let name = name.trim_start_matches("--");
    WORDS.iter().any(|word| word.word.strip_suffix(':') == Some(name))
}

fn kind(value: &str) -> Result<RecordKind> {
    let kinds = [RecordKind::Capture, RecordKind::Delivery];
    let found = kinds.into_iter().find(|kind| kind.name() == value);
    found.ok_or_else(|| {
        let near = near_names(value, kinds.iter().map(|kind| kind.name()));
        Error::usage(format!("`{value}` is not a kind of record"))
            .hint("write `kind:capture` or `kind:delivery`")
            .near(&near, |name| format!("kind:{name}"))
    })
}

/// The words of a line; spaces between double quotes are part of one.
fn tokens(line: &str) -> Vec<String> {
    let (mut tokens, mut current, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        quoted ^= c == '"';
        if c.is_whitespace() && !quoted {
            tokens.extend((!current.is_empty()).then(|| std::mem::take(&mut current)));
        } else {
            current.push(c);
        }
    }
    tokens.extend((!current.is_empty()).then_some(current));
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::inspect::tests::context;

    fn parse(line: &str) -> RecordFilter {
        RecordFilter::parse(&context().0, line).unwrap()
    }

    #[test]
    fn words_of_the_log_and_free_text_are_told_apart() {
        let filter = parse(r#"failed event:job.* Grace "two  words" kind:delivery http://a:1/"#);
        assert!(filter.query.failed);
        assert_eq!(filter.query.event.as_deref(), Some("job.*"));
        assert_eq!(filter.query.kind, Some(RecordKind::Delivery));
        assert_eq!(filter.text, "Grace two  words http://a:1/");
        assert!(parse("  ").is_everything());
        assert_eq!(parse("--parked").query.state, Some(DeliveryState::Parked));
        assert_eq!(parse("\"failed\"").text, "failed", "in quotes it is text");
    }

    #[test]
    fn a_wrong_value_is_an_error_with_a_way_out() {
        let error = |line: &str| RecordFilter::parse(&context().0, line).unwrap_err();
        assert!(
            error("kind:captures")
                .hints
                .iter()
                .any(|hint| hint.contains("kind:capture"))
        );
        assert!(error("event:").to_string().contains("`event:` has no value"));
        assert!(error("since:yesterday").to_string().contains("neither a duration"));
        assert!(!error("provider:stripee").hints.is_empty());
    }
}
