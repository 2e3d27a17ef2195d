//! What a service counts for `GET /metrics`. Every set of labels is fixed, or bounded by the routes of the service: no client
//! and no endpoint adds one.

mod exposition;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::engine::Next;
use crate::exchange::{Attempt, ErrorKind, Outcome};
pub(super) use exposition::{Exposition, Kind};

/// Upper bounds of the histogram of attempts. Most providers give a receiver 5 to 30 s.
const SECONDS: [f64; 13] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Classes of answers.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Attempts by outcome, and how long they took.
#[derive(Debug, Default)]
pub(super) struct AttemptMetrics {
    /// With success, by class of answer.
    succeeded: [AtomicU64; CLASSES.len()],
    /// Without, by class of answer.
    refused: [AtomicU64; CLASSES.len()],
    /// Without an answer, by kind of failure.
    broken: [AtomicU64; ErrorKind::ALL.len()],
    /// How many took no longer than each bound, and longer than the one before; the last ones took longer than all.
    took: [AtomicU64; SECONDS.len() + 1],
    /// Microseconds of all attempts together.
    sum: AtomicU64,
}

impl AttemptMetrics {
    /// Counts an attempt that is on record.
    pub(super) fn count(&self, attempt: &Attempt, next: &Next) {
        let counter = match &attempt.outcome {
            Outcome::Answer(answer) => {
                let class = usize::from(answer.status / 100).clamp(1, CLASSES.len()) - 1;
                let by_class = match next {
                    Next::Delivered => &self.succeeded,
                    _ => &self.refused,
                };
                &by_class[class]
            }
            Outcome::Error { kind, .. } => match ErrorKind::ALL.iter().position(|known| known == kind) {
                Some(place) => &self.broken[place],
                None => return,
            },
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let seconds = attempt.took.as_secs_f64();
        let place = SECONDS.iter().position(|bound| seconds <= *bound);
        self.took[place.unwrap_or(SECONDS.len())].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(attempt.took.as_micros()).unwrap_or(u64::MAX);
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }

    /// Writes them.
    pub(super) fn expose(&self, page: &mut Exposition) {
        let name = "hook_attempts_total";
        page.family(
            name,
            Kind::Counter,
            "Attempts on record, by outcome and by class of answer or kind of failure.",
        );
        let answers = [("success", &self.succeeded), ("failure", &self.refused)];
        let answers = answers.iter().flat_map(|(outcome, counts)| {
            CLASSES
                .iter()
                .zip(*counts)
                .map(move |(class, count)| (*outcome, *class, count))
        });
        let failures = ErrorKind::ALL.iter().zip(&self.broken);
        let failures = failures.map(|(kind, count)| ("failure", kind.name(), count));
        for (outcome, status, count) in answers.chain(failures) {
            page.sample(name, &[("outcome", outcome), ("status", status)], &load(count));
        }
        self.expose_durations(page);
    }

    fn expose_durations(&self, page: &mut Exposition) {
        let name = "hook_attempt_duration_seconds";
        page.family(
            name,
            Kind::Histogram,
            "From the beginning of an attempt to the last byte of its answer.",
        );
        let bucket = format!("{name}_bucket");
        let mut count = 0;
        for (bound, took) in SECONDS.iter().zip(&self.took) {
            count += load(took);
            page.sample(&bucket, &[("le", &bound.to_string())], &count);
        }
        count += self.took.last().map_or(0, load);
        page.sample(&bucket, &[("le", "+Inf")], &count);
        let sum = Duration::from_micros(load(&self.sum)).as_secs_f64();
        page.sample(&format!("{name}_sum"), &[], &sum);
        page.sample(&format!("{name}_count"), &[], &count);
    }
}

/// Requests of clients.
#[derive(Debug, Default)]
pub(super) struct RequestMetrics(Mutex<Vec<RequestCount>>);

/// So many requests had that answer.
#[derive(Debug)]
struct RequestCount {
    method: &'static str,
    route: String,
    status: u16,
    count: u64,
}

impl RequestMetrics {
    /// Counts a request. The route is a pattern such as `/events/{id}`, never the path of a client.
    pub(super) fn count(&self, method: &str, route: &str, status: u16) {
        let method = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
            .into_iter()
            .find(|known| *known == method);
        let method = method.unwrap_or("other");
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counts
            .iter_mut()
            .find(|known| known.status == status && known.method == method && known.route == route);
        match known {
            Some(known) => known.count += 1,
            None => counts.push(RequestCount {
                method,
                route: route.to_owned(),
                status,
                count: 1,
            }),
        }
    }

    /// Writes them.
    pub(super) fn expose(&self, page: &mut Exposition) {
        let name = "hook_http_requests_total";
        page.family(name, Kind::Counter, "Requests of clients, by route and status.");
        for known in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let status = known.status.to_string();
            let labels = [("method", known.method), ("route", &known.route), ("status", &status)];
            page.sample(name, &labels, &known.count);
        }
    }
}

/// A counter's value.
pub(super) fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::exchange::Answer;
    use crate::headers::Headers;

    fn attempt(outcome: Outcome, ms: u64) -> Attempt {
        Attempt {
            seq: 1,
            at: Timestamp::from_unix(0),
            request_headers: Headers::new(),
            request_body: None,
            outcome,
            took: Duration::from_millis(ms),
        }
    }

    fn answer(status: u16) -> Outcome {
        Outcome::Answer(Answer {
            status,
            ..Answer::default()
        })
    }

    #[test]
    fn attempts_are_counted_by_outcome_and_in_every_bucket_that_holds_them() {
        let metrics = AttemptMetrics::default();
        metrics.count(&attempt(answer(204), 5), &Next::Delivered);
        metrics.count(&attempt(answer(200), 70_000), &Next::Interrupted);
        let error = Outcome::Error {
            kind: ErrorKind::Timeout,
            text: String::new(),
        };
        metrics.count(&attempt(error, 30), &Next::Interrupted);
        let mut page = Exposition::default();
        metrics.expose(&mut page);
        let text = page.text();
        for line in [
            "hook_attempts_total{outcome=\"success\",status=\"2xx\"} 1",
            "hook_attempts_total{outcome=\"failure\",status=\"2xx\"} 1",
            "hook_attempts_total{outcome=\"failure\",status=\"timeout\"} 1",
            "hook_attempts_total{outcome=\"failure\",status=\"dns\"} 0",
            "hook_attempt_duration_seconds_bucket{le=\"0.005\"} 1",
            "hook_attempt_duration_seconds_bucket{le=\"0.025\"} 1",
            "hook_attempt_duration_seconds_bucket{le=\"0.05\"} 2",
            "hook_attempt_duration_seconds_bucket{le=\"60\"} 2",
            "hook_attempt_duration_seconds_bucket{le=\"+Inf\"} 3",
            "hook_attempt_duration_seconds_sum 70.035",
            "hook_attempt_duration_seconds_count 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_a_client_makes_up_adds_no_label() {
        let metrics = RequestMetrics::default();
        for method in ["GET", "BREW", "BREW2"] {
            metrics.count(method, "/events/{id}", 404);
        }
        let mut page = Exposition::default();
        metrics.expose(&mut page);
        let text = page.text();
        assert!(
            text.contains("{method=\"other\",route=\"/events/{id}\",status=\"404\"} 2\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}
