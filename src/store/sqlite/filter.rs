//! A query as the condition of a statement.

use rusqlite::types::Value;

use super::signed;
use crate::store::{Query, RecordKind};

/// What stands between `FROM` and `ORDER BY`, and the values of its placeholders in their order.
pub(super) struct Filter {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// Which index answers the query. It is said rather than left to SQLite, which knows nothing of the rows without
/// statistics and would read a million of them to find ten failed ones, or sort a million that need no sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// In the order of numbers: what a list needs.
    Numbers,
    /// In any order: what figures need.
    Any,
}

/// The condition on captures; `None` when no capture can match.
pub(super) fn captures(query: &Query, order: Order) -> Option<Filter> {
    let deliveries_only = query.pending || query.endpoint.is_some() || query.origin.is_some();
    if query.kind == Some(RecordKind::Delivery) || deliveries_only {
        return None;
    }
    let mut filter = Filter::from(
        "capture",
        if query.failed { Some("capture_refused") } else { None },
        order,
    );
    if query.failed {
        filter.and("verdict = 'refused'", []);
    }
    filter.common(query);
    Some(filter)
}

/// The condition on deliveries; `None` when no delivery can match.
pub(super) fn deliveries(query: &Query, order: Order) -> Option<Filter> {
    if query.kind == Some(RecordKind::Capture) || (query.failed && query.pending) {
        return None;
    }
    let index = match (query.failed, query.pending) {
        (true, _) => Some("delivery_failed"),
        (_, true) => Some("delivery_pending"),
        _ => query.origin.map(|_| "delivery_origin"),
    };
    let mut filter = Filter::from("delivery", index, order);
    if query.failed {
        filter.and("state = 'failed'", []);
    }
    if query.pending {
        filter.and("state = 'pending'", []);
    }
    if let Some(origin) = query.origin {
        filter.and("origin = ?", [signed(origin).into()]);
    }
    if let Some(endpoint) = &query.endpoint {
        filter.and("endpoint = ?", [endpoint.clone().into()]);
    }
    filter.common(query);
    Some(filter)
}

impl Filter {
    fn from(table: &str, index: Option<&str>, order: Order) -> Self {
        let how = match (index, order) {
            (Some(index), _) => format!(" INDEXED BY {index}"),
            (None, Order::Numbers) => " NOT INDEXED".to_owned(),
            (None, Order::Any) => String::new(),
        };
        Self {
            sql: format!("{table}{how} WHERE 1"),
            values: Vec::new(),
        }
    }

    pub(super) fn and<const N: usize>(&mut self, condition: &str, values: [Value; N]) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    fn common(&mut self, query: &Query) {
        if let Some(since) = query.since {
            self.and("at >= ?", [since.unix_us().into()]);
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
