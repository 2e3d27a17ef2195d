//! Hints to other processes.

use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::secret::Secret;
use crate::store::postgres::hints::concern_others;

#[test]
fn only_what_other_services_wait_for_is_worth_a_hint() {
    let taken = |taken| [accept(vec![event(start(), "msg_1", "one", taken)])];
    let acks = |not_taken: &[u64]| {
        let not_taken = not_taken.to_vec();
        [Ack {
            not_taken,
            ..Ack::default()
        }]
    };
    assert!(!concern_others(&taken(true), &acks(&[])));
    assert!(concern_others(&taken(false), &acks(&[])));
    assert!(
        concern_others(&taken(true), &acks(&[1])),
        "another process has the lane"
    );
    let pause = Op::Queue(QueueOp::Pause { lane: None, at: None });
    assert!(concern_others(&[Op::Together(vec![pause])], &[]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_of_another_process_is_heard_and_the_own_is_not() {
    let Some(database) = database() else { return };
    let mut store = tokio::task::block_in_place(|| database.process());
    let hints = Hints::start(&Secret::new(database.url())).unwrap();
    // The first thing to be heard is that the server listens.
    hints.next().await;
    tokio::task::block_in_place(|| {
        record(&mut store, accept(vec![event(start(), "msg_1", "one", false)]));
        store.tidy();
    });
    assert!(timeout(Duration::from_millis(300), hints.next()).await.is_err());
    tokio::task::block_in_place(|| database.sql("NOTIFY hook, 'another'"));
    assert!(timeout(Duration::from_secs(5), hints.next()).await.is_ok());
}
