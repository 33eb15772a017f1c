//! How much a set may change from one refresh to the next before a person must confirm it. A source
//! that was taken over, or that answers with half of what it has, would open or close too much.

use super::Ranges;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How much of a set may go or come at once, unless the policy says otherwise, in percent.
pub const USUAL_BOUND: u32 = 50;

/// Sets of at most so many addresses change freely: one more NAT gateway is no landslide.
const FREE: u64 = 64;

/// How large a set is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Addresses of version 4.
    pub addresses: u64,
    /// Stretches of addresses of version 6: their addresses are beyond counting.
    pub stretches_v6: u64,
}

impl Size {
    fn is_small(self) -> bool {
        self.addresses <= FREE && self.stretches_v6 <= FREE
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: u64, one: &'static str, more: &'static str| match count {
            1 => one,
            _ => more,
        };
        let (v4, v6) = (self.addresses, self.stretches_v6);
        write!(f, "{v4} IPv4 {}", plural(v4, "address", "addresses"))?;
        if v6 > 0 {
            write!(f, " and {v6} IPv6 {}", plural(v6, "range", "ranges"))?;
        }
        Ok(())
    }
}

/// What a set was before: its addresses, or only how large it was.
#[derive(Clone, Copy, Debug)]
pub enum Before<'a> {
    /// Its addresses.
    Ranges(&'a Ranges),
    /// Its size.
    Size(Size),
}

/// Says what changes too much, if anything does; `bound` is in percent.
pub fn too_much(before: Before<'_>, after: &Ranges, bound: u32) -> Option<String> {
    let (old, stays) = match before {
        Before::Ranges(ranges) => (ranges.size(), ranges.overlap(after)),
        Before::Size(size) => (size, size.addresses.min(after.size().addresses)),
    };
    let new = after.size();
    if old.is_small() && new.is_small() {
        return None;
    }
    let v6 = old.stretches_v6.min(new.stretches_v6);
    let of = |part: u64, whole: u64| {
        let whole = u128::from(whole.max(1));
        u128::from(part).saturating_mul(100).checked_div(whole)
    };
    let over = |whole: u64, rest: u64, base: u64, what: &str, verb: &str| {
        let part = whole.saturating_sub(rest);
        let percent = of(part, base)?;
        (percent > u128::from(bound)).then(|| {
            format!(
                "{part} {what} {verb}, which is {percent} % of what it had, and more than {bound} %"
            )
        })
    };
    let (four, six) = ("IPv4 addresses", "IPv6 ranges");
    over(old.addresses, stays, old.addresses, four, "would go")
        .or_else(|| {
            over(
                new.addresses,
                stays,
                old.addresses.max(FREE),
                four,
                "would come",
            )
        })
        .or_else(|| {
            over(
                old.stretches_v6,
                v6,
                old.stretches_v6.max(FREE),
                six,
                "would go",
            )
        })
        .or_else(|| {
            over(
                new.stretches_v6,
                v6,
                old.stretches_v6.max(FREE),
                six,
                "would come",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(texts: &[&str]) -> Ranges {
        Ranges::new(texts.iter().map(|text| text.parse().unwrap()))
    }

    fn verdict(before: &[&str], after: &[&str]) -> (bool, bool) {
        let (before, after) = (ranges(before), ranges(after));
        let by_ranges = too_much(Before::Ranges(&before), &after, 50);
        let by_size = too_much(Before::Size(before.size()), &after, 50);
        (by_ranges.is_some(), by_size.is_some())
    }

    #[test]
    fn half_may_go_or_come() {
        assert_eq!(verdict(&["20.0.0.0/24"], &["20.0.0.0/25"]), (false, false));
        assert_eq!(verdict(&["20.0.0.0/24"], &["20.0.0.0/26"]), (true, true));
        let more = ["20.0.0.0/24", "20.0.1.0/25"];
        assert_eq!(verdict(&["20.0.0.0/24"], &more), (false, false));
        assert_eq!(verdict(&["20.0.0.0/24"], &["20.0.0.0/23"]), (true, true));
        assert_eq!(verdict(&["20.0.0.0/24"], &[]), (true, true));
    }

    #[test]
    fn others_in_the_place_of_all_are_seen_where_the_addresses_are_known() {
        assert_eq!(verdict(&["20.0.0.0/24"], &["20.9.0.0/24"]), (true, false));
    }

    #[test]
    fn small_sets_change_freely_and_do_not_explode() {
        assert_eq!(verdict(&["20.0.0.4/32"], &["20.0.9.0/28"]), (false, false));
        assert_eq!(verdict(&["20.0.0.4/32"], &[]), (false, false));
        assert_eq!(verdict(&["20.0.0.4/32"], &["20.0.0.0/16"]), (true, true));
        assert_eq!(verdict(&[], &["20.0.0.0/16"]), (true, true));
    }

    #[test]
    fn what_is_said_has_the_figures() {
        let (before, after) = (ranges(&["20.0.0.0/24"]), ranges(&["20.0.0.0/23"]));
        let said = too_much(Before::Ranges(&before), &after, 50).unwrap();
        assert_eq!(
            said,
            "256 IPv4 addresses would come, which is 100 % of what it had, and more than 50 %"
        );
    }
}
