//! Refusals that a grant had answered already and that logs tell of once it is over: late, as logs do.

use super::bounded::Recent;
use crate::ledger::id::DenialId;
use crate::net::address::GlobalIpv4;
use jiff::{SignedDuration, Timestamp};
use std::net::Ipv4Addr;

/// How long a grant that is over answers for what happened before; longer than any log takes.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// How many addresses are remembered of one registry; those whose grants ended first go first.
const MOST: usize = 5_000;

/// The last grant of each address on one registry that was open and is over: bounded in number and in
/// time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answered(Recent<Ipv4Addr, PastGrants, MOST>);

/// A grant that was open and is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastGrants {
    /// The denial that it was for.
    pub denial: DenialId,
    /// When its entry was first known to stand.
    pub opened_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

impl Answered {
    /// Takes in a grant for `address` that is over.
    pub fn add(&mut self, address: GlobalIpv4, over: PastGrants) {
        self.0.insert(address.get(), over);
    }

    /// The entry was taken away: whoever is refused then has lost what they had.
    pub fn forget_address(&mut self, address: GlobalIpv4) {
        self.0.remove(&address.get());
    }

    /// An operator wants the next refusal of an address decided anew.
    pub fn clear(&mut self, address: Ipv4Addr) {
        self.0.remove(&address);
    }

    /// The denial of the grant that answered a refusal of `address` at `refused`: one from before its
    /// entry had had its time, `grace`, to reach every front end.
    pub fn by(
        &self,
        address: Ipv4Addr,
        refused: Timestamp,
        grace: SignedDuration,
    ) -> Option<DenialId> {
        let over = self.0.get(&address)?;
        let answered = refused.duration_since(over.opened_at) <= grace && refused <= over.ended_at;
        answered.then_some(over.denial)
    }

    /// Drops what is too old for a log to tell of it.
    pub fn forget(&mut self, now: Timestamp) {
        self.0
            .forget(|over| now.duration_since(over.ended_at) >= LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const DENIAL: DenialId = DenialId(Uuid::from_u128(1));
    const GRACE: SignedDuration = SignedDuration::from_secs(120);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn address(number: u32) -> GlobalIpv4 {
        Ipv4Addr::from(0x1400_0000 + number).try_into().unwrap()
    }

    fn over(opened: i64, ended: i64) -> PastGrants {
        PastGrants {
            denial: DENIAL,
            opened_at: at(opened),
            ended_at: at(ended),
        }
    }

    #[test]
    fn what_a_grant_answered_is_what_happened_before_its_entry_had_had_its_time() {
        let mut answered = Answered::default();
        answered.add(address(1), over(100, 700));
        let by = |second| answered.by(address(1).get(), at(second), GRACE);
        let answers = [(0, true), (100, true), (220, true), (221, false)];
        for (second, expected) in answers {
            assert_eq!(by(second).is_some(), expected, "{second}");
        }
        assert_eq!(answered.by(address(2).get(), at(100), GRACE), None);
        // After the end of a short one, a refusal is a new matter.
        answered.add(address(1), over(100, 130));
        assert_eq!(answered.by(address(1).get(), at(131), GRACE), None);
        answered.forget_address(address(1));
        assert_eq!(answered.by(address(1).get(), at(100), GRACE), None);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut answered = Answered::default();
        for number in 0..u32::try_from(MOST).unwrap() + 10 {
            answered.add(address(number), over(0, 600));
        }
        assert_eq!(answered.0.len(), MOST);
        answered.forget(at(600) + LONGEST);
        assert!(answered.0.is_empty());
    }
}
