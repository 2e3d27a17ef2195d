//! A query as the condition of a statement.

use rusqlite::types::Value;

use super::values::signed;
use crate::store::{Query, RecordKind};

/// What stands between `FROM` and `ORDER BY`, and the values of its placeholders in their order.
pub(super) struct Filter {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// Captures for which a command failed and did not succeed since.
const UNPROCESSED: &str = "capture WHERE n IN
    (SELECT n FROM processing INDEXED BY processing_failed WHERE mended IS NULL)";

/// The condition on captures; `None` when no capture can match. Records before number `floor` are known to be too old.
pub(super) fn captures(query: &Query, floor: i64) -> Option<Filter> {
    let deliveries_only = query.pending || query.endpoint.is_some() || query.origin.is_some();
    if query.kind == Some(RecordKind::Delivery) || deliveries_only {
        return None;
    }
    let mut filter = match (query.failed, query.unprocessed) {
        (true, false) => Filter::of("capture INDEXED BY capture_refused WHERE verdict = 'refused'"),
        (false, true) => Filter::of(UNPROCESSED),
        (false, false) => Filter::of("capture WHERE 1"),
        // Commands do not run for refused requests.
        (true, true) => return None,
    };
    filter.common(query, floor);
    Some(filter)
}

/// The same for deliveries.
pub(super) fn deliveries(query: &Query, floor: i64) -> Option<Filter> {
    let mut filter = match (query.failed, query.pending) {
        _ if query.kind == Some(RecordKind::Capture) || query.unprocessed => return None,
        (true, true) => return None,
        (true, false) => Filter::of("delivery INDEXED BY delivery_failed WHERE state = 'failed'"),
        (false, true) => Filter::of("delivery INDEXED BY delivery_pending WHERE state = 'pending'"),
        (false, false) if query.origin.is_some() => {
            Filter::of("delivery INDEXED BY delivery_origin WHERE origin IS NOT NULL")
        }
        (false, false) => Filter::of("delivery WHERE 1"),
    };
    if let Some(origin) = query.origin {
        filter.and("origin = ?", [signed(origin).into()]);
    }
    if let Some(endpoint) = &query.endpoint {
        filter.and("endpoint = ?", [endpoint.clone().into()]);
    }
    filter.common(query, floor);
    Some(filter)
}

impl Filter {
    /// The indexes are named rather than left to SQLite: without statistics it may well read a million rows to find ten.
    fn of(table: &str) -> Self {
        Self {
            sql: table.to_owned(),
            values: Vec::new(),
        }
    }

    fn and<const N: usize>(&mut self, condition: &str, values: [Value; N]) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    fn common(&mut self, query: &Query, floor: i64) {
        if let Some(workflow) = &query.workflow {
            self.and(
                "n IN (SELECT n FROM execution WHERE workflow = ?)",
                [workflow.clone().into()],
            );
        }
        if let Some(since) = query.since {
            self.and("n >= ? AND at >= ?", [floor.into(), since.unix_us().into()]);
        }
        if let Some(event) = &query.event {
            let (operator, pattern) = if event.contains('*') {
                ("event GLOB ?", glob(event))
            } else {
                ("event = ?", event.clone())
            };
            self.and(operator, [pattern.into()]);
        }
        if let Some(provider) = &query.provider {
            let variants = format!("{}@*", glob(provider).replace('*', "[*]"));
            self.and(
                "(provider = ? OR provider GLOB ?)",
                [provider.clone().into(), variants.into()],
            );
        }
        if let Some(after) = query.page.after {
            self.and("n > ?", [signed(after).into()]);
        }
        if let Some(before) = query.page.before {
            self.and("n < ?", [signed(before).into()]);
        }
    }
}

/// An event pattern for SQLite, where `?` and `[` mean something too.
fn glob(pattern: &str) -> String {
    pattern.chars().fold(String::new(), |mut glob, c| {
        match c {
            '?' => glob.push_str("[?]"),
            '[' => glob.push_str("[[]"),
            other => glob.push(other),
        }
        glob
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_star_is_special_in_a_pattern() {
        assert_eq!(glob("job.*"), "job.*");
        assert_eq!(glob("a?b[c]*"), "a[?]b[[]c]*");
    }
}
