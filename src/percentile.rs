//! Percentiles by the nearest-rank method.

/// The index of the value that `share` (0.0..=1.0) of `count` sorted values do not exceed, by the nearest-rank method.
/// `None` when there are no values.
pub fn nearest_rank(count: u64, share: f64) -> Option<u64> {
    let last = count.checked_sub(1)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank up to the number of values"
    )]
    let rank = (count as f64 * share).ceil() as u64;
    Some(rank.saturating_sub(1).min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_values_does_not_exceed_the_chosen_one() {
        for (count, share, index) in [
            (1, 0.5, 0),
            (2, 0.5, 0),
            (3, 0.5, 1),
            (20, 0.95, 18),
            (5, 0.0, 0),
            (5, 1.0, 4),
        ] {
            assert_eq!(nearest_rank(count, share), Some(index), "{share} of {count}");
        }
        assert_eq!(nearest_rank(0, 0.5), None);
    }
}
