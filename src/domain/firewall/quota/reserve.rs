//! The places that are kept for people, where a list has fewer than configuration reckons with.

/// How many of `limit` places are kept, where `reserve` of `expected` are to be: as many, unless the list is shorter;
/// then the same share of it, and a tenth at least.
pub fn scaled_reserve(reserve: u32, expected: u32, limit: u32) -> u32 {
    let share = u64::from(reserve)
        .saturating_mul(u64::from(limit))
        .checked_div(u64::from(expected));
    let share = share.map_or(u32::MAX, |share| u32::try_from(share).unwrap_or(u32::MAX));
    reserve.min(share.max(limit / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_shrinks_with_the_list_and_never_fills_it() {
        for (reserve, expected, limit, kept) in [
            (10, 200, 200, 10),
            (10, 200, 1000, 10),
            (10, 200, 100, 10),
            (10, 200, 50, 5),
            (10, 200, 5, 0),
            (60, 200, 100, 30),
            (199, 200, 5, 4),
            (0, 200, 5, 0),
            (10, 0, 0, 0),
        ] {
            assert_eq!(
                scaled_reserve(reserve, expected, limit),
                kept,
                "{reserve} of {expected}, {limit}"
            );
        }
    }
}
