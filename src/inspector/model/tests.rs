//! The model by tables: what a series of keys does.

use super::*;
use crate::clock::Timestamp;
use crate::store::RecordKind;

fn row(number: u64, verdict: &'static str) -> ListRow {
    ListRow {
        number,
        id: format!("cap_{number}"),
        kind: RecordKind::Capture,
        at: Timestamp::from_unix(1),
        event: "job.paid".to_owned(),
        provider: String::new(),
        target: "POST /".to_owned(),
        verdict,
        tone: "good",
        reason: String::new(),
        unanswered: None,
        status: Some(200),
        tries: 0,
        size: "1 B".to_owned(),
        took: None,
        took_text: String::new(),
        duplicate_of: None,
    }
}

/// A model with the records `newest` to 1; every third one is refused.
fn filled(newest: u64) -> Model {
    let (mut model, effects) = Model::new("", 10);
    let [Effect::List(of), Effect::Count] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let verdict = |number: u64| {
        if number.is_multiple_of(3) {
            "refused"
        } else {
            "verified"
        }
    };
    let rows = (1..=newest).rev().map(|number| row(number, verdict(number)));
    model.apply(Input::Rows {
        of: of.clone(),
        rows: rows.collect(),
        next: None,
        hidden: 0,
    });
    model
}

fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let keys = keys.split(' ').map(|key| if key == "SPACE" { " " } else { key });
    keys.flat_map(|key| model.apply(Input::Key(key.to_owned()))).collect()
}

fn detail(number: u64) -> Input {
    Input::Detail(Box::new(Detail {
        number,
        ..Detail::default()
    }))
}

#[test]
fn keys_move_the_selection_and_end_the_following() {
    for (keys, selected, following) in [
        ("k", 100, true),
        ("j", 99, false),
        ("j j k", 99, false),
        ("ArrowDown ArrowUp", 100, false),
        ("PageDown", 91, false),
        ("PageDown PageUp", 100, false),
        ("G", 1, false),
        ("G g g", 100, true),
        ("j f", 100, true),
        ("f", 100, false),
        ("n", 98, false),
        ("j n N", 99, false),
        ("g j", 100, true),
    ] {
        let mut model = filled(100);
        press(&mut model, keys);
        assert_eq!((model.selected, model.following), (Some(selected), following), "{keys}");
    }
}

#[test]
fn the_newest_record_is_followed_until_the_selection_moves() {
    let mut model = filled(5);
    let arrives = |model: &mut Model, number: u64| {
        let newest = model.rows[0].number;
        let changes = LedgerChanges {
            newest: number,
            changed: Vec::new(),
        };
        let effects = model.apply(Input::Changed(changes));
        let Some(Effect::List(of)) = effects.iter().find(|effect| matches!(effect, Effect::List(_))) else {
            panic!("{effects:?}")
        };
        assert_eq!(of.after, Some(newest));
        model.apply(Input::Rows {
            of: of.clone(),
            rows: vec![row(number, "verified")],
            next: None,
            hidden: 0,
        });
    };
    arrives(&mut model, 6);
    assert_eq!(model.selected, Some(6));
    press(&mut model, "j");
    arrives(&mut model, 7);
    assert_eq!((model.selected, model.rows.len()), (Some(5), 7));
}

#[test]
fn tabs_ask_for_what_they_show() {
    let mut model = filled(3);
    assert_eq!(press(&mut model, "Enter"), [Effect::Detail(3)]);
    assert_eq!(model.apply(detail(3)), []);
    assert_eq!(press(&mut model, "4"), [Effect::Why(3)]);
    assert_eq!(model.apply(Input::Why(3, Box::default())), []);
    assert_eq!(
        press(&mut model, "Shift+Tab 3 4"),
        [
            Effect::Body {
                number: 3,
                form: BodyForm::Pretty,
                offset: 0
            },
            Effect::Body {
                number: 3,
                form: BodyForm::Pretty,
                offset: 0
            },
        ]
    );
    assert_eq!(
        press(&mut model, "b"),
        [Effect::Body {
            number: 3,
            form: BodyForm::Raw,
            offset: 0
        }]
    );
    assert_eq!(press(&mut model, "j"), [Effect::Detail(2)]);
    assert_eq!((model.tab, model.why.is_none()), (Tab::Body, true));
    model.apply(detail(3));
    assert!(model.detail.is_none(), "a late answer for another record");
    press(&mut model, "Escape");
    assert!(!model.is_open);
}

#[test]
fn a_filter_is_typed_applied_and_cleared() {
    let mut model = filled(3);
    assert_eq!(press(&mut model, "/ f a x Backspace i l e d"), []);
    assert_eq!(model.typing.as_deref(), Some("failed"));
    let effects = press(&mut model, "Enter");
    let [Effect::List(of)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((of.filter.as_str(), model.rows.len()), ("failed", 0));
    let stale = ListRequest::default();
    model.apply(Input::Rows {
        of: stale,
        rows: vec![row(9, "verified")],
        next: None,
        hidden: 0,
    });
    assert!(model.rows.is_empty(), "an answer for another filter");
    press(&mut model, "/ x Escape");
    assert_eq!(model.filter, "failed");
    press(&mut model, "Escape");
    assert_eq!(model.filter, "");
}

#[test]
fn actions_are_effects_on_the_selected_record() {
    for (keys, effect) in [
        (
            "r",
            Effect::Replay {
                number: 3,
                mode: ReplayMode::Fresh,
                to: None,
            },
        ),
        (
            "R",
            Effect::Replay {
                number: 3,
                mode: ReplayMode::AsCaptured,
                to: None,
            },
        ),
        (
            "t",
            Effect::Replay {
                number: 3,
                mode: ReplayMode::Tampered,
                to: None,
            },
        ),
        ("e", Effect::Edit(3)),
        ("c", Effect::Copy(3, CopyKind::Curl)),
        ("y", Effect::Copy(3, CopyKind::Body)),
        ("p", Effect::Pause(true)),
        ("u", Effect::Resume),
        ("x y", Effect::Delete(3)),
        ("o", Effect::OpenPage),
        ("q", Effect::Quit),
    ] {
        let mut model = filled(3);
        assert_eq!(press(&mut model, keys), [effect], "{keys}");
    }
    let mut model = filled(3);
    assert_eq!(press(&mut model, "x n"), [], "deleting is confirmed");
}

#[test]
fn two_marks_are_compared() {
    let mut model = filled(9);
    assert_eq!(press(&mut model, "d"), []);
    assert_eq!(press(&mut model, "m d"), [], "one record is not two");
    assert_eq!(press(&mut model, "j d"), [Effect::Diff(9, 8)]);
    assert_eq!(press(&mut model, "j m d"), [Effect::Diff(9, 7)]);
    press(&mut model, "j m");
    assert_eq!(model.marks, [7, 6], "the oldest mark goes");
    press(&mut model, "m");
    assert_eq!(model.marks, [7]);
}

#[test]
fn a_sample_is_picked_from_the_catalogue() {
    let mut model = filled(1);
    assert_eq!(press(&mut model, "s"), [Effect::Samples(String::new())]);
    assert_eq!(
        press(&mut model, "p a"),
        [Effect::Samples("p".into()), Effect::Samples("pa".into())]
    );
    let sample = |event: &str| Sample {
        event: event.to_owned(),
        provider: "any".to_owned(),
    };
    model.apply(Input::Samples("p".into(), vec![sample("late")]));
    model.apply(Input::Samples("pa".into(), vec![sample("a"), sample("b")]));
    let effects = press(&mut model, "ArrowDown ArrowDown Enter");
    let [Effect::Send(sent)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((sent.event.as_str(), &model.overlay), ("b", &Overlay::None));
}

#[test]
fn memory_is_bounded() {
    let mut model = filled(MOST_ROWS as u64 + 500);
    assert_eq!(model.rows.len(), MOST_ROWS);
    for _ in 0..100 {
        model.apply(Input::Failed("no".to_owned()));
    }
    assert_eq!(model.notices.len(), MOST_NOTICES);
}

#[test]
fn after_a_deletion_the_neighbour_is_selected() {
    for (keys, deleted, selected) in [
        ("j j m x y", 8, Some(7)),
        ("G x y", 1, Some(2)),
        ("g g x y", 10, Some(9)),
    ] {
        let mut model = filled(10);
        let effects = press(&mut model, keys);
        assert!(effects.contains(&Effect::Delete(deleted)), "{effects:?}");
        assert_eq!((model.selected, model.following), (selected, false), "{keys}");
        assert!(model.marks.is_empty());
    }
}

#[test]
fn nothing_of_a_ledger_that_was_replaced_is_shown() {
    let mut model = filled(10);
    press(&mut model, "j m Enter");
    let effects = model.apply(Input::Replaced);
    assert!(
        matches!(effects.as_slice(), [Effect::List(_), Effect::Count]),
        "{effects:?}"
    );
    assert_eq!((model.rows.len(), model.selected, model.is_open), (0, None, false));
    assert_eq!((model.marks.len(), model.following), (0, true));
}

#[test]
fn a_filter_that_cannot_be_used_shows_why_until_another_one_can() {
    let mut model = filled(10);
    let effects = press(&mut model, "/ x Enter");
    let Some(Effect::List(of)) = effects.first().cloned() else {
        panic!("{effects:?}")
    };
    model.apply(Input::NoRows {
        filter: "old".to_owned(),
        text: "late".to_owned(),
    });
    assert_eq!(model.problem, None);
    model.apply(Input::NoRows {
        filter: "x".to_owned(),
        text: "wrong".to_owned(),
    });
    assert_eq!((model.problem.as_deref(), model.rows.len()), (Some("wrong"), 0));
    model.apply(Input::Rows {
        of,
        rows: Vec::new(),
        next: None,
        hidden: 0,
    });
    assert_eq!(model.problem, None);
}
