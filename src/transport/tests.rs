//! A transport for tests: it answers from a script and remembers what it was sent. No socket, so that it works under a
//! paused clock.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use crate::exchange::{Answer, ErrorKind, Outcome, Request};
use crate::headers::Headers;
use crate::transport::{AddressPolicy, Transport};

/// Gives prepared outcomes in order.
pub struct Scripted {
    takes: Duration,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outcomes: VecDeque<Outcome>,
    requests: Vec<(Duration, Request)>,
    in_flight: usize,
    most_in_flight: usize,
}

impl Scripted {
    /// One outcome a request; a request too many is a protocol error that says so.
    pub fn new(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let state = State {
            outcomes: outcomes.into_iter().collect(),
            ..State::default()
        };
        Self {
            takes: Duration::ZERO,
            began: Instant::now(),
            state: Mutex::new(state),
        }
    }

    /// Empty answers of those statuses.
    pub fn statuses(statuses: impl IntoIterator<Item = u16>) -> Self {
        Self::new(statuses.into_iter().map(|status| {
            Outcome::Answer(Answer {
                status,
                ..Answer::default()
            })
        }))
    }

    /// Every request takes that long, and times out where its limit is shorter.
    #[must_use]
    pub fn taking(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    /// What was sent so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        let state = self.state();
        state.requests.iter().map(|(_, request)| request.clone()).collect()
    }

    /// When each request came, counted from the script's making.
    pub fn times(&self) -> Vec<Duration> {
        self.state().requests.iter().map(|(at, _)| *at).collect()
    }

    /// How many requests were under way at the busiest moment.
    pub fn most_in_flight(&self) -> usize {
        self.state().most_in_flight
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, request: &Request) -> Outcome {
        let mut state = self.state();
        state.requests.push((self.began.elapsed(), request.clone()));
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
        state.outcomes.pop_front().unwrap_or_else(|| Outcome::Error {
            kind: ErrorKind::Protocol,
            text: "the script is over".to_owned(),
        })
    }
}

impl Transport for Scripted {
    async fn send_within(&self, request: &Request, _: AddressPolicy) -> Outcome {
        let outcome = self.begin(request);
        tokio::time::sleep(self.takes.min(request.timeout)).await;
        self.state().in_flight -= 1;
        if self.takes > request.timeout {
            let kind = ErrorKind::Timeout;
            let text = format!("no complete answer within {:?}", request.timeout);
            return Outcome::Error { kind, text };
        }
        outcome
    }
}

fn request(timeout: Duration) -> Request {
    Request {
        method: "POST".to_owned(),
        url: Url::parse("http://127.0.0.1:1/").unwrap(),
        headers: Headers::new(),
        body: Bytes::new(),
        timeout,
    }
}

#[tokio::test(start_paused = true)]
async fn outcomes_come_in_order_and_take_their_time() {
    let transport = Scripted::statuses([500, 200]).taking(Duration::from_secs(2));
    let long = request(Duration::from_secs(10));
    assert_eq!(transport.send(&long).await.word(), "500");
    assert_eq!(transport.send(&long).await.word(), "200");
    assert_eq!(transport.send(&long).await.word(), "protocol");
    let seconds: Vec<_> = transport.times().iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [0, 2, 4]);
    assert_eq!(transport.requests().len(), 3);
    assert_eq!(transport.most_in_flight(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_longer_than_its_limit_times_out() {
    let transport = Scripted::statuses([200]).taking(Duration::from_secs(20));
    let outcome = transport.send(&request(Duration::from_secs(10))).await;
    assert_eq!(outcome.word(), "timeout");
}
