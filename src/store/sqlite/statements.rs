//! The statements that run for every capture or delivery. Each is looked up once for a group, not once for a change: the
//! lookup by its text took a thirtieth of a bulk send.

use rusqlite::{CachedStatement, Connection};

/// A statement that most groups run more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequent {
    InsertCapture,
    InsertContent,
    FindMessage,
    InsertMessage,
    InsertDelivery,
    KeepAttempt,
}

impl Frequent {
    const COUNT: usize = 6;

    fn text(self) -> &'static str {
        match self {
            Self::InsertCapture => {
                "INSERT INTO capture (n, id, at, method, target, remote, provider, event, event_id, verdict, reason,
                     detail, status, size, weight, dedupe, duplicate_of, late, secret)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
            }
            Self::InsertContent => "INSERT INTO capture_content (n, dedupe_key, headers, body) VALUES (?1, ?2, ?3, ?4)",
            Self::FindMessage => {
                "SELECT m FROM message WHERE id = ?1 AND wire_id = ?2 AND event = ?3 AND time = ?4 AND mode = ?5
                     AND content_type = ?6 AND body = ?7 LIMIT 1"
            }
            Self::InsertMessage => {
                "INSERT INTO message (id, wire_id, event, time, mode, content_type, body, m)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
            }
            Self::InsertDelivery => {
                "INSERT INTO delivery (n, id, at, message, event, provider, endpoint, url, method, headers, signing,
                     source, origin, delays, owner, state, next_due, size, attempts, status, reason, took, late,
                     secret, policy, addresses)
                 VALUES (?1, ?2, ?3, ?4, nullif(?5, ''), ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                     ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)"
            }
            Self::KeepAttempt => {
                "INSERT OR REPLACE INTO attempt (delivery, seq, at, took, request, status, headers, truncated, body,
                     error, text)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            }
        }
    }
}

/// The statements of one group, each compiled when it is first asked for.
pub(super) struct Statements<'c> {
    connection: &'c Connection,
    held: [Option<CachedStatement<'c>>; Frequent::COUNT],
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            held: [const { None }; Frequent::COUNT],
        }
    }

    pub(super) fn get(&mut self, which: Frequent) -> rusqlite::Result<&mut CachedStatement<'c>> {
        let held = &mut self.held[which as usize];
        match held {
            Some(statement) => Ok(statement),
            None => Ok(held.insert(self.connection.prepare_cached(which.text())?)),
        }
    }
}
