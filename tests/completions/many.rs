//! Ledgers with many records, made without sending any.

use std::path::Path;

use bytes::Bytes;
use hook::internals::clock::Timestamp;
use hook::internals::headers::Headers;
use hook::internals::id::{Id, IdKind};
use hook::internals::random::Random;
use hook::internals::store::{Access, NewCapture, Op, SqliteStore, Store as _, VerdictNote};

/// Makes a ledger with that many captures.
pub(crate) fn fill(path: &Path, records: i64) {
    let mut store = SqliteStore::open(path, Access::ReadWrite).expect("a new ledger");
    let random = Random::os();
    let ops: Vec<Op> = (0..records)
        .map(|second| Timestamp::from_unix(1_700_000_000 + second))
        .map(|at| Op::Capture(Box::new(capture(at, &random))))
        .collect();
    for group in ops.chunks(10_000) {
        store.write(group).expect("room on the disk");
    }
}

fn capture(at: Timestamp, random: &Random) -> NewCapture {
    NewCapture {
        id: Id::new(IdKind::Capture, at, random),
        at,
        method: "POST".into(),
        target: "/webhooks".into(),
        headers: Headers::default(),
        body: Bytes::from_static(b"{}"),
        remote: "127.0.0.1:50000".into(),
        provider: Some("poolflow".into()),
        event: Some("job.paid".into()),
        event_id: None,
        verdict: VerdictNote {
            name: "verified".into(),
            ..VerdictNote::default()
        },
        status: 200,
        dedupe_key: None,
        workflow: None,
    }
}
