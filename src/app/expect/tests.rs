use std::time::Duration;

use super::judge::{Arrival, CountedAs, ExpectationJudge, ExpectationRules, WaitEnd};
use super::{CountRange, Violation};

const SECOND: Duration = Duration::from_secs(1);

fn rules(counts: &[&str]) -> ExpectationRules {
    ExpectationRules {
        counts: counts.iter().map(|text| CountRange::parse(text).unwrap()).collect(),
        in_order: false,
        no_extra: false,
        all_verified: false,
        settle: None,
    }
}

/// A request by what it is, as `a`, `b` (events that meet the first or the second expectation), `ab` (both), `x` (none);
/// `!` refused, `2` duplicate, `5` answered with a failure, `?` not verified, `,` between the events of a group.
fn arrival(number: u64, text: &str) -> Arrival {
    let set = |event: &str| {
        let member = |name: char, at: u64| u64::from(event.contains(name)) << at;
        member('a', 0) | member('b', 1) | member('c', 2)
    };
    Arrival {
        number,
        met: text.split(',').map(set).collect(),
        is_accepted: !text.contains(['!', '5']),
        is_verified: !text.contains(['!', '?']),
        is_duplicate: text.contains('2'),
    }
}

/// Whether it is over after what arrived, and whether it passes then, or when the time is over.
fn judged(rules: &ExpectationRules, arrivals: &[&str]) -> (bool, bool) {
    let mut judge = ExpectationJudge::new(rules.clone());
    for (text, number) in arrivals.iter().zip(1..) {
        judge.arrived(&arrival(number, text));
    }
    let is_over = judge.is_over(SECOND);
    let end = if is_over { WaitEnd::Decided } else { WaitEnd::TimeOver };
    (is_over, judge.passes(end))
}

#[test]
fn counts_decide_when_it_is_over_and_whether_it_passes() {
    let (over, open) = (true, false);
    let (pass, fail) = (true, false);
    for (counts, arrivals, expected) in [
        (&["1"][..], &[][..], (open, fail)),
        (&["1"], &["a"], (over, pass)),
        (&["1"], &["x", "x"], (open, fail)),
        (&["1"], &["x", "a", "a"], (over, pass)),
        (&["2"], &["a"], (open, fail)),
        (&["2"], &["a", "a"], (over, pass)),
        (&["2"], &["a,a"], (over, pass)),
        (&["1"], &["a!"], (open, fail)),
        (&["1"], &["a5"], (open, fail)),
        (&["2"], &["a", "a2"], (open, fail)),
        (&["1", "1"], &["a"], (open, fail)),
        (&["1", "1"], &["b", "a"], (over, pass)),
        (&["1", "1"], &["ab"], (over, pass)),
        (&["0"], &[], (open, pass)),
        (&["0"], &["x"], (open, pass)),
        (&["0"], &["a"], (over, fail)),
        (&["0"], &["a!"], (open, pass)),
        (&["1", "0"], &["a"], (open, pass)),
        (&["1", "0"], &["b", "a"], (over, fail)),
        (&["2..3"], &["a", "a"], (open, pass)),
        (&["2..3"], &["a", "a", "a"], (open, pass)),
        (&["2..3"], &["a", "a", "a", "a"], (over, fail)),
        (&["0..1"], &[], (open, pass)),
    ] {
        assert_eq!(judged(&rules(counts), arrivals), expected, "{counts:?} {arrivals:?}");
    }
}

#[test]
fn order_is_that_of_the_expectations() {
    let in_order = |counts: &[&str]| ExpectationRules {
        in_order: true,
        ..rules(counts)
    };
    for (counts, arrivals, expected) in [
        (&["1", "1"][..], &["a", "b"][..], (true, true)),
        (&["1", "1"], &["b"], (true, false)),
        (&["1", "1"], &["b", "a"], (true, false)),
        (&["1", "1"], &["x", "a", "x", "b"], (true, true)),
        (&["2", "1"], &["a", "b", "a"], (true, false)),
        (&["2", "1"], &["a", "a", "b"], (true, true)),
        // One event meets one of them, and the next event the other.
        (&["1", "1"], &["ab"], (false, false)),
        (&["1", "1"], &["ab", "ab"], (true, true)),
        // What was met may come again.
        (&["1", "1"], &["a", "a", "b"], (true, true)),
        (&["1", "0", "1"], &["a", "c"], (false, true)),
        (&["1", "0", "1"], &["a", "b", "c"], (true, false)),
    ] {
        assert_eq!(judged(&in_order(counts), arrivals), expected, "{counts:?} {arrivals:?}");
    }
    let mut judge = ExpectationJudge::new(in_order(&["1", "1"]));
    assert_eq!(judge.arrived(&arrival(7, "b")), CountedAs::OutOfOrder);
    let violation = Violation::OutOfOrder {
        number: 7,
        expectation: 1,
        before: 0,
        then: None,
    };
    let shown = |number: u64| format!("#{number}");
    assert_eq!(judge.violations(), [violation]);
    assert_eq!(violation.text(shown), "#7 came before expectation 1 was met");
    assert_eq!(judge.arrived(&arrival(8, "b")), CountedAs::OutOfOrder);
    assert_eq!(judge.arrived(&arrival(9, "a")), CountedAs::Counted);
    assert_eq!(judge.violations()[0].text(shown), "#7 came before #9");
    assert!(!judge.is_met_by_itself(1));
}

#[test]
fn nothing_extra_and_only_verified_requests_where_that_is_asked_for() {
    let no_extra = |counts: &[&str]| ExpectationRules {
        no_extra: true,
        ..rules(counts)
    };
    for (rules, arrivals, expected) in [
        (no_extra(&["1"]), &["a"][..], (false, true)),
        (no_extra(&["1"]), &["a", "x"], (true, false)),
        (no_extra(&["1"]), &["a", "a"], (true, false)),
        (no_extra(&["1"]), &["a", "a2", "x!"], (false, true)),
        (no_extra(&["1..2"]), &["a", "a"], (false, true)),
        (
            ExpectationRules {
                in_order: true,
                ..no_extra(&["1", "1"])
            },
            &["a", "x"],
            (true, false),
        ),
        (
            ExpectationRules {
                in_order: true,
                ..no_extra(&["1", "1"])
            },
            &["a", "b", "a"],
            (true, false),
        ),
        (
            ExpectationRules {
                all_verified: true,
                ..rules(&["1"])
            },
            &["a?"],
            (true, false),
        ),
        (
            ExpectationRules {
                all_verified: true,
                ..rules(&["1"])
            },
            &["x!", "a"],
            (true, false),
        ),
        (
            ExpectationRules {
                all_verified: true,
                ..rules(&["1"])
            },
            &["a"],
            (true, true),
        ),
    ] {
        assert_eq!(judged(&rules, arrivals), expected, "{rules:?} {arrivals:?}");
    }
}

#[test]
fn with_a_command_the_end_of_the_command_and_a_while_after_it_decide() {
    let settle = 2 * SECOND;
    let with_command = |counts: &[&str]| ExpectationRules {
        settle: Some(settle),
        ..rules(counts)
    };
    let mut judge = ExpectationJudge::new(with_command(&["1"]));
    judge.arrived(&arrival(1, "a"));
    assert!(!judge.is_over(100 * SECOND), "the command still runs");
    assert!(
        !judge.passes(WaitEnd::TimeOver),
        "a command that was cut off proves nothing"
    );
    judge.command_ended(3 * SECOND);
    assert!(
        judge.is_over(3 * SECOND) && judge.passes(WaitEnd::Decided),
        "nothing is missing"
    );

    let mut judge = ExpectationJudge::new(with_command(&["1", "0"]));
    judge.command_ended(3 * SECOND);
    assert_eq!(judge.settled_at(), Some(5 * SECOND));
    judge.arrived(&arrival(1, "a"));
    assert!(!judge.is_over(4 * SECOND), "the other one may still come");
    assert!(judge.is_over(5 * SECOND) && judge.passes(WaitEnd::Decided));
    judge.arrived(&arrival(2, "b"));
    assert!(!judge.passes(WaitEnd::Decided));

    let mut judge = ExpectationJudge::new(with_command(&["1"]));
    judge.command_ended(SECOND);
    assert!(!judge.is_over(2 * SECOND) && judge.is_over(3 * SECOND));
    assert!(!judge.passes(WaitEnd::Decided), "it did not come");
    assert!(!judge.is_met_by_itself(0));
}

#[test]
fn a_wait_that_is_broken_off_passes_only_where_nothing_could_follow() {
    let mut judge = ExpectationJudge::new(rules(&["1"]));
    judge.arrived(&arrival(1, "a"));
    assert!(judge.passes(WaitEnd::Interrupted));
    assert!(!ExpectationJudge::new(rules(&["0"])).passes(WaitEnd::Interrupted));
}

#[test]
fn grouped_events_that_are_wrong_in_one_way_are_one_violation() {
    let mut judge = ExpectationJudge::new(rules(&["0"]));
    judge.arrived(&arrival(1, "a,a,a"));
    judge.arrived(&arrival(2, "a"));
    assert_eq!(judge.violations().len(), 2);
}

#[test]
fn counts_are_shown_in_words() {
    for (text, said) in [
        ("1", "at least 1"),
        ("0", "none wanted"),
        ("2..2", "exactly 2"),
        ("2..5", "2 to 5"),
    ] {
        assert_eq!(CountRange::parse(text).unwrap().describe(), said);
    }
}

#[test]
fn counts_are_read() {
    let read = |text: &str| CountRange::parse(text).map(|range| (range.least, range.most));
    assert_eq!(read("1"), Ok((1, None)));
    assert_eq!(read("0"), Ok((0, Some(0))));
    assert_eq!(read("2..5"), Ok((2, Some(5))));
    assert_eq!(read("0..0"), Ok((0, Some(0))));
    for wrong in ["", "x", "5..2", "1..", "-1", "1...3"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
