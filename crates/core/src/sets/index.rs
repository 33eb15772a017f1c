//! Which of very many sets hold one address: every stretch of addresses between two ends of prefixes
//! knows its list beforehand, so that the answer is one search.
//!
//! The starts of the stretches are sorted. Every 32nd of them also stands in a short list that stays in
//! the processor's cache: a search looks there first, then among 32 neighbours.

use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;

/// How many neighbours one entry of the short list stands for.
const STEP: usize = 32;

/// Prefixes with numbers of their sets, made for looking up.
#[derive(Clone, Debug, Default)]
pub struct Index {
    v4: Stretches<u32>,
    v6: Stretches<u128>,
    /// Where each list begins in `lists`; one more than there are lists, so that each has an end.
    ends: Vec<u32>,
    lists: Vec<u32>,
}

/// Stretches of addresses, each from its start to the next one's.
#[derive(Clone, Debug, Default)]
struct Stretches<A> {
    short: Vec<A>,
    starts: Vec<A>,
    list: Vec<u32>,
}

/// A prefix's first and last address, and the number of its set.
type Span<A> = (A, A, u32);

impl Index {
    /// An index of prefixes, each with the number of the set that it belongs to.
    pub fn new(prefixes: impl IntoIterator<Item = (IpNet, u32)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (prefix, set) in prefixes {
            match prefix {
                IpNet::V4(net) => {
                    v4.push((net.network().to_bits(), net.broadcast().to_bits(), set));
                }
                IpNet::V6(net) => {
                    v6.push((net.network().to_bits(), net.broadcast().to_bits(), set));
                }
            }
        }
        let mut lists = Lists::default();
        let nothing = lists.number(&[]);
        let v4 = Stretches::new(v4, nothing, |last: u32| last.checked_add(1), &mut lists);
        let v6 = Stretches::new(v6, nothing, |last: u128| last.checked_add(1), &mut lists);
        let mut ends = vec![0];
        let mut flat = Vec::new();
        for list in lists.in_order {
            flat.extend(list);
            ends.push(u32::try_from(flat.len()).unwrap_or(u32::MAX));
        }
        flat.shrink_to_fit();
        Self {
            v4,
            v6,
            ends,
            lists: flat,
        }
    }

    /// The numbers of all sets that hold `address`, ascending, each once. IPv4 addresses mapped into
    /// IPv6 count as what they are.
    pub fn holding(&self, address: IpAddr) -> &[u32] {
        let list = match address.to_canonical() {
            IpAddr::V4(address) => self.v4.list(address.to_bits()),
            IpAddr::V6(address) => self.v6.list(address.to_bits()),
        };
        let end = |at: usize| self.ends.get(at).map(|end| *end as usize);
        list.and_then(|list| {
            let list = list as usize;
            self.lists.get(end(list)?..end(list.checked_add(1)?)?)
        })
        .unwrap_or_default()
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        let words = self.ends.capacity().saturating_add(self.lists.capacity());
        let lists = words.saturating_mul(size_of::<u32>());
        lists
            .saturating_add(self.v4.bytes())
            .saturating_add(self.v6.bytes())
            .saturating_add(size_of::<Self>())
    }
}

/// Lists of sets, each kept once.
#[derive(Default)]
struct Lists {
    numbers: HashMap<Vec<u32>, u32>,
    in_order: Vec<Vec<u32>>,
}

impl Lists {
    fn number(&mut self, list: &[u32]) -> u32 {
        if let Some(number) = self.numbers.get(list) {
            return *number;
        }
        let number = u32::try_from(self.in_order.len()).unwrap_or(u32::MAX);
        self.numbers.insert(list.to_vec(), number);
        self.in_order.push(list.to_vec());
        number
    }
}

impl<A: Ord + Copy> Stretches<A> {
    /// Prefixes are disjoint or nested, so that those which hold the current address form a stack.
    fn new(
        mut spans: Vec<Span<A>>,
        nothing: u32,
        after: impl Fn(A) -> Option<A>,
        lists: &mut Lists,
    ) -> Self {
        spans.sort_unstable_by(|a, b| (a.0, b.1, a.2).cmp(&(b.0, a.1, b.2)));
        let mut made = Self {
            short: Vec::new(),
            starts: Vec::new(),
            list: Vec::new(),
        };
        // The last address of each open prefix, and the list that holds while it is the innermost.
        let mut open: Vec<(A, Vec<u32>)> = Vec::new();
        let mut rest = spans.as_slice();
        while let Some(&(first, last, _)) = rest.first() {
            made.close(&mut open, Some(first), nothing, (&after, lists));
            let same = rest.partition_point(|span| (span.0, span.1) == (first, last));
            let (now, later) = rest.split_at(same);
            rest = later;
            let mut held = open
                .last()
                .map(|(_, held)| held.clone())
                .unwrap_or_default();
            held.extend(now.iter().map(|(_, _, set)| *set));
            held.sort_unstable();
            held.dedup();
            made.push(first, lists.number(&held));
            open.push((last, held));
        }
        made.close(&mut open, None, nothing, (&after, lists));
        made.starts.shrink_to_fit();
        made.list.shrink_to_fit();
        made.short = made.starts.iter().step_by(STEP).copied().collect();
        made
    }

    /// Closes the prefixes that end before `next`.
    fn close(
        &mut self,
        open: &mut Vec<(A, Vec<u32>)>,
        next: Option<A>,
        nothing: u32,
        (after, lists): (&impl Fn(A) -> Option<A>, &mut Lists),
    ) {
        while let Some((last, _)) = open
            .last()
            .filter(|(last, _)| next.is_none_or(|next| *last < next))
        {
            let end = after(*last);
            open.pop();
            let list = open.last().map_or(nothing, |(_, held)| lists.number(held));
            if let Some(end) = end {
                self.push(end, list);
            }
        }
    }

    fn push(&mut self, start: A, list: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.list.pop();
        }
        if self.list.last() != Some(&list) {
            self.starts.push(start);
            self.list.push(list);
        }
    }

    /// The list of the stretch that an address lies in; `None` before the first.
    fn list(&self, address: A) -> Option<u32> {
        let block = self.short.partition_point(|start| *start <= address);
        let from = block.checked_sub(1)?.saturating_mul(STEP);
        let to = from.saturating_add(STEP).min(self.starts.len());
        let near = self.starts.get(from..to)?;
        let before = near.partition_point(|start| *start <= address);
        let at = from.saturating_add(before).checked_sub(1)?;
        self.list.get(at).copied()
    }

    fn bytes(&self) -> usize {
        let starts = self.short.capacity().saturating_add(self.starts.capacity());
        let lists = self.list.capacity().saturating_mul(size_of::<u32>());
        starts.saturating_mul(size_of::<A>()).saturating_add(lists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nets(texts: &[&str]) -> Vec<(IpNet, u32)> {
        let numbered = texts.iter().zip(0..);
        numbered
            .map(|(text, set)| (text.parse().unwrap(), set))
            .collect()
    }

    #[test]
    fn nested_and_neighbouring_prefixes() {
        let index = Index::new(nets(&[
            "20.0.0.0/8",
            "20.1.0.0/16",
            "20.1.0.0/16",
            "20.1.2.0/24",
            "20.2.0.0/16",
            "0.0.0.0/0",
            "255.255.255.255/32",
            "2603:1030::/32",
            "::/0",
        ]));
        for (text, held) in [
            ("20.1.2.3", [0_u32, 1, 2, 3, 5].as_slice()),
            ("20.1.3.0", &[0, 1, 2, 5]),
            ("20.2.0.0", &[0, 4, 5]),
            ("20.3.0.0", &[0, 5]),
            ("21.0.0.0", &[5]),
            ("255.255.255.255", &[5, 6]),
            ("::ffff:255.255.255.254", &[5]),
            ("2603:1030::9", &[7, 8]),
            ("ffff::", &[8]),
        ] {
            assert_eq!(index.holding(text.parse().unwrap()), held, "{text}");
        }
        assert_eq!(
            Index::default().holding("20.1.2.3".parse().unwrap()),
            [0; 0]
        );
    }

    proptest! {
        #[test]
        fn a_linear_scan_agrees(
            blocks in prop::collection::vec((any::<[u8; 2]>(), 8_u8..=32, any::<bool>()), 0..200),
            probes in prop::collection::vec(any::<[u8; 2]>(), 20),
        ) {
            let address = |[a, b]: [u8; 2], six: bool| if six {
                IpAddr::from([0x2603, 0, 0, 0, 0, 0, u16::from(a & 7), u16::from(b)])
            } else {
                IpAddr::from([20, 0, a & 7, b])
            };
            let nets: Vec<(IpNet, u32)> = blocks.iter().zip(0..).map(|((bytes, length, six), set)| {
                let length = if *six { length + 96 } else { *length };
                (IpNet::new(address(*bytes, *six), length).unwrap().trunc(), set % 9)
            }).collect();
            let index = Index::new(nets.iter().copied());
            for (bytes, six) in probes.iter().flat_map(|bytes| [(*bytes, false), (*bytes, true)]) {
                let probe = address(bytes, six);
                let mut held: Vec<u32> = nets.iter().filter(|(net, _)| net.contains(&probe)).map(|(_, set)| *set).collect();
                held.sort_unstable();
                held.dedup();
                prop_assert_eq!(index.holding(probe), held);
            }
        }
    }
}
