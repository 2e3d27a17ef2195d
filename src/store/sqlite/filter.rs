//! A query as the condition of a statement.

use rusqlite::types::Value;

use super::values::signed;
use crate::glob::Glob;
use crate::store::{DeliveryState, Query, RecordKind};

/// The SQL between `FROM` and `ORDER BY`, and the values of its placeholders in order.
pub(super) struct SqlFilter {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// Captures for which a command failed and did not succeed since.
const UNPROCESSED: &str = "capture WHERE n IN
    (SELECT n FROM processing INDEXED BY processing_failed WHERE mended IS NULL)";

/// Deliveries that wait until they are released by hand.
const PARKED: &str = "delivery WHERE n IN (SELECT n FROM queue WHERE state = 2)";

/// The condition on captures; `None` when no capture can match. Records before number `floor` are known to be too old.
pub(super) fn captures(query: &Query, floor: i64) -> Option<SqlFilter> {
    if query.matches_no_capture() {
        return None;
    }
    let mut filter = match (query.failed, query.unprocessed) {
        (true, false) => SqlFilter::of("capture INDEXED BY capture_refused WHERE verdict = 'refused'"),
        (false, true) => SqlFilter::of(UNPROCESSED),
        (false, false) => SqlFilter::of("capture WHERE 1"),
        // Commands do not run for refused requests.
        (true, true) => return None,
    };
    filter.common(query, floor);
    Some(filter)
}

/// The same for deliveries.
pub(super) fn deliveries(query: &Query, floor: i64) -> Option<SqlFilter> {
    let mut filter = match query.state.or(query.failed.then_some(DeliveryState::Failed)) {
        _ if query.kind == Some(RecordKind::Capture) || query.unprocessed => return None,
        Some(state) if query.failed && state != DeliveryState::Failed => return None,
        Some(DeliveryState::Failed) => SqlFilter::of("delivery INDEXED BY delivery_failed WHERE state = 'failed'"),
        Some(DeliveryState::Pending) => SqlFilter::of("delivery INDEXED BY delivery_pending WHERE state = 'pending'"),
        Some(DeliveryState::Parked) => SqlFilter::of(PARKED),
        state if query.origin.is_some() => {
            SqlFilter::of("delivery INDEXED BY delivery_origin WHERE origin IS NOT NULL").in_state(state)
        }
        state if query.tenant.is_some() => {
            SqlFilter::of("delivery INDEXED BY delivery_tenant WHERE tenant IS NOT NULL").in_state(state)
        }
        state => SqlFilter::of("delivery WHERE 1").in_state(state),
    };
    if let Some(origin) = query.origin {
        filter.and("origin = ?", [signed(origin).into()]);
    }
    if let Some(tenant) = &query.tenant {
        filter.and("tenant = ?", [tenant.clone().into()]);
    }
    if let Some(endpoint) = &query.endpoint {
        filter.and("endpoint = ?", [endpoint.clone().into()]);
    }
    filter.common(query, floor);
    Some(filter)
}

impl SqlFilter {
    /// The indexes are named rather than left to SQLite: without statistics it may well read a million rows to find ten.
    fn of(table: &str) -> Self {
        Self {
            sql: table.to_owned(),
            values: Vec::new(),
        }
    }

    fn in_state(mut self, state: Option<DeliveryState>) -> Self {
        if let Some(state) = state {
            self.and("state = ?", [state.name().to_owned().into()]);
        }
        self
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
                ("event GLOB ?", Glob::new(event).for_sqlite())
            } else {
                ("event = ?", event.clone())
            };
            self.and(operator, [pattern.into()]);
        }
        if let Some(provider) = &query.provider {
            let variants = format!("{}@*", Glob::new(provider).for_sqlite().replace('*', "[*]"));
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
