//! Whether two calls of an API can be told apart by their paths.

const ID: &str = "{id}";

/// Whether some path fits both patterns, in which `{id}` stands for a part of one segment.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim_end_matches('/').split('/'), b.trim_end_matches('/').split('/'));
    a.clone().count() == b.clone().count() && a.zip(b).all(|(a, b)| segments_overlap(a, b))
}

fn segments_overlap(a: &str, b: &str) -> bool {
    let fits = |text: &str, (before, after): (&str, &str)| {
        let rest = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        rest.is_some_and(|id| !id.is_empty())
    };
    match (a.split_once(ID), b.split_once(ID)) {
        (None, None) => a == b,
        (None, Some(pattern)) => fits(a, pattern),
        (Some(pattern), None) => fits(b, pattern),
        (Some((before, after)), Some((other_before, other_after))) => {
            (before.starts_with(other_before) || other_before.starts_with(before))
                && (after.ends_with(other_after) || other_after.ends_with(after))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_overlap_when_some_path_fits_both() {
        for (a, b, expected) in [
            ("/hooks", "/hooks", true),
            ("/hooks", "/hooks/", true),
            ("/hooks", "/trips", false),
            ("/hooks/{id}", "/hooks/{id}", true),
            ("/hooks/{id}", "/hooks", false),
            ("/hooks/{id}", "/hooks/all", true),
            ("/hooks/{id}", "/hooks/all/old", false),
            ("/hooks/{id}/confirm", "/hooks/{id}", false),
            ("/hooks/{id}/confirm", "/hooks/{id}/test", false),
            ("/hooks/h-{id}", "/hooks/t-{id}", false),
            ("/hooks/h-{id}", "/hooks/{id}", true),
            ("/hooks/{id}.json", "/hooks/{id}.xml", false),
            ("/hooks/{id}/x", "/hooks/new/x", true),
        ] {
            assert_eq!((overlap(a, b), overlap(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
