//! What every store must do, whatever it keeps its records in. A store runs all of it with `conformance!(Fixture)`.

pub(crate) mod changes;
pub(crate) mod duplicates;
pub(crate) mod health;
mod kept;
pub(crate) mod keys;
pub(crate) mod processing;
pub(crate) mod pruning;
pub(crate) mod queries;
pub(crate) mod queue;
pub(crate) mod records;
pub(crate) mod work;

use std::time::Duration;

use super::{
    Ack, Answer, Attempt, DeliveryRecord, DeliveryState, ErrorKind, Execution, NewCapture, NewDelivery, Op, Outcome,
    Query, Record, SecretKind, SigningMode, Source, Store, VerdictNote,
};
use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::random::Random;

/// A place for one test's records.
pub(crate) trait Fixture {
    type Store: Store + 'static;

    /// Whether due times are decided by a clock of the store's own. Otherwise by the machine's, which may be set.
    const HAS_CLOCK: bool = false;

    /// Whether it can be run on this machine.
    fn is_available() -> bool {
        true
    }

    /// An empty place.
    fn new() -> Self;

    /// Opens the place; every store that is opened sees the same records.
    fn open(&self) -> Self::Store;

    /// Drops the messages of the day of [`start`], as a person would by hand.
    fn drop_messages(&self);
}

/// Runs every case against a fixture.
macro_rules! conformance {
    ($fixture:ty) => {
        conformance!($fixture, records:
            a_capture_reads_back_as_it_was_written
            a_delivery_reads_back_with_its_attempts
            every_state_source_and_failure_reads_back
            numbers_are_shared_and_have_no_gaps
            a_number_that_was_never_given_is_no_record
            an_empty_group_changes_nothing
            deliveries_keep_their_rules_apart
            one_message_serves_several_deliveries
            the_same_id_twice_makes_two_records
            two_stores_give_numbers_in_turn
            a_delivery_whose_event_is_gone_is_shown_as_such
        );
        conformance!($fixture, changes:
            an_attempt_moves_its_delivery_on
            a_repeated_attempt_replaces_the_earlier_one
            a_finished_delivery_has_neither_owner_nor_due_time
            a_parked_delivery_is_not_due
            one_of_two_claims_succeeds
            a_forwarded_capture_knows_where_it_went
            a_refused_capture_keeps_why_until_it_is_pruned
            changes_of_unknown_records_are_answered_with_number_0
        );
        conformance!($fixture, queries:
            the_newest_come_first_unless_asked_otherwise
            a_page_begins_and_ends_where_asked
            kinds_failures_and_pending_ones_are_told_apart
            young_records_are_found_even_when_recorded_late
            event_patterns_know_the_star_only
            a_provider_matches_with_each_of_its_variants
            an_endpoint_has_deliveries_only
            a_workflow_has_its_executions_and_what_came_to_its_trigger
            what_a_record_led_to_is_found_by_its_number
            a_summary_tells_the_last_attempt
            what_is_still_undelivered_is_found_once
            a_prefix_finds_every_kind_of_id
            figures_count_what_matches
            figures_of_nothing_are_zero
            a_text_is_found_in_headers_bodies_and_answers
            a_search_stops_at_its_limits_and_goes_on_from_there
            matching_records_are_counted
        );
        conformance!($fixture, processing:
            a_command_that_failed_is_kept_until_it_succeeds
            of_two_who_run_a_command_again_one_gets_it
            captures_with_a_failed_command_are_found_and_counted
            a_pruned_capture_takes_its_failed_commands_along
        );
        conformance!($fixture, duplicates:
            the_same_event_within_the_window_is_a_duplicate
            a_duplicate_of_a_duplicate_leads_to_the_first
            events_differ_by_provider_but_not_by_variant
            captures_without_a_key_are_never_duplicates
            duplicates_are_known_to_every_store
            duplicates_are_known_after_opening_again
            duplicates_are_found_among_many_events
        );
        conformance!($fixture, pruning:
            old_records_go_and_young_ones_stay
            numbers_are_not_given_again
            a_message_goes_with_its_last_delivery
            the_oldest_go_until_the_rest_fits
            deliveries_with_attempts_left_do_not_make_room
            a_pruned_capture_makes_no_duplicates
            pruning_nothing_drops_nothing
            one_record_is_removed_unless_something_is_left_to_do
        );
        conformance!($fixture, work:
            work_is_kept_with_its_capture_until_it_is_done
            a_duplicate_causes_no_command_but_a_forward
            what_is_not_answered_yet_causes_nothing_and_makes_no_duplicate
            an_item_ends_with_its_delivery
            one_of_two_claims_of_a_lane_succeeds
            begun_items_come_when_they_are_due
            captures_with_work_to_do_do_not_make_room
        );
        conformance!($fixture, queue:
            an_event_is_recorded_with_its_deliveries_and_found_again
            an_event_without_deliveries_keeps_its_data
            a_call_with_a_known_key_records_nothing_and_gets_the_first_answer
            what_is_due_is_taken_once_the_longest_waiting_first
            no_more_bytes_are_taken_than_asked_for
            a_taken_delivery_waits_again_or_leaves_with_its_attempt
            lanes_tell_when_the_first_of_each_class_is_due
            a_crash_is_counted_and_the_third_one_parks
            parked_deliveries_are_released_or_cancelled
            a_failed_delivery_is_entered_again
            what_a_dead_process_left_is_adopted_once
            what_somebody_takes_over_by_hand_leaves_the_queue
            what_is_given_up_has_no_owner
            a_delivery_that_is_left_waits_for_somebody_to_resume_it
            a_clock_that_was_set_moves_no_due_time
            what_waits_without_its_event_is_parked
            after_the_clock_was_set_back_nothing_waits_longer_than_its_longest_delay
            pauses_are_kept
            no_unfinished_delivery_of_a_service_is_pruned
            an_event_goes_with_its_last_delivery
            events_make_room_with_the_records_of_their_time
            parked_deliveries_that_are_pruned_are_counted
        );
        conformance!($fixture, keys:
            keys_are_added_once_and_revoked
            what_is_of_a_tenant_is_found_for_it_alone
        );
        conformance!($fixture, health:
            the_end_of_a_delivery_is_counted_with_its_attempt_and_may_disable
            health_reads_back_and_ends_with_its_endpoint
            what_an_earlier_hook_wrote_counts_less_than_what_is_known
            an_endpoint_that_was_enabled_keeps_what_waits
            each_channel_has_a_notice_to_do_until_it_is_told
            there_is_one_mail_for_an_endpoint_a_reason_and_a_day
            notices_about_attempts_go_when_they_are_told_and_the_oldest_when_there_are_many
        );
    };
    ($fixture:ty, $topic:ident: $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                if <$fixture as $crate::store::conformance::Fixture>::is_available() {
                    $crate::store::conformance::$topic::$case::<$fixture>();
                }
            }
        )*
    };
}

pub(crate) use conformance;

/// The methods of a store in a test that has no queue.
macro_rules! without_queue {
    () => {
        fn count(&self, _: &$crate::store::Query) -> std::result::Result<u64, StoreError> {
            unreachable!()
        }

        fn search(
            &self,
            _: &$crate::store::Query,
            _: &str,
            _: usize,
        ) -> std::result::Result<$crate::store::SearchPage, StoreError> {
            unreachable!()
        }

        fn remove(&mut self, _: u64) -> std::result::Result<bool, StoreError> {
            unreachable!()
        }

        fn queue_lanes(&self, _: &str) -> std::result::Result<Vec<$crate::store::LaneDue>, StoreError> {
            unreachable!()
        }

        fn queue_counts(&self, _: &str) -> std::result::Result<$crate::store::QueueCounts, StoreError> {
            unreachable!()
        }

        fn paused(&self) -> std::result::Result<Vec<String>, StoreError> {
            unreachable!()
        }

        fn delivery_owners(&self) -> std::result::Result<Vec<String>, StoreError> {
            unreachable!()
        }

        fn left_by(&self, _: &str, _: usize) -> std::result::Result<Vec<(u64, Option<String>, String)>, StoreError> {
            unreachable!()
        }

        fn trouble(
            &self,
            _: u64,
        ) -> std::result::Result<
            (
                Option<$crate::store::queue::ParkReason>,
                Vec<$crate::clock::Timestamp>,
            ),
            StoreError,
        > {
            unreachable!()
        }

        fn health(&self) -> std::result::Result<$crate::health::HealthById, StoreError> {
            unreachable!()
        }

        fn owner_notices(
            &self,
            _: &str,
            _: usize,
        ) -> std::result::Result<Vec<$crate::health::OwnerNotice>, StoreError> {
            unreachable!()
        }

        fn notice_tasks(
            &self,
            _: $crate::owner_notice::NoticeChannel,
            _: $crate::clock::Timestamp,
            _: usize,
        ) -> std::result::Result<Vec<$crate::owner_notice::NoticeTask>, StoreError> {
            unreachable!()
        }

        fn parked(&self, _: &str) -> std::result::Result<u64, StoreError> {
            unreachable!()
        }

        fn api_keys(&self) -> std::result::Result<Vec<$crate::store::ApiKeyRecord>, StoreError> {
            unreachable!()
        }

        fn parked_lanes(&self, _: $crate::store::queue::ParkReason) -> std::result::Result<Vec<String>, StoreError> {
            unreachable!()
        }

        fn event(
            &self,
            _: Option<&str>,
            _: &str,
        ) -> std::result::Result<Option<$crate::store::EventRecord>, StoreError> {
            unreachable!()
        }

        fn event_ids(&self, _: Option<&str>, _: &str, _: usize) -> std::result::Result<Vec<String>, StoreError> {
            unreachable!()
        }

        fn delivery_numbers(&self, _: Option<&str>, _: &str, _: usize) -> std::result::Result<Vec<u64>, StoreError> {
            unreachable!()
        }

        fn events(
            &self,
            _: Option<&str>,
            _: Option<u64>,
            _: usize,
        ) -> std::result::Result<Vec<$crate::store::EventRecord>, StoreError> {
            unreachable!()
        }

        fn version(&self) -> std::result::Result<i64, StoreError> {
            unreachable!()
        }
    };
}

pub(crate) use without_queue;

/// The first moment of the samples: on a full hour.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_unix(1_893_553_200)
}

pub(crate) fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// A moment of the samples.
pub(crate) fn after(minutes: u64) -> Timestamp {
    start().plus(self::minutes(minutes))
}

pub(crate) fn id(kind: IdKind, at: Timestamp) -> Id {
    Id::new(kind, at, &Random::os())
}

/// A verified capture of that moment.
pub(crate) fn capture(at: Timestamp, event: &str) -> NewCapture {
    NewCapture {
        id: id(IdKind::Capture, at),
        at,
        method: "POST".to_owned(),
        target: "/hook?x=1".to_owned(),
        headers: [("content-type", "application/json"), ("x-a", "1"), ("x-a", "2")]
            .into_iter()
            .collect(),
        body: "{}".into(),
        remote: "127.0.0.1:50000".to_owned(),
        provider: Some("poolflow".to_owned()),
        event: Some(event.to_owned()),
        event_id: Some("evt_1".to_owned()),
        verdict: VerdictNote {
            name: "verified".to_owned(),
            reason: None,
            detail: Some("by `new`".to_owned()),
            secret: Some(SecretKind::Endpoint("shop".to_owned())),
        },
        status: 200,
        dedupe_key: None,
        workflow: None,
    }
}

/// A refused capture of that moment.
pub(crate) fn refused(at: Timestamp) -> NewCapture {
    NewCapture {
        verdict: VerdictNote {
            name: "refused".to_owned(),
            reason: Some("wrong-secret".to_owned()),
            detail: None,
            secret: None,
        },
        status: 401,
        provider: None,
        event: None,
        event_id: None,
        ..capture(at, "")
    }
}

pub(crate) fn message(at: Timestamp, event: &str) -> Message {
    Message {
        id: id(IdKind::Message, at),
        wire_id: "evt_1".to_owned(),
        event: event.to_owned(),
        time: at,
        mode: Mode::Live,
        content_type: "application/json".to_owned(),
        body: "{\"a\":1}".into(),
    }
}

/// A delivery of that moment without attempts.
pub(crate) fn delivery(at: Timestamp, event: &str) -> NewDelivery {
    NewDelivery {
        id: id(IdKind::Delivery, at),
        at,
        message: message(at, event),
        provider: Some("poolflow".to_owned()),
        endpoint: Some("local".to_owned()),
        tenant: None,
        url: "http://127.0.0.1:4400/hook".to_owned(),
        method: "POST".to_owned(),
        headers: Headers::new(),
        signing: SigningMode::Fresh,
        secret: None,
        policy: None,
        addresses: None,
        source: Source::Send,
        origin: None,
        execution: None,
        delays: Vec::new(),
        owner: None,
        state: DeliveryState::Pending,
        next_due: None,
        attempts: Vec::new(),
    }
}

/// An attempt that was answered with that status.
pub(crate) fn answered(seq: u32, at: Timestamp, status: u16, took: Duration) -> Attempt {
    let answer = Answer {
        status,
        headers: [("server", "x")].into_iter().collect(),
        body: "ok".into(),
        ..Answer::default()
    };
    Attempt {
        seq,
        at,
        request_headers: [("x-signature", "abc")].into_iter().collect(),
        request_body: None,
        outcome: Outcome::Answer(answer),
        took,
    }
}

/// An attempt that was not answered.
pub(crate) fn unanswered(seq: u32, at: Timestamp, kind: ErrorKind) -> Attempt {
    Attempt {
        outcome: Outcome::Error {
            kind,
            text: "connection refused".to_owned(),
        },
        ..answered(seq, at, 0, Duration::from_millis(3))
    }
}

pub(crate) fn record_capture(store: &mut impl Store, capture: &NewCapture) -> Ack {
    record(store, Op::Capture(Box::new(capture.clone())))
}

pub(crate) fn record_delivery(store: &mut impl Store, delivery: &NewDelivery) -> u64 {
    record(store, Op::Delivery(Box::new(delivery.clone()))).number
}

pub(crate) fn record(store: &mut impl Store, op: Op) -> Ack {
    store.write(&[op]).unwrap().remove(0)
}

pub(crate) fn read_delivery(store: &impl Store, number: u64) -> DeliveryRecord {
    match store.get(number).unwrap() {
        Some(Record::Delivery(delivery)) => *delivery,
        other => panic!("no delivery: {other:?}"),
    }
}

/// The numbers of the records that match, as they are listed.
pub(crate) fn numbers(store: &impl Store, query: &Query) -> Vec<u64> {
    store
        .list(query)
        .unwrap()
        .iter()
        .map(|summary| summary.number)
        .collect()
}
