use super::fill::{SlotValues, fill};

#[test]
fn lines_are_chosen_repeated_and_filled_in() {
    let mut values = SlotValues::default();
    values.text("name", "${it}");
    values.fact("yes", true);
    values.lists.insert("items", vec!["a".to_owned(), "b".to_owned()]);
    let text = "%def x y\n%if yes\n${name}\n%else\nno\n%end\n%if !yes\n%for items\nno\n%end\n%end\n%for items\n- ${it}\n%end\n";
    assert_eq!(fill(text, &values).unwrap(), "${it}\n- a\n- b\n");
}

#[test]
fn a_wrong_text_file_is_an_error_and_never_a_wrong_program() {
    for (text, wanted) in [
        ("${nobody}", "no value for the slot `nobody`"),
        ("${open", "unclosed slot"),
        ("%if x", "`%if` without `%end`"),
        ("%end", "`%end` without `%if`"),
        ("%else", "`%else` without `%if`"),
    ] {
        let error = fill(text, &SlotValues::default()).unwrap_err();
        assert!(error.contains(wanted), "{text}: {error}");
    }
}
