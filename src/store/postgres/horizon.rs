//! How far a reader that follows the records may go. Numbers are drawn in order and committed in another one: a reader that asks for
//! what came after the last number that it has seen would miss a smaller one that is committed later.

use std::thread;
use std::time::{Duration, Instant};

use super::connection::{Session, Step};
use super::fault::Fault;
use super::values::get;

/// How long a reader that would get nothing waits for the writers.
const PATIENCE: Duration = Duration::from_millis(500);

const STEP: Duration = Duration::from_millis(5);

/// The last number that was drawn. It is read before the writers.
const LAST: &str = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM record_number";

/// Transactions that have drawn numbers, or are about to. Each holds a lock from before its first number until all of them can be
/// seen. Snapshots do not serve for that: the end of one is behind the last transaction that has ended, not the last that has begun.
const WRITERS: &str = "
    SELECT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND classid = 1752133483 AND objid = 1 AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// What is known of the numbers that were drawn.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    /// No record up to that number will appear any more.
    settled: i64,
    /// The next one, once these writers have ended.
    next: Option<(i64, Vec<String>)>,
}

impl Horizon {
    /// The number up to which records may be shown to a reader that has seen those up to `after`.
    pub(super) fn reach(&mut self, session: &Session, after: i64) -> Result<i64, Fault> {
        let begun = Instant::now();
        loop {
            let is_waiting = !self.look(session)?;
            if !is_waiting || self.settled > after || begun.elapsed() >= PATIENCE {
                return Ok(self.settled);
            }
            thread::sleep(STEP);
        }
    }

    /// Moves on. Returns whether everything that was drawn is settled.
    fn look(&mut self, session: &Session) -> Result<bool, Fault> {
        let outcomes = session.pipeline(&[Step::Run(LAST, &[]), Step::Run(WRITERS, &[])])?;
        let mut rows = outcomes.iter().map(|outcome| &outcome.rows);
        let last: i64 = rows
            .next()
            .and_then(|rows| rows.first())
            .map(|row| get(row, 0))
            .transpose()?
            .unwrap_or_default();
        let writers = rows.next().into_iter().flatten().map(|row| get::<String>(row, 0));
        let writers: Vec<String> = writers.collect::<Result<_, _>>()?;
        if let Some((number, awaited)) = &self.next
            && !awaited.iter().any(|writer| writers.contains(writer))
        {
            self.settled = *number;
            self.next = None;
        }
        if writers.is_empty() {
            (self.settled, self.next) = (last, None);
        } else if self.next.is_none() && last > self.settled {
            self.next = Some((last, writers));
        }
        Ok(self.settled >= last)
    }
}
