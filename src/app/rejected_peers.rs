//! Warnings about rejected requests: a few lines per second, then a count, so that a flood of broken requests cannot fill a
//! screen or a log.

use std::time::{Duration, Instant};

use super::notice::Notices;
use crate::server::{IncompleteReason, Rejection};
use crate::text::printable;
use crate::text::short_size;

/// Lines per window, at most.
const LINES: u64 = 5;

/// Length of a window.
const WINDOW: Duration = Duration::from_secs(1);

/// Reports rejected requests within the limit.
#[derive(Debug, Default)]
pub struct RejectedPeers {
    since: Option<Instant>,
    shown: u64,
    hidden: u64,
}

impl RejectedPeers {
    /// A request that was not complete.
    pub fn rejected(&mut self, notices: &Notices, rejection: &Rejection) {
        self.warn(notices, || line(rejection));
    }

    /// A connection that could not be accepted.
    pub fn not_accepted(&mut self, notices: &Notices, error: &str) {
        self.warn(notices, || format!("no connection can be accepted: {error}"));
    }

    /// Reports the count of those that were not shown.
    pub fn finish(&mut self, notices: &Notices) {
        let hidden = std::mem::take(&mut self.hidden);
        if hidden > 0 {
            notices.warn(format!("{hidden} more requests were turned away"));
        }
    }

    fn warn(&mut self, notices: &Notices, line: impl FnOnce() -> String) {
        if self.starts_window(Instant::now()) {
            self.finish(notices);
        }
        if self.shows() {
            notices.warn(line());
        }
    }

    fn starts_window(&mut self, now: Instant) -> bool {
        let over = self.since.is_none_or(|since| now.duration_since(since) >= WINDOW);
        if over {
            self.since = Some(now);
            self.shown = 0;
        }
        over
    }

    fn shows(&mut self) -> bool {
        let shows = self.shown < LINES;
        *(if shows { &mut self.shown } else { &mut self.hidden }) += 1;
        shows
    }
}

/// `a request from 127.0.0.1:1234 was turned away: the body is too large, answered 413`
fn line(rejection: &Rejection) -> String {
    use IncompleteReason as Reason;
    let why = match &rejection.reason {
        Reason::TooLarge => "the body is too large".to_owned(),
        Reason::HeadersTooLarge => "the headers are too large".to_owned(),
        Reason::TimedOut => "it did not come in time".to_owned(),
        Reason::Evicted => "it made the least progress of too many".to_owned(),
        Reason::CutOff => format!("it broke off after {} of body", short_size(rejection.received as u64)),
        Reason::Http2 => "the client speaks HTTP/2".to_owned(),
        Reason::SpeaksTls => "the client speaks TLS: serve it with `--tls`, or give the client `http://`".to_owned(),
        Reason::SpeaksHttp => "the client speaks plain HTTP, and this port TLS: give it `https://`".to_owned(),
        Reason::Malformed(what) => format!("it is not HTTP: {}", printable(what, 120)),
        Reason::Tls(what) => format!("the TLS handshake failed: {}", printable(what, 120)),
    };
    let status = rejection.reason.status();
    let answered = status.map_or_else(String::new, |status| format!(", answered {status}"));
    format!("a request from {} was turned away: {why}{answered}", rejection.remote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_broken_requests_cost_a_few_lines_a_second_and_is_counted() {
        let (mut rejected, start) = (RejectedPeers::default(), Instant::now());
        assert!(rejected.starts_window(start));
        let shown = (0..1000).filter(|_| rejected.shows()).count();
        assert_eq!((shown, rejected.hidden), (5, 995));
        assert!(!rejected.starts_window(start + Duration::from_millis(999)));
        assert!(!rejected.shows());
        assert!(rejected.starts_window(start + WINDOW));
        assert!(rejected.shows());
    }
}
