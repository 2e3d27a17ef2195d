//! A query as the condition of a statement.

use tokio_postgres::types::ToSql;

use super::values::{Day, Param, Text};
use crate::store::encoding::signed;
use crate::store::{DeliveryState, Query, RecordKind};

/// The SQL between `FROM` and `ORDER BY`, and the values of its placeholders in order.
pub(super) struct SqlFilter {
    pub(super) sql: String,
    pub(super) values: Vec<Box<dyn ToSql + Sync + Send>>,
}

/// Captures for which a command failed and did not succeed since.
const UNPROCESSED: &str = "capture WHERE n IN (SELECT n FROM processing WHERE mended IS NULL)";

/// What waits is in the queue, or is of a process that has no queue. No index says `pending`: every delivery would pass through it.
const PENDING: &str = "delivery WHERE state = 'pending' AND n IN
    (SELECT n FROM queue WHERE state <> 2 UNION ALL SELECT n FROM delivery WHERE state = 'pending' AND NOT is_queued)";

/// Deliveries that wait until they are released by hand.
const PARKED: &str = "delivery WHERE n IN (SELECT n FROM queue WHERE state = 2)";

/// The condition on captures; `None` when no capture can match.
pub(super) fn captures(query: &Query) -> Option<SqlFilter> {
    if query.matches_no_capture() {
        return None;
    }
    let mut filter = match (query.failed, query.unprocessed) {
        (true, false) => SqlFilter::of("capture WHERE verdict IN ('refused', 'unsigned') AND verdict = 'refused'"),
        (false, true) => SqlFilter::of(UNPROCESSED),
        (false, false) => SqlFilter::of("capture WHERE true"),
        // Commands do not run for refused requests.
        (true, true) => return None,
    };
    filter.common(query);
    Some(filter)
}

/// The same for deliveries.
pub(super) fn deliveries(query: &Query) -> Option<SqlFilter> {
    let mut filter = match query.state.or(query.failed.then_some(DeliveryState::Failed)) {
        _ if query.kind == Some(RecordKind::Capture) || query.unprocessed => return None,
        Some(state) if query.failed && state != DeliveryState::Failed => return None,
        Some(DeliveryState::Failed) => SqlFilter::of("delivery WHERE state = 'failed'"),
        Some(DeliveryState::Pending) => SqlFilter::of(PENDING),
        Some(DeliveryState::Parked) => SqlFilter::of(PARKED),
        state => {
            let mut filter = SqlFilter::of("delivery WHERE true");
            if let Some(state) = state {
                filter.and("state = ?", state.name());
            }
            filter
        }
    };
    if let Some(origin) = query.origin {
        filter.and("origin = ?", signed(origin));
    }
    if let Some(tenant) = &query.tenant {
        filter.and("tenant = ?", Text::from(tenant.clone()));
    }
    if let Some(endpoint) = &query.endpoint {
        filter.and("endpoint = ?", Text::from(endpoint.clone()));
    }
    filter.common(query);
    Some(filter)
}

impl SqlFilter {
    fn of(table: &str) -> Self {
        Self {
            sql: table.to_owned(),
            values: Vec::new(),
        }
    }

    /// Adds a condition, whose value is at the `?`.
    fn and(&mut self, condition: &str, value: impl ToSql + Sync + Send + 'static) {
        self.values.push(Box::new(value));
        let placeholder = format!("${}", self.values.len());
        self.sql.push_str(" AND ");
        self.sql.push_str(&condition.replace('?', &placeholder));
    }

    fn common(&mut self, query: &Query) {
        if let Some(workflow) = &query.workflow {
            self.and("workflow = ?", Text::from(workflow.clone()));
        }
        if let Some(since) = query.since {
            // A delivery of an event has the event's day, which may be the one before its own.
            self.and("day >= ?", Day(Day::of(since).0 - 1));
            self.and("at >= ?", since.unix_us());
        }
        if let Some(event) = &query.event {
            if event.contains('*') {
                self.and("event LIKE ?", Text::from(pattern(event)));
            } else {
                self.and("event = ?", Text::from(event.clone()));
            }
        }
        if let Some(provider) = &query.provider {
            self.values.push(Box::new(Text::from(provider.clone())));
            let name = self.values.len();
            let variants = format!("{}@%", literal(provider));
            self.and(
                &format!("(provider = ${name} OR provider LIKE ?)"),
                Text::from(variants),
            );
        }
        if let Some(after) = query.page.after {
            self.and("n > ?", signed(after));
        }
        if let Some(before) = query.page.before {
            self.and("n < ?", signed(before));
        }
    }

    /// Restricts to numbers up to that one.
    pub(super) fn up_to(&mut self, n: i64) {
        self.and("n <= ?", n);
    }

    /// Moves the placeholders behind those of another statement.
    pub(super) fn shifted(mut self, by: usize) -> Self {
        // From the last one on, so that none is moved twice.
        for at in (1..=self.values.len()).rev() {
            self.sql = replace_placeholder(&self.sql, at, at + by);
        }
        self
    }

    pub(super) fn params(&self) -> Vec<Param<'_>> {
        self.values.iter().map(|value| &**value as Param<'_>).collect()
    }
}

fn replace_placeholder(sql: &str, from: usize, to: usize) -> String {
    let (from, to) = (format!("${from}"), format!("${to}"));
    let mut parts = sql.split(&from);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // `$1` is also how `$12` begins.
        let is_longer = part.starts_with(|c: char| c.is_ascii_digit());
        whole.push_str(if is_longer { &from } else { &to });
        whole.push_str(part);
    }
    whole
}

/// A text as a pattern that fits it alone.
pub(super) fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// A pattern with `*` as one of SQL.
fn pattern(glob: &str) -> String {
    literal(glob).replace('*', "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_moved_once_each() {
        let mut filter = SqlFilter::of("t WHERE true");
        for _ in 0..12 {
            filter.and("n = ?", 1_i64);
        }
        let moved = filter.shifted(1).sql;
        let numbers: Vec<usize> = moved
            .split("n = $")
            .skip(1)
            .map(|part| part.trim_end_matches(" AND ").parse().unwrap())
            .collect();
        assert_eq!(numbers, (2..=13).collect::<Vec<_>>());
    }
}
