//! Failed deliveries in a row, and when they disable an endpoint.

use super::endpoint::{DisabledBy, Endpoint};
use super::form;
use crate::clock::{Timestamp, human_duration};
use crate::provider::policy::Exhaustion;

/// How a delivery to an endpoint ended. One that was interrupted has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The endpoint answered with success.
    Delivered,
    /// No attempt is left.
    Failed,
    /// The answer was a status code of the policy's `disable-on`.
    Gone,
}

/// Counts a delivery that ended, and disables the endpoint where the provider does so. Returns whether this delivery
/// disabled it.
pub fn note_delivery(endpoint: &mut Endpoint, ending: DeliveryOutcome, rule: Exhaustion, now: Timestamp) -> bool {
    if ending == DeliveryOutcome::Delivered {
        endpoint.forget_failures();
        return false;
    }
    endpoint.failed_deliveries = endpoint.failed_deliveries.saturating_add(1);
    let count = endpoint.failed_deliveries;
    let (reason, detail) = match (ending, rule) {
        (DeliveryOutcome::Gone, _) => (DisabledBy::Answer, None),
        (_, Exhaustion::DisableEndpoint { after }) if count >= after => {
            let detail = match count {
                1 => "a delivery failed for good".to_owned(),
                count => format!("{count} deliveries in a row failed"),
            };
            (DisabledBy::FailedDeliveries, Some(detail))
        }
        (_, Exhaustion::DisableAfter(limit)) => {
            let failing = now.since(*endpoint.failing_since.get_or_insert(form::whole_seconds(now)));
            if failing < limit {
                return false;
            }
            let detail = format!("nothing succeeded for {}", human_duration(failing));
            (DisabledBy::FailedDeliveries, Some(detail))
        }
        _ => return false,
    };
    endpoint.disable(reason, detail, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::testing::{at, endpoint};
    use DeliveryOutcome::{Delivered, Failed, Gone};

    #[test]
    fn an_endpoint_is_disabled_by_as_many_failures_in_a_row_as_the_provider_says() {
        let after = |after| Exhaustion::DisableEndpoint { after };
        for (rule, endings, disabled, count) in [
            (after(1), &[Failed][..], Some("a delivery failed for good"), 1),
            (after(1), &[Delivered], None, 0),
            (after(3), &[Failed, Failed], None, 2),
            (
                after(3),
                &[Failed, Failed, Failed],
                Some("3 deliveries in a row failed"),
                3,
            ),
            (after(3), &[Failed, Failed, Delivered, Failed, Failed], None, 2),
            (
                after(3),
                &[Failed, Failed, Gone],
                Some("an answer told the provider to stop"),
                3,
            ),
            (Exhaustion::Fail, &[Failed; 9], None, 9),
            (
                Exhaustion::Fail,
                &[Gone],
                Some("an answer told the provider to stop"),
                1,
            ),
        ] {
            let mut endpoint = endpoint("a");
            let said: Vec<_> = endings
                .iter()
                .map(|ending| note_delivery(&mut endpoint, *ending, rule, at(9)))
                .collect();
            let detail = endpoint.disabled.as_ref().map(ToString::to_string);
            assert_eq!(detail.as_deref(), disabled, "{rule:?} {endings:?}");
            assert_eq!(endpoint.failed_deliveries, count, "{rule:?} {endings:?}");
            let (last, earlier) = said.split_last().unwrap();
            assert_eq!(*last, disabled.is_some(), "{rule:?} {endings:?}");
            assert!(!earlier.contains(&true), "{rule:?} {endings:?}");
        }
    }

    #[test]
    fn an_endpoint_is_disabled_when_nothing_succeeds_for_as_long_as_the_provider_says() {
        let rule = Exhaustion::DisableAfter(std::time::Duration::from_secs(100));
        let mut endpoint = endpoint("a");
        let note = |endpoint: &mut Endpoint, ending, now| note_delivery(endpoint, ending, rule, at(now));
        assert!(!note(&mut endpoint, Failed, 10));
        assert!(!note(&mut endpoint, Failed, 109));
        assert!(!note(&mut endpoint, Delivered, 109), "a success resets the count");
        assert!(!note(&mut endpoint, Failed, 120));
        assert!(note(&mut endpoint, Failed, 220));
        let why = endpoint.disabled.as_ref().map(ToString::to_string);
        assert_eq!(why.as_deref(), Some("nothing succeeded for 1m 40s"));
        assert!(endpoint.enable(at(221)));
        assert_eq!(endpoint.failing_since, None);
    }

    #[test]
    fn deliveries_that_end_after_it_was_disabled_change_neither_reason_nor_time() {
        let rule = Exhaustion::DisableEndpoint { after: 1 };
        let mut endpoint = endpoint("a");
        assert!(note_delivery(&mut endpoint, Failed, rule, at(1)));
        let first = endpoint.disabled.clone();
        for ending in [Failed, Gone, Delivered] {
            assert!(!note_delivery(&mut endpoint, ending, rule, at(2)));
            assert_eq!(endpoint.disabled, first);
        }
    }

    #[test]
    fn enabling_forgets_the_failures() {
        let rule = Exhaustion::DisableEndpoint { after: 2 };
        let mut endpoint = endpoint("a");
        for _ in 0..2 {
            note_delivery(&mut endpoint, Failed, rule, at(1));
        }
        assert!(endpoint.enable(at(2)));
        assert!(!endpoint.enable(at(3)));
        assert_eq!((endpoint.updated, endpoint.failed_deliveries), (at(2), 0));
        assert!(!note_delivery(&mut endpoint, Failed, rule, at(4)));
    }

    #[test]
    fn counting_a_failure_is_no_change_of_the_endpoint() {
        let mut endpoint = endpoint("a");
        let updated = endpoint.updated;
        note_delivery(&mut endpoint, Failed, Exhaustion::Fail, at(99));
        assert_eq!(endpoint.updated, updated);
    }
}
