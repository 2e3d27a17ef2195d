//! How a service does, in one line.

use super::style::Style;
use crate::app::serve::ServeStatus;
use crate::clock::human_duration;
use crate::text::printable;

/// Endpoints that are named, at most.
const NAMED: usize = 3;

/// `12 events/s, 36 deliveries/s  5 waiting, 2 in flight  backlog 3s  failing: a  next retry in 4s`
pub fn status_line(style: Style, status: &ServeStatus) -> String {
    let mut parts = vec![
        format!(
            "{} events/s, {} deliveries/s",
            rate(status.events_per_second),
            rate(status.deliveries_per_second)
        ),
        format!("{} waiting, {} in flight", status.waiting, status.in_flight),
    ];
    if status.parked > 0 {
        parts.push(style.caution(&format!("{} parked", status.parked)));
    }
    if let Some(backlog) = status.backlog.filter(|backlog| backlog.as_secs() > 0) {
        parts.push(format!("backlog {}", human_duration(whole(backlog))));
    }
    if !status.failing.is_empty() {
        let named: Vec<_> = status
            .failing
            .iter()
            .take(NAMED)
            .map(|name| printable(name, 40))
            .collect();
        let more = match status.failing.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        parts.push(style.bad(&format!("failing: {}{more}", named.join(", "))));
    }
    if let Some(wait) = status.next_retry {
        parts.push(format!("next retry in {}", human_duration(whole(wait))));
    }
    parts.join("  ")
}

/// Rounded up to whole seconds.
fn whole(time: std::time::Duration) -> std::time::Duration {
    std::time::Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

/// With one digit below ten.
fn rate(per_second: f64) -> String {
    let digits = usize::from(per_second > 0.0 && per_second < 10.0);
    format!("{per_second:.digits$}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::view::style::ColorChoice;

    #[test]
    fn what_there_is_nothing_of_is_left_out() {
        let plain = Style::new(ColorChoice::Never, false);
        let mut status = ServeStatus {
            events_per_second: 1234.5,
            deliveries_per_second: 3.25,
            in_flight: 2,
            ..ServeStatus::default()
        };
        let line = "1234 events/s, 3.2 deliveries/s  0 waiting, 2 in flight";
        assert_eq!(status_line(plain, &status), line);
        status.parked = 1;
        status.backlog = Some(Duration::from_millis(61_500));
        status.failing = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        status.next_retry = Some(Duration::from_millis(3_100));
        let more = "  1 parked  backlog 1m 2s  failing: a, b, c and 1 more  next retry in 4s";
        assert_eq!(status_line(plain, &status), format!("{line}{more}"));
    }
}
