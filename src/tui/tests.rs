//! Whole screens at three widths, on ratatui's own backend.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::draw::draw;
use super::state::{Sheet, Step, ViewState};
use super::theme::Theme;
use super::worker::{Job, Message};
use crate::app::actions::Sample;
use crate::app::inspect::charts::Minute;
use crate::app::inspect::counters::Counters;
use crate::app::inspect::difference::{RecordDifferences, ValueDifference};
use crate::clock::{Precision, Timestamp};
use crate::inspector::body::{BodyForm, BodyPage, SyntaxProblem};
use crate::inspector::detail::{AnswerTab, AttemptLine, BodyFacts, Detail, PlannedAttempt};
use crate::inspector::model::{Effect, Input, ListRequest};
use crate::inspector::row::ListRow;
use crate::inspector::why::{BytesTab, Segment, WhyTab};
use crate::store::RecordKind;

/// The sizes of the screens.
const SIZES: [(u16, u16); 3] = [(40, 20), (80, 24), (200, 24)];

const NOW: i64 = 1_893_553_445;

fn state() -> ViewState {
    let theme = Theme { colors: false };
    let (state, _) = ViewState::new("", "/home/me/ledger.db".to_owned(), theme, Timestamp::from_unix(NOW));
    state
}

fn row(number: u64) -> ListRow {
    let (verdict, tone, kind) = match number % 4 {
        0 => ("refused", "bad", RecordKind::Capture),
        1 => ("verified", "good", RecordKind::Capture),
        2 => ("delivered", "good", RecordKind::Delivery),
        _ => ("waiting", "caution", RecordKind::Delivery),
    };
    ListRow {
        number,
        id: format!("cap_{number}"),
        kind,
        at: Timestamp::from_unix(NOW - 60 + number.cast_signed()),
        event: "opportunity.monetary_value.updated".to_owned(),
        provider: "stripe".to_owned(),
        target: "POST /webhooks".to_owned(),
        verdict,
        tone,
        reason: String::new(),
        unanswered: None,
        status: Some(200),
        tries: 0,
        size: "1.2 KiB".to_owned(),
        took: None,
        took_text: "3.4ms".to_owned(),
        duplicate_of: (number == 5).then_some(1),
    }
}

/// A list of eight records, counted.
fn filled() -> ViewState {
    let mut state = state();
    state.input(Input::Rows {
        of: ListRequest {
            limit: 200,
            ..ListRequest::default()
        },
        rows: (1..=8).rev().map(row).collect(),
        next: None,
        hidden: 3,
    });
    state.input(Input::Counters(Box::new(Counters {
        received: 4,
        verified: 2,
        refused: 2,
        duplicates: 1,
        delivered: 2,
        waiting: 2,
        next_due: Some(Timestamp::from_unix(NOW + 250)),
        p50: Some(std::time::Duration::from_micros(3400)),
        p99: Some(std::time::Duration::from_millis(1200)),
        ..Counters::default()
    })));
    state
}

/// With the newest record open.
fn open(key: &str) -> ViewState {
    let mut state = filled();
    state.key(key);
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let long = "a value that is longer than a narrow terminal is wide, so that it goes on in the next line";
    state.input(Input::Detail(Box::new(Detail {
        number: 8,
        title: "opportunity.monetary_value.updated".to_owned(),
        summary: vec![
            field("received", "2030-01-02 03:04:05"),
            field("verdict", "refused"),
            field("reason", long),
        ],
        headers: vec![
            field("content-type", "application/json"),
            field("x-long", long),
            field("x-hostile", "a\u{1b}[31m\tb"),
        ],
        body: BodyFacts {
            size: 24,
            size_text: "24 B".to_owned(),
            content_type: "application/json".to_owned(),
            problem: None,
        },
        attempts: vec![AttemptLine {
            delivery: 9,
            attempt: 1,
            at_ms: NOW * 1000,
            took: "3.4ms".to_owned(),
            outcome: "503 Service Unavailable".to_owned(),
            detail: Some("the app is overloaded".to_owned()),
            ..AttemptLine::default()
        }],
        planned: vec![PlannedAttempt {
            attempt: 2,
            due_ms: (NOW + 300) * 1000,
            after: "5m".to_owned(),
        }],
        answer: Some(AnswerTab {
            from: Some("delivery #9 to http://localhost:3000".to_owned()),
            status: "503 Service Unavailable".to_owned(),
            headers: vec![field("retry-after", "300")],
            body: body("try later"),
            truncated: false,
        }),
        ..Detail::default()
    })));
    state.input(Input::Body(
        8,
        BodyPage {
            form: BodyForm::Raw,
            problem: Some(SyntaxProblem {
                message: "expected value at line 2 column 8".to_owned(),
                line: 2,
                column: 8,
                offset: 9,
            }),
            next: Some(65_536),
            ..body("{\n  \"a\": oops\n}")
        },
    ));
    state.input(Input::Why(8, Box::new(why())));
    state
}

fn why() -> WhyTab {
    let segment = |text: &str, differs| Segment {
        text: text.to_owned(),
        differs,
    };
    WhyTab {
        sentences: vec![
            "`POST /webhooks` with 24 B of body came from 127.0.0.1.".to_owned(),
            "Its signature is wrong.".to_owned(),
        ],
        diagnosis: Some("The body was parsed and written again before it was checked.".to_owned()),
        cause: Some("json-rewritten".to_owned()),
        hint: Some("Check the raw body: `express.raw({ type: 'application/json' })`.".to_owned()),
        bytes: Some(BytesTab {
            sent: false,
            arrived: vec![segment("{\"a\":", false), segment("·", true), segment("1}", false)],
            signed: Some(vec![segment("{\"a\":1}", false)]),
            cut: true,
            note: "The marked bytes differ.",
        }),
        note: None,
    }
}

fn body(text: &str) -> BodyPage {
    BodyPage {
        text: text.to_owned(),
        size: text.len(),
        ..BodyPage::default()
    }
}

fn screen(state: &mut ViewState, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, state)).unwrap();
    terminal.backend().to_string()
}

/// The same with times as they are in UTC, wherever the test runs.
fn without_zone(screen: &str) -> String {
    let mut shown = screen.to_owned();
    let seconds = || (-120..=300).map(|second| (second, Timestamp::from_unix(NOW + second)));
    // Whole dates first: the clock is a part of them.
    for (_, at) in seconds() {
        let utc = at.rfc3339(Precision::Seconds);
        let (date, clock) = (&utc[..10], &utc[11..19]);
        shown = shown.replace(&at.local_datetime(), &format!("{date} {clock}"));
    }
    for (second, at) in seconds() {
        let (local, utc) = (at.local_clock(), at.rfc3339(Precision::Seconds));
        // The seconds are the same everywhere, and may be behind a window.
        shown = shown.replace(&local[..6], &utc[11..17]);
        if second % 60 == 0 {
            shown = shown.replace(&format!("{} █", &local[..5]), &format!("{} █", &utc[11..16]));
        }
    }
    shown
}

/// The screen at every width, compared with the recorded one.
fn compare(name: &str, make: impl Fn() -> ViewState) {
    let screens = SIZES.map(|size| without_zone(&screen(&mut make(), size)));
    insta::with_settings!({ snapshot_path => "../../tests/snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(format!("tui-{name}"), screens.join("\n"));
    });
}

#[test]
fn the_list_fits_every_width() {
    compare("list", filled);
}

#[test]
fn an_empty_ledger_says_what_to_type() {
    compare("empty", || {
        let mut state = state();
        state.take(Message::Ledger(Some("no ledger yet".to_owned())));
        state
    });
    compare("nothing-fits", || {
        let mut state = state();
        "/nowhere".chars().for_each(|c| drop(state.key(&c.to_string())));
        state.key("Enter");
        state
    });
}

#[test]
fn each_tab_fits_every_width() {
    for (key, name) in [
        ("1", "summary"),
        ("2", "headers"),
        ("3", "body"),
        ("4", "why"),
        ("5", "attempts"),
        ("6", "answer"),
    ] {
        compare(name, || open(key));
    }
}

#[test]
fn what_is_in_front_fits_every_width() {
    compare("help", || {
        let mut state = filled();
        state.key("?");
        state
    });
    compare("confirm", || {
        let mut state = filled();
        state.key("x");
        state
    });
    compare("filter", || {
        let mut state = filled();
        "/failed".chars().for_each(|c| drop(state.key(&c.to_string())));
        state
    });
    compare("samples", || {
        let mut state = filled();
        state.key("s");
        state.key("j");
        let sample = |event: &str| Sample {
            event: event.to_owned(),
            provider: "hoopai".to_owned(),
        };
        state.input(Input::Samples(
            "j".to_owned(),
            vec![sample("job.paid"), sample("job.completed")],
        ));
        state
    });
    compare("diff", || {
        let mut state = filled();
        let value = |place: &str, left: Option<&str>, right: Option<&str>| ValueDifference {
            place: place.to_owned(),
            change: crate::app::inspect::difference::ValueChange::Changed,
            left: left.map(str::to_owned),
            right: right.map(str::to_owned),
        };
        state.input(Input::Differences(Box::new(RecordDifferences {
            left: 1,
            right: 5,
            values: vec![
                value("body.amount", Some("1000"), Some("2000")),
                value(
                    "header x-id",
                    Some("a long value that does not fit beside another one"),
                    None,
                ),
            ],
            structural: true,
            more: true,
        })));
        state
    });
    compare("charts", || {
        let mut state = filled();
        let minute = |at, verified, refused| Minute {
            at: Timestamp::from_unix(NOW - at),
            received: [("verified".to_owned(), verified), ("refused".to_owned(), refused)].into(),
            deliveries: [("delivered".to_owned(), verified)].into(),
            p50: Some(std::time::Duration::from_millis(3)),
            p99: Some(std::time::Duration::from_millis(40)),
        };
        state.take(Message::Charts(vec![minute(120, 3, 1), minute(60, 12, 0)]));
        state
    });
    compare("no-endpoints", || {
        let mut state = filled();
        state.take(Message::Endpoints {
            found: Vec::new(),
            opens: true,
        });
        state
    });
}

#[test]
fn a_screen_of_any_size_is_drawn() {
    for width in [1, 2, 3, 10, 39, 119, 120, 300] {
        for height in [1, 2, 3, 4, 7, 36, 100] {
            for key in ["k", "4", "?", "x", "s", "/"] {
                screen(&mut open(key), (width, height));
            }
        }
    }
}

#[test]
fn foreign_text_is_escaped_wherever_it_comes_from() {
    let hostile = "a\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\u{200b}\r\nb";
    let mut state = filled();
    for row in &mut state.model.rows {
        row.event = hostile.to_owned();
        row.provider = hostile.to_owned();
    }
    state.input(Input::Failed(hostile.to_owned()));
    state.ledger = hostile.to_owned();
    let shown = screen(&mut state, (200, 24));
    assert!(shown.contains("a\\u{1b}]0;x\\u{7}"), "{shown}");
    assert!(
        !shown.chars().any(|c| c != '\n' && crate::text::is_unsafe(c)),
        "{shown}"
    );
}

#[test]
fn page_keys_move_an_open_record_and_go_on_to_the_next_part_of_a_large_body() {
    let mut state = open("3");
    let text = "a line\n".repeat(60);
    state.input(Input::Body(
        8,
        BodyPage {
            next: Some(65_536),
            ..body(&text)
        },
    ));
    screen(&mut state, (80, 24));
    let mut next = None;
    for _ in 0..10 {
        let steps = state.key("PageDown");
        screen(&mut state, (80, 24));
        if let [Step::Job(Job::Effect(effect))] = steps.as_slice() {
            next = Some(effect.clone());
            break;
        }
    }
    let offset = 65_536;
    let form = BodyForm::Pretty;
    assert_eq!(
        next,
        Some(Effect::Body {
            number: 8,
            form,
            offset
        })
    );
    assert_eq!(state.model.selected, Some(8), "the record stays");
}

#[test]
fn a_pasted_text_is_typed_into_the_filter_and_is_no_series_of_commands() {
    let mut state = filled();
    assert!(state.pasted("xyq").is_empty());
    assert_eq!(state.model.overlay, crate::inspector::model::Overlay::None);
    state.key("/");
    state.pasted("event:job.*\n");
    assert_eq!(state.model.typing.as_deref(), Some("event:job.*"));
}

#[test]
fn an_endpoint_gets_a_new_secret_only_after_a_question() {
    let mut state = filled();
    state.take(Message::Endpoints {
        found: Vec::new(),
        opens: true,
    });
    assert!(state.key("R").is_empty() && state.key("y").is_empty());
    assert!(matches!(state.sheet, Sheet::Endpoints { asked: None, .. }));
    state.key("Escape");
    assert!(matches!(state.sheet, Sheet::None));
}
