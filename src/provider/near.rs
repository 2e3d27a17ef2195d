//! Names that a typo may have meant.

use crate::text::quoted;

/// Names that a typo may have meant, the nearest first: at most three.
pub fn near_names<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let typed = typed.to_lowercase();
    let limit = (typed.chars().count() / 3).clamp(1, 6);
    let mut near: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let part =
                lower.rsplit(['.', '@']).next() == Some(typed.as_str()) || lower.starts_with(&typed) && typed.len() > 2;
            let distance = if part { 0 } else { distance(&typed, &lower) };
            (distance <= limit).then_some((distance, name))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// `; near names: ...`, to go on a warning.
pub fn or_near(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    format!("; near names: {}", quoted(near))
}

/// Edits from one text to the other: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    // A name may come from the network: the time grows with the product of the lengths.
    let start = |text: &str| text.chars().take(80).collect::<String>();
    strsim::osa_distance(&start(a), &start(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_few_and_near() {
        let near = |typed| near_names(typed, ["job.paid", "job.created", "order.completed"].into_iter());
        assert_eq!(near("job.piad"), ["job.paid"]);
        assert_eq!(near("paid"), ["job.paid"]);
        assert_eq!(near("xyzzy.foo"), Vec::<String>::new());
        assert_eq!(
            near_names("poolflwo", ["poolflow", "pool-brain"].into_iter()),
            ["poolflow"]
        );
    }
}
