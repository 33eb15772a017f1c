//! The places that are kept for people, where a list has fewer than configuration reckons with.

/// How many of `limit` places are kept, where `reserve` of `expected` are to be: as many. Where the list is so
/// short that this would be all of it, the same share of it and never the last place: of 10 in 200, none in 5.
pub fn scaled_reserve(reserve: u32, expected: u32, limit: u32) -> u32 {
    if reserve < limit {
        return reserve;
    }
    let share = u64::from(reserve)
        .saturating_mul(u64::from(limit))
        .checked_div(u64::from(expected));
    let share = share.map_or(u32::MAX, |share| u32::try_from(share).unwrap_or(u32::MAX));
    share.min(limit.saturating_sub(1))
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
            (10, 200, 50, 10),
            (10, 200, 5, 0),
            (60, 200, 100, 60),
            (2, 200, 3, 2),
            (5, 5, 5, 4),
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
