use serde_json::{Value, json};

use super::*;

/// A provider with that envelope whose event `a.b` has that sample.
fn measure(envelope: &str, sample: &Value) -> Measure {
    let text = format!(
        "format = 1\nname = \"acme\"\n[signature.unsigned]\n[params.n]\ntype = \"integer\"\nsummary = \"N\"\n{envelope}\n\
         [events.\"a.b\"]\nsummary = \"A\"\ngrouping = true\nsample = '''{sample}'''\n"
    );
    let profile = Profile::read(&toml::from_str(&text).unwrap(), None).unwrap();
    Measure::new(&profile, "a.b").unwrap()
}

fn shown(differences: &[Difference]) -> Vec<String> {
    let line = |one: &Difference| {
        let types = [one.wanted, one.found].map(|name| name.unwrap_or("-"));
        format!("{} {} {}", one.finding.code, one.path, types.join(" "))
    };
    differences.iter().map(line).collect()
}

#[test]
fn a_body_is_compared_with_the_sample_field_by_field() {
    for (sample, body, wanted) in [
        (json!({"a": 1}), json!({"a": 2}), vec![]),
        (
            json!({"a": 1, "b": "x"}),
            json!({}),
            vec!["missing a integer -", "missing b string -"],
        ),
        (json!({"a": 1}), json!({"a": "1"}), vec!["retyped a integer string"]),
        (json!({"a": 1}), json!({"a": 1.5}), vec!["retyped a integer number"]),
        (json!({"a": 1}), json!({"a": 1.0}), vec![]),
        (json!({"a": 1.0}), json!({"a": 1}), vec![]),
        (json!({"a": true}), json!({"a": 0}), vec!["retyped a boolean integer"]),
        (
            json!({"a": "${new.uuid}"}),
            json!({"a": "x"}),
            vec!["retyped a uuid another text"],
        ),
        (
            json!({"a": "${time.rfc3339}"}),
            json!({"a": "2026-01-02"}),
            vec!["retyped a time another text"],
        ),
        (
            json!({"a": "${time.rfc3339}"}),
            json!({"a": "2026-01-02T03:04:05.1+02:00"}),
            vec![],
        ),
        (
            json!({"a": "${new.int4}"}),
            json!({"a": "x"}),
            vec!["retyped a integer string"],
        ),
        (json!({"a": 1}), json!({"a": null}), vec![]),
        (json!({"a": null}), json!({"a": [1]}), vec![]),
        (json!({"a": null}), json!({}), vec![]),
        (json!({"a": {}}), json!({"a": {"any": 1}}), vec![]),
        (json!({"a": {}}), json!({"a": 1}), vec!["retyped a object integer"]),
        (json!({"a": {"b": 1}}), json!({"a": []}), vec!["retyped a object array"]),
        (
            json!({"a": {"b": {"c": 1}}}),
            json!({"a": {}}),
            vec!["missing a.b object -"],
        ),
        (json!({"a": []}), json!({"a": [1, "x"]}), vec![]),
        (json!({"a": [1, "x"]}), json!({"a": []}), vec![]),
        (
            json!({"a": [1]}),
            json!({"a": [1, "x", "y", null]}),
            vec!["retyped a.* integer string"],
        ),
        (
            json!({"a": [{"b": 1, "c": 2}]}),
            json!({"a": [{"b": 1}, {"c": "x", "d": 1}]}),
            vec![
                "missing a.*.b integer -",
                "missing a.*.c integer -",
                "retyped a.*.c integer string",
                "added a.*.d - integer",
            ],
        ),
        (
            json!({"z": 1, "a": {"c": 1}}),
            json!({"new": {"x": 1}, "a": {"b": true}, "z": "x"}),
            vec![
                "retyped z integer string",
                "missing a.c integer -",
                "added a.b - boolean",
                "added new - object",
            ],
        ),
    ] {
        let findings = measure("", &sample).compare(&body);
        assert_eq!(shown(&findings), wanted, "{sample} {body}");
        let fault = findings.iter().any(Difference::is_problem);
        assert_eq!(fault, wanted.iter().any(|line| !line.starts_with("added")));
    }
}

#[test]
fn the_envelope_is_compared_too_and_says_where_grouped_data_is() {
    let sample = json!({"x": 1});
    let field = "[envelope.json]\nid = \"${id}\"\nn = \"${param.n}\"\ndata = \"${data}\"";
    let spread = "[envelope.json]\nid = \"${id}\"\n\"...\" = \"${data}\"";
    for (envelope, body, wanted) in [
        (field, json!({"id": "1", "n": 1, "data": {"x": 1}}), vec![]),
        (
            field,
            json!({"n": "1", "data": {}}),
            vec![
                "missing id string -",
                "retyped n integer string",
                "missing data.x integer -",
            ],
        ),
        (
            field,
            json!({"id": "1", "n": 1, "data": [{"x": 1}, {}, {}]}),
            vec!["missing data.x integer -"],
        ),
        (field, json!({"n": 1, "data": []}), vec!["missing id string -"]),
        (
            field,
            json!({"id": null, "n": 1, "data": null}),
            vec!["retyped id string null", "retyped data object null"],
        ),
        (field, json!({"id": "1", "n": 1, "data": {"x": null}}), vec![]),
        (spread, json!({"id": "1", "x": 1}), vec![]),
        (
            spread,
            json!({"id": "1", "data": [{"x": 1}, {"x": "1"}]}),
            vec!["retyped x integer string"],
        ),
        ("", json!([{"x": 1}, {"x": 1, "y": 1}]), vec!["added y - integer"]),
        ("", json!("text"), vec!["retyped  object string"]),
    ] {
        assert_eq!(
            shown(&measure(envelope, &sample).compare(&body)),
            wanted,
            "{envelope} {body}"
        );
    }
}

#[test]
fn a_huge_body_takes_no_more_than_its_size_asks_for() {
    let begun = std::time::Instant::now();
    let many: serde_json::Map<String, Value> = (0..50_000).map(|n| (format!("f{n}"), json!(n))).collect();
    assert_eq!(measure("", &json!({})).compare(&Value::Object(many.clone())).len(), 0);
    assert_eq!(
        measure("", &json!({"x": 1})).compare(&Value::Object(many)).len(),
        50_001
    );
    let field = "[envelope.json]\ndata = \"${data}\"";
    let spread = "[envelope.json]\nid = \"1\"\n\"...\" = \"${data}\"";
    let grouped = json!({"id": "1", "data": vec![json!({"x": 1}); 10_000]});
    for (envelope, differences) in [(field, 1), (spread, 0)] {
        let found = measure(envelope, &json!({"x": 1})).compare(&grouped);
        assert_eq!(found.len(), differences, "{found:?}");
    }
    // By the square it would be minutes.
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
}

#[test]
fn every_sample_of_the_catalogue_fits_itself() {
    let registry = crate::provider::Registry::default();
    for name in registry.names() {
        let profile = registry.get(&name).unwrap();
        for event in profile.events.keys() {
            let measure = Measure::new(&profile, event).unwrap();
            assert_eq!(measure.compare(&measure.document), [], "{name} {event}");
        }
    }
}

#[test]
fn an_unknown_event_gives_near_names() {
    let text = "format = 1\nname = \"acme\"\n[signature.unsigned]\n[events.\"job.paid\"]\nsample = '{}'\n";
    let profile = Profile::read(&toml::from_str(text).unwrap(), None).unwrap();
    let error = Measure::new(&profile, "job.piad").unwrap_err();
    assert!(matches!(error, ComposeError::UnknownEvent { near, .. } if near == ["job.paid"]));
}
