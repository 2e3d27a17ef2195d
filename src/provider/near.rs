//! Names that a typo may have meant.

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

/// Edits from one text to the other: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(80).collect(), b.chars().take(80).collect());
    let mut rows = [
        vec![0; b.len() + 1],
        (0..=b.len()).collect::<Vec<_>>(),
        vec![0; b.len() + 1],
    ];
    for i in 1..=a.len() {
        rows.rotate_left(1);
        // After the turn: rows[0] is the row of a[..i-1], rows[2] that of a[..i-2], rows[1] is to be filled.
        let [before, now, earlier] = &mut rows;
        now[0] = i;
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            now[j] = (before[j] + 1).min(now[j - 1] + 1).min(before[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                now[j] = now[j].min(earlier[j - 2] + 1);
            }
        }
    }
    rows[1][b.len()]
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
