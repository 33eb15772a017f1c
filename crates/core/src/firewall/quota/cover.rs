//! Few entries for many addresses: which networks may stand for which grants, and the best choice of
//! them.
//!
//! A network may stand for the addresses that it covers if it admits no other address, or if one of
//! these grants' rules approved all of it. Of a group of addresses only the narrowest network that holds
//! them all is ever of use: a wider one admits more and is approved by fewer.

use super::{List, Member};
use crate::net::address::GlobalIpv4;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;

/// What a choice costs, compared part by part: the addresses that it admits beside those granted, and
/// how much it disturbs what stands.
pub(super) type Cost = (u64, i64);

/// The least number of entries that admit all of `members`, which are sorted by address, each once.
pub(super) fn fewest(members: &[Member], foreign: &BTreeSet<Ipv4Net>) -> usize {
    match members {
        [] => 0,
        [one] => usize::from(!one.admitted_by_others),
        _ => {
            let Some((network, left, right)) = halves(members) else {
                return members.len();
            };
            let whole = may_stand(network, members, foreign);
            // Where one entry does for all, no split can be better than none at all.
            if whole && !members.iter().any(|member| member.admitted_by_others) {
                return 1;
            }
            let split = fewest(left, foreign).saturating_add(fewest(right, foreign));
            if whole { split.min(1) } else { split }
        }
    }
}

/// The choice of at most `slots` entries that admits all of `members` at the least [`Cost`]; none if
/// there is no such choice.
pub(super) fn best(members: &[Member], slots: usize, list: &List) -> Option<BTreeSet<Ipv4Net>> {
    if members.is_empty() {
        return Some(BTreeSet::new());
    }
    let root = Node::new(members, slots, list)?;
    let costs = root.table.iter().enumerate();
    let (count, _) = costs
        .filter_map(|(count, cell)| Some((count, cell.as_ref()?.0)))
        .min_by_key(|(_, cost)| *cost)?;
    let mut chosen = BTreeSet::new();
    root.collect(count, &mut chosen);
    Some(chosen)
}

/// Whether one entry for `network` may stand for `members`, which are all that lie in it.
pub(super) fn may_stand(network: Ipv4Net, members: &[Member], foreign: &BTreeSet<Ipv4Net>) -> bool {
    let approved = |member: &Member| member.widen.is_some_and(|block| block.contains(&network));
    let nothing_beside = beside(network, members) == 0;
    !foreign.contains(&network)
        && (nothing_beside || (members.iter().any(approved) && GlobalIpv4::is_all_of(network)))
}

/// How many addresses of `network` are not among `members`.
pub(super) fn beside(network: Ipv4Net, members: &[Member]) -> u64 {
    let granted = u64::try_from(members.len()).unwrap_or(u64::MAX);
    size(network).saturating_sub(granted)
}

fn size(network: Ipv4Net) -> u64 {
    let bits = 32_u32.saturating_sub(network.prefix_len().into());
    1_u64.checked_shl(bits).unwrap_or(u64::MAX)
}

/// How much an entry disturbs: least where it stands already. A new single address is little; a new
/// range is more for each address in it, so that no more is merged than must be.
pub(super) fn disturbance(network: Ipv4Net, members: usize, list: &List) -> i64 {
    if list.standing.contains(&network) {
        -1
    } else if network.prefix_len() == network.max_prefix_len() {
        1
    } else {
        i64::try_from(members.saturating_mul(2)).unwrap_or(i64::MAX)
    }
}

/// The narrowest network that holds all of several addresses, and those in its lower and upper half.
fn halves(members: &[Member]) -> Option<(Ipv4Net, &[Member], &[Member])> {
    let (first, last) = (members.first()?.address, members.last()?.address);
    let length = (first.to_bits() ^ last.to_bits()).leading_zeros();
    let network = Ipv4Net::new(first, u8::try_from(length).ok()?)
        .ok()?
        .trunc();
    let half = 1_u32.checked_shl(31_u32.checked_sub(length)?)?;
    let upper = network.addr().to_bits().saturating_add(half);
    let middle = members.partition_point(|member| member.address.to_bits() < upper);
    let (left, right) = members.split_at_checked(middle)?;
    Some((network, left, right))
}

/// A group of addresses with, for every number of entries, the best choice of that many.
struct Node {
    network: Ipv4Net,
    table: Vec<Option<(Cost, Choice)>>,
    halves: Option<Box<(Node, Node)>>,
}

/// What is chosen for a group.
#[derive(Clone, Copy)]
enum Choice {
    /// No entry of ours: others admit the address.
    None,
    /// One entry for all.
    Whole,
    /// So many of the entries for the lower half, the rest for the upper.
    Split(usize),
}

impl Node {
    fn new(members: &[Member], slots: usize, list: &List) -> Option<Self> {
        if let [one] = members {
            let network = Ipv4Net::from(one.address);
            let none = one.admitted_by_others.then_some(((0, 0), Choice::None));
            let cost = (0, disturbance(network, 1, list));
            let whole = (!one.admitted_by_others && slots > 0).then_some((cost, Choice::Whole));
            return Some(Self {
                network,
                table: vec![none, whole],
                halves: None,
            });
        }
        let (network, left, right) = halves(members)?;
        let (left, right) = (
            Self::new(left, slots, list)?,
            Self::new(right, slots, list)?,
        );
        let most = slots.min(members.len());
        let mut table = vec![None; most.saturating_add(1)];
        let mut consider = |count: usize, cost: Cost, choice: Choice| {
            if let Some(cell) = table.get_mut(count)
                && cell.is_none_or(|(known, _)| cost < known)
            {
                *cell = Some((cost, choice));
            }
        };
        let filled = |node: &Self| -> Vec<(usize, Cost)> {
            let cells = node.table.iter().enumerate();
            cells
                .filter_map(|(count, cell)| Some((count, cell.as_ref()?.0)))
                .collect()
        };
        let upper = filled(&right);
        for (low, (beside, disturbed)) in filled(&left) {
            for (high, (more, also)) in &upper {
                let cost = (
                    beside.saturating_add(*more),
                    disturbed.saturating_add(*also),
                );
                consider(low.saturating_add(*high), cost, Choice::Split(low));
            }
        }
        if may_stand(network, members, &list.foreign) {
            let disturbed = disturbance(network, members.len(), list);
            consider(1, (beside(network, members), disturbed), Choice::Whole);
        }
        Some(Self {
            network,
            table,
            halves: Some(Box::new((left, right))),
        })
    }

    /// Adds the entries of the best choice of `count`.
    fn collect(&self, count: usize, chosen: &mut BTreeSet<Ipv4Net>) {
        let Some((_, choice)) = self.table.get(count).copied().flatten() else {
            return;
        };
        match (choice, &self.halves) {
            (Choice::Whole, _) => _ = chosen.insert(self.network),
            (Choice::Split(low), Some(halves)) => {
                halves.0.collect(low, chosen);
                halves.1.collect(count.saturating_sub(low), chosen);
            }
            (Choice::None | Choice::Split(_), _) => {}
        }
    }
}
