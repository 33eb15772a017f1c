//! A set as a policy defines it, and whether it holds an address.

use super::SetUsed;
use super::{External, Ranges, RefreshPolicy, Sets, WIDEST_OWNED};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A set, its parts resolved. Named once, or written where it is used.
#[derive(Clone, Debug)]
pub struct AddressSet {
    /// Its name; for a set without one, what it is made of.
    pub name: String,
    /// What it is made of.
    pub kind: Kind,
    /// Addresses in any of these are not in it.
    pub except: Vec<Arc<AddressSet>>,
    /// How it is kept up to date.
    pub refresh_policy: RefreshPolicy,
    /// How many sets stand in it, itself included: the cost of one look.
    pub size: usize,
    /// How deep they stand in each other.
    pub depth: usize,
}

/// What a set is made of.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Addresses written in the policy.
    Cidrs {
        /// The addresses.
        ranges: Ranges,
        /// [`Ranges::hash`] of them.
        hash: String,
    },
    /// Addresses from elsewhere.
    External(External),
    /// Everything in any of these.
    AnyOf(Vec<Arc<AddressSet>>),
}

/// Whether a set holds an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It does, by these sets as they were loaded.
    Inside(Vec<SetUsed>),
    /// It does not.
    Outside,
    /// Nobody can say, since these were never loaded.
    Unknown(Vec<External>),
}

impl AddressSet {
    /// A set of its parts.
    pub fn new(name: String, kind: Kind, except: Vec<Arc<Self>>) -> Self {
        let parts = match &kind {
            Kind::Cidrs { .. } | Kind::External(_) => [].as_slice(),
            Kind::AnyOf(parts) => parts.as_slice(),
        };
        let parts = || parts.iter().chain(&except);
        let size = parts().fold(1_usize, |sum, part| sum.saturating_add(part.size));
        let depth = parts().map(|part| part.depth).max().unwrap_or_default();
        let depth = depth.saturating_add(1);
        Self {
            name,
            kind,
            except,
            refresh_policy: RefreshPolicy::default(),
            size,
            depth,
        }
    }

    /// Calls `visit` for every source of addresses in it, each with how it is kept up to date.
    pub fn each_care<'a>(&'a self, visit: &mut impl FnMut(&'a External, RefreshPolicy)) {
        match &self.kind {
            Kind::Cidrs { .. } => {}
            Kind::External(external) => visit(external, self.refresh_policy),
            Kind::AnyOf(parts) => parts.iter().for_each(|part| part.each_care(visit)),
        }
        self.except.iter().for_each(|part| part.each_care(visit));
    }

    /// Calls `visit` for every source of addresses that the set or a part of it needs.
    pub fn each_external<'a>(&'a self, visit: &mut impl FnMut(&'a External)) {
        self.each_care(&mut |external, _| visit(external));
    }

    /// Calls `visit` for every set in it whose addresses the policy itself says.
    pub fn each_written<'a>(&'a self, visit: &mut impl FnMut(&'a Ranges)) {
        match &self.kind {
            Kind::Cidrs { ranges, .. } => visit(ranges),
            Kind::External(_) => {}
            Kind::AnyOf(parts) => parts.iter().for_each(|part| part.each_written(visit)),
        }
        self.except.iter().for_each(|part| part.each_written(visit));
    }

    /// Whether every address in it is evidence of its own: nobody but its owner sends from there.
    /// One shared part taints the whole; what is taken away taints nothing.
    pub fn is_owned(&self) -> bool {
        match &self.kind {
            Kind::Cidrs { .. } => true,
            Kind::External(external) => external.is_owned(),
            Kind::AnyOf(parts) => parts.iter().all(|part| part.is_owned()),
        }
    }

    /// Calls `visit` for every source of addresses that makes the set larger, not for those that only
    /// take away.
    pub fn each_evidence<'a>(&'a self, visit: &mut impl FnMut(&'a External)) {
        match &self.kind {
            Kind::Cidrs { .. } => {}
            Kind::External(external) => visit(external),
            Kind::AnyOf(parts) => parts.iter().for_each(|part| part.each_evidence(visit)),
        }
    }

    /// The first stretch of addresses written in the policy that is wider than a network of `length`.
    pub fn wider_than(&self, length: u8) -> Option<(Ipv4Addr, Ipv4Addr)> {
        match &self.kind {
            Kind::Cidrs { ranges, .. } => ranges.wider_than(length),
            Kind::External(_) => None,
            Kind::AnyOf(parts) => parts.iter().find_map(|part| part.wider_than(length)),
        }
    }

    /// Whether it is owned, and neither what the policy says of it nor what is loaded is too wide to be.
    pub fn is_evidence(&self, sets: &Sets) -> bool {
        let mut wide = self.wider_than(WIDEST_OWNED).is_some();
        self.each_evidence(&mut |external| {
            wide |= sets.get(external).is_some_and(|loaded| loaded.wide);
        });
        self.is_owned() && !wide
    }

    /// Whether it holds `address`, by what is loaded.
    pub fn holds(&self, address: IpAddr, sets: &Sets) -> Membership {
        let held = match &self.kind {
            Kind::Cidrs { ranges, hash } => self.look(ranges, hash, address),
            Kind::External(external) => match sets.get(external) {
                Some(loaded) => self.look(&loaded.ranges, &loaded.hash, address),
                None => Membership::Unknown(vec![external.clone()]),
            },
            Kind::AnyOf(parts) => any_holds(parts, address, sets),
        };
        if let Membership::Outside = held {
            return held;
        }
        match any_holds(&self.except, address, sets) {
            Membership::Inside(_) => Membership::Outside,
            Membership::Outside => held,
            Membership::Unknown(mut missing) => {
                if let Membership::Unknown(more) = held {
                    missing.extend(more);
                }
                Membership::Unknown(missing)
            }
        }
    }

    /// How many addresses `address` is away from what the set is made of, whatever it takes out; 0 for
    /// one inside, `None` where nothing of this kind is loaded.
    pub fn distance(&self, address: IpAddr, sets: &Sets) -> Option<u128> {
        match &self.kind {
            Kind::Cidrs { ranges, .. } => ranges.distance(address),
            Kind::External(external) => sets.get(external)?.ranges.distance(address),
            Kind::AnyOf(parts) => {
                let each = parts.iter().filter_map(|part| part.distance(address, sets));
                each.min()
            }
        }
    }

    fn look(&self, ranges: &Ranges, hash: &str, address: IpAddr) -> Membership {
        if ranges.contains(address) {
            Membership::Inside(vec![SetUsed {
                name: self.name.clone(),
                hash: hash.to_owned(),
            }])
        } else {
            Membership::Outside
        }
    }
}

/// Whether any of `parts` holds `address`. One that does settles it; else one unknown leaves it open.
pub fn any_holds(parts: &[Arc<AddressSet>], address: IpAddr, sets: &Sets) -> Membership {
    let mut missing = Vec::new();
    for part in parts {
        match part.holds(address, sets) {
            Membership::Inside(used) => return Membership::Inside(used),
            Membership::Outside => {}
            Membership::Unknown(more) => missing.extend(more),
        }
    }
    if missing.is_empty() {
        Membership::Outside
    } else {
        Membership::Unknown(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::super::TagsFrom;
    use super::*;
    use jiff::Timestamp;

    fn cidrs(name: &str, cidr: &str) -> Arc<AddressSet> {
        let ranges = Ranges::new([cidr.parse().unwrap()]);
        let hash = ranges.hash();
        set(name, Kind::Cidrs { ranges, hash }, vec![])
    }

    fn set(name: &str, kind: Kind, except: Vec<Arc<AddressSet>>) -> Arc<AddressSet> {
        Arc::new(AddressSet::new(name.to_owned(), kind, except))
    }

    fn file(name: &str) -> External {
        External::CidrsFile(name.to_owned())
    }

    fn tag() -> Kind {
        Kind::External(External::ServiceTag {
            from: TagsFrom::File("tags.json".into()),
            tag: "AzureCloud".into(),
        })
    }

    #[test]
    fn compositions_are_three_valued() {
        let blocked = set("blocked", Kind::External(file("blocked.txt")), vec![]);
        let ours = set(
            "ours",
            Kind::AnyOf(vec![
                cidrs("office", "20.0.0.0/24"),
                cidrs("lab", "20.0.1.0/24"),
            ]),
            vec![blocked],
        );
        let inside = "20.0.1.7".parse().unwrap();
        let outside = "20.0.2.7".parse().unwrap();
        let unknown = Membership::Unknown(vec![file("blocked.txt")]);
        assert_eq!(ours.holds(inside, &Sets::default()), unknown);
        assert_eq!(ours.holds(outside, &Sets::default()), Membership::Outside);

        let at = Timestamp::UNIX_EPOCH;
        let sets = Sets::default().with(file("blocked.txt"), ["20.0.1.8/32".parse().unwrap()], at);
        let Membership::Inside(used) = ours.holds(inside, &sets) else {
            panic!("inside");
        };
        assert_eq!(used[0].name, "lab");
        assert_eq!(
            ours.holds("20.0.1.8".parse().unwrap(), &sets),
            Membership::Outside
        );
    }

    #[test]
    fn shared_taints_and_exceptions_do_not() {
        let shared = set("azure", tag(), vec![]);
        let owned = cidrs("office", "20.0.0.0/24");
        assert!(!shared.is_owned());
        assert!(owned.is_owned());
        let both = Kind::AnyOf(vec![owned.clone(), shared.clone()]);
        assert!(!set("both", both, vec![]).is_owned());
        let narrowed = Kind::AnyOf(vec![owned]);
        assert!(set("narrowed", narrowed, vec![shared]).is_owned());
    }
}
