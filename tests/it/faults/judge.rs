//! What must hold, judged by what really happened: the simulated Azure's journal, which doorward
//! never sees, beside the ledger.

use super::truth::Truth;
use doorward_core::firewall::owned_entries::MAY_LAND_WITHIN;
use doorward_core::ledger::event::LedgerEvent;
use doorward_sim::{DefaultAction, Happened, IpRule, Registry};
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// What was granted: until when, whether it may go before, and in which block its entry may be widened.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) address: Ipv4Addr,
    evictable: bool,
    widen: Option<Ipv4Net>,
    pub(super) until: Timestamp,
    /// The place of its decision in the ledger.
    decided: i64,
    /// When the ledger says that it is over and nothing of it stands.
    pub(super) over: Option<Timestamp>,
}

/// What an admin does who opens a registry to all.
const ALLOW: &str = "defaultAction Allow";

/// Something of others that a write of ours undid without our having seen it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Overwritten {
    /// The write's correlation id.
    pub(crate) write: String,
    /// What was undone.
    pub(crate) what: String,
    /// When others did it, if that was after the write's intent: then an event tells of it.
    pub(crate) inside: Option<Timestamp>,
}

/// The judge of one schedule.
#[derive(Default)]
pub(crate) struct Judge {
    pub(super) grants: BTreeMap<String, Granted>,
    /// What alarms are judged by.
    pub(super) truth: Truth,
    /// Whether events tell of what others change.
    pub(crate) events: bool,
    /// Whether faults have stopped so long ago that all is known again.
    pub(crate) at_peace: bool,
    /// The place of each write's intent in the ledger, and its time.
    intended: BTreeMap<String, (i64, Timestamp)>,
    /// When a write of each entry was last begun.
    begun: BTreeMap<Ipv4Net, Timestamp>,
    /// The entries that each write was to add.
    adds: BTreeMap<String, Vec<Ipv4Net>>,
    /// The entries that each write meant to take away.
    meant: BTreeMap<String, BTreeSet<Ipv4Net>>,
    /// Writes whose writer stood still after the bytes had left: Azure cannot be told to forget them.
    pub(crate) late: BTreeSet<String>,
    /// Every entry that a write of ours brought, or that was there already when it came to be ours.
    ever: BTreeSet<Ipv4Net>,
    /// The addresses of grants that the ledger says were opened.
    opened: BTreeSet<Ipv4Addr>,
    /// When others did what a write of ours might undo.
    done: BTreeMap<String, Timestamp>,
    /// The writes of which people were told that they may have undone what others did.
    told: BTreeSet<String>,
    /// Writes begun before this stood in a ledger that is lost.
    lost: Timestamp,
    /// How far doorward's clock may be off Azure's.
    pub(crate) apart: SignedDuration,
    /// Whether entries that a write of ours dropped are put back.
    pub(crate) gives_back: bool,
    /// Entries that stand because a write of ours put them there.
    pub(super) ours: BTreeSet<Ipv4Net>,
    /// Entries that somebody added by hand while they were granted: ours or not, nobody can tell.
    pub(super) either: BTreeSet<Ipv4Net>,
    /// What of it was ours.
    ours_then: BTreeMap<String, BTreeSet<Ipv4Net>>,
    /// What each of our attempts was shown last.
    shown: BTreeMap<String, Registry>,
    /// What fell into a gap that cannot be closed.
    pub(crate) overwritten: BTreeSet<Overwritten>,
    /// What must never be.
    pub(crate) violations: Vec<String>,
}

impl Judge {
    /// Takes in new ledger entries.
    pub(crate) fn learn(&mut self, seq: i64, at: Timestamp, what: &LedgerEvent) {
        self.truth.learn(at, what);
        if let LedgerEvent::Extended { grant, until, .. } = what
            && let Some(granted) = self.grants.get_mut(&grant.to_string())
        {
            granted.until = *until;
        }
        if let LedgerEvent::WriteIntended(write) = what {
            self.intended.insert(write.id.to_string(), (seq, at));
            for network in &write.add {
                self.begun.insert(*network, at);
            }
            self.adds.insert(write.id.to_string(), write.add.clone());
            let meant = write.remove.iter().copied().collect();
            self.meant.insert(write.id.to_string(), meant);
        }
        if let LedgerEvent::Opened { grant, .. } = what
            && let Some(granted) = self.grants.get(&grant.to_string())
        {
            self.opened.insert(granted.address);
        }
        if let LedgerEvent::PossiblyOverwritten(overwritten) = what {
            self.told.insert(overwritten.write.to_string());
        }
        if let LedgerEvent::Granted(grant) | LedgerEvent::Recovered { grant, .. } = what {
            let granted = Granted {
                address: grant.address.get(),
                evictable: grant.evictable,
                widen: grant.widen,
                until: grant.until,
                over: None,
                decided: seq,
            };
            self.grants.insert(grant.id.to_string(), granted);
        }
        if let LedgerEvent::Ended { grant, .. } | LedgerEvent::NotOpened { grant, .. } = what
            && let Some(granted) = self.grants.get_mut(&grant.to_string())
        {
            granted.until = granted.until.min(at);
            granted.over = Some(at);
        }
    }

    /// Takes in what happened at Azure.
    pub(crate) fn look(&mut self, happened: Vec<Happened>) {
        for happened in happened {
            match &happened {
                Happened::Read { author, shown, .. } => {
                    let read = author.correlation.clone().unwrap_or_default();
                    self.ours_then.insert(read.clone(), self.ours.clone());
                    self.shown.insert(read, Registry::clone(shown));
                }
                Happened::Changed {
                    author,
                    before,
                    after,
                } => match &author.correlation {
                    Some(write) => self.we_wrote(write, before, after),
                    None => self.others_wrote(before, after),
                },
            }
            let ours = self.ours.union(&self.either).copied().collect();
            self.truth.look(&happened, ours);
        }
        self.what_was_told_is_true();
    }

    /// What somebody adds by hand of which we have begun a write, or that was ours once, cannot be told apart
    /// from what we add.
    fn others_wrote(&mut self, before: &Registry, after: &Registry) {
        self.ours.retain(|entry| stands(after, *entry));
        self.either.retain(|entry| stands(after, *entry));
        let at = after.last_modified_at;
        let values = |one: &Registry, other: &Registry| -> Vec<String> {
            let there = other.entries();
            let only = one
                .entries()
                .into_iter()
                .filter(|value| !there.contains(value));
            only.map(str::to_owned).collect()
        };
        for value in values(after, before) {
            self.done.insert(format!("entry {value}"), at);
        }
        for value in values(before, after) {
            self.done.insert(format!("removal of {value}"), at);
        }
        if before.network_rules.default_action != after.network_rules.default_action {
            self.done.insert(ALLOW.to_owned(), at);
        }
        for network in after.entries().into_iter().filter_map(network) {
            let mut begun = self.begun.get(&network).into_iter();
            let may_land =
                begun.any(|begun| at.duration_since(*begun) < MAY_LAND_WITHIN + self.apart);
            // `az` writes back what it read long ago, entries of ours among it.
            let once_ours = self.ever.contains(&network);
            if !stands(before, network) && (may_land || once_ours) {
                self.either.insert(network);
                self.ever.insert(network);
            }
        }
    }

    fn we_wrote(&mut self, write: &str, before: &Registry, after: &Registry) {
        let Some(shown) = self.shown.get(write).cloned() else {
            self.violation(write, "was sent without a read before it");
            return;
        };
        if !same_but_for_the_list(before, after, &shown) {
            self.violation(write, "changed more than the list");
        }
        self.default_action(write, (before, after), &shown);
        // What a person adds inside our gap is lost with the gap; doors that we had seen open stay open.
        let mut was_known = before.clone();
        let known = |rule: &IpRule| {
            let ours = |network| self.ours.contains(&network);
            shown.network_rules.ip_rules.contains(rule) || network(&rule.value).is_some_and(ours)
        };
        was_known.network_rules.ip_rules.retain(known);
        for rule in &before.network_rules.ip_rules {
            if !after.network_rules.ip_rules.contains(rule) {
                self.went(write, rule, &shown, after);
            }
        }
        for rule in &after.network_rules.ip_rules {
            if !before.network_rules.ip_rules.contains(rule) {
                self.came(write, rule, &shown, after.last_modified_at);
            }
        }
        // What somebody else wrote meanwhile as we did cannot be told apart either.
        for network in self.adds.get(write).cloned().unwrap_or_default() {
            if stands(after, network) {
                self.ever.insert(network);
                if !self.ours.contains(&network) {
                    self.either.insert(network);
                }
            }
        }
        self.doors_stay_open(write, &was_known, after);
    }

    /// Every write of ours to the list says `Deny`, and undoes whoever said `Allow`.
    fn default_action(
        &mut self,
        write: &str,
        (before, after): (&Registry, &Registry),
        shown: &Registry,
    ) {
        let allows = |it: &Registry| it.network_rules.default_action == DefaultAction::Allow;
        if allows(after) && !allows(before) {
            self.violation(write, "opened the registry to all");
        }
        // One of tags alone leaves it as it is.
        if allows(before) && !allows(after) {
            self.undone(write, ALLOW.to_owned(), allows(shown));
        }
    }

    /// What was open before a write, and is granted still, is open after it.
    fn doors_stay_open(&mut self, write: &str, before: &Registry, after: &Registry) {
        let intended = self.intended.get(write).map_or(0, |(seq, _)| *seq);
        let known = |granted: &&Granted| granted.decided < intended && !granted.evictable;
        for granted in self.grants.values().filter(known) {
            let admitted = |registry: &Registry| {
                let networks = registry.entries().into_iter().filter_map(network);
                networks
                    .into_iter()
                    .any(|net| net.contains(&granted.address))
            };
            let in_force = granted.until - self.apart > after.last_modified_at;
            if in_force && admitted(before) && !admitted(after) {
                let what = format!(
                    "closed {} before its end, {}",
                    granted.address, granted.until
                );
                self.violations.push(format!("write {write} {what}"));
            }
        }
    }

    /// An entry is gone by our write.
    fn went(&mut self, write: &str, rule: &IpRule, shown: &Registry, after: &Registry) {
        let network = network(&rule.value);
        // Ours takes its place where a person wrote the same between our read and our write: from
        // then on nobody can tell the two apart.
        if after.entries().contains(&rule.value.as_str()) {
            if shown.network_rules.ip_rules.contains(rule) {
                self.violation(write, &format!("changed the fields of {}", rule.value));
            }
            return;
        }
        let known = shown.network_rules.ip_rules.contains(rule);
        let ours = network.is_some_and(|network| self.ours.remove(&network));
        let either = network.is_some_and(|network| self.either.remove(&network));
        let meant = self.meant.get(write).zip(network);
        let meant = meant.is_some_and(|(meant, network)| meant.contains(&network));
        let granted = |network: &Ipv4Net| {
            let mut grants = self.grants.values();
            let at = after.last_modified_at;
            grants.any(|granted| {
                granted.until - self.apart > at && network.contains(&granted.address)
            })
        };
        // What has ended may go by whatever write comes first.
        let needed = network.as_ref().is_some_and(granted);
        if ours && needed && !meant && !known && !self.late.contains(write) {
            let what = format!("dropped {}, ours, which it did not know of", rule.value);
            self.violation(write, &what);
        }
        if ours || (either && (meant || known)) {
            return;
        }
        self.undone(write, format!("entry {}", rule.value), known);
    }

    /// An entry is there by our write.
    fn came(&mut self, write: &str, rule: &IpRule, shown: &Registry, at: Timestamp) {
        if shown.network_rules.ip_rules.contains(rule) {
            // Others removed it between our read and our write.
            let what = format!("removal of {}", rule.value);
            self.undone(write, what, false);
            let ours = self.ours_then.get(write);
            let again = network(&rule.value);
            let known = |it: &Ipv4Net| ours.is_some_and(|ours| ours.contains(it));
            self.ours.extend(again.filter(known));
            // Out of a stale list: once ours, and nobody can tell whether others wrote it back.
            self.either
                .extend(again.filter(|it| self.ever.contains(it)));
            return;
        }
        let Some(network) = network(&rule.value) else {
            self.violation(write, &format!("wrote `{}`", rule.value));
            return;
        };
        let value = format!("entry {}", rule.value);
        if self.gives_back && self.done.contains_key(&value) {
            return;
        }
        // What counts is the time at which the write was begun; and what arrives late may arrive past a
        // grant's end: then it goes again.
        let at = self.intended.get(write).map_or(at, |(_, begun)| *begun);
        let late = self.late.contains(write);
        let in_force = || {
            let grants = self.grants.values();
            grants.filter(move |granted| granted.until > at || late)
        };
        let granted = |address| in_force().any(|granted| granted.address == address);
        let approved = in_force().any(|granted| {
            let block = granted.widen.filter(|block| block.contains(&network));
            block.is_some() && network.contains(&granted.address)
        });
        let mut all = network.network().to_bits()..=network.broadcast().to_bits();
        if !approved && !all.all(|bits| granted(Ipv4Addr::from_bits(bits))) {
            self.violation(write, &format!("opened {network}, which is not granted"));
        }
        self.ours.insert(network);
        self.ever.insert(network);
    }

    fn undone(&mut self, write: &str, what: String, known: bool) {
        if known {
            self.violation(write, &format!("undid what it had been shown: {what}"));
        } else {
            let begun = self.intended.get(write).map(|(_, at)| *at);
            let done = self.done.get(&what);
            let inside = begun.zip(done);
            let inside = inside.and_then(|(begun, done)| (*done >= begun).then_some(*done));
            let write = write.to_owned();
            let new = Overwritten {
                write,
                what,
                inside,
            };
            self.overwritten.insert(new);
        }
    }

    /// What the ledger calls open has stood.
    pub(crate) fn what_is_called_open_stood(&mut self) {
        for address in &self.opened {
            if !self.ever.iter().any(|entry| entry.contains(address)) {
                self.violations
                    .push(format!("{address} was called open and never stood"));
            }
        }
    }

    /// Whoever is granted is let in, and whoever was refused last where there was room.
    pub(crate) fn nobody_waits_in_vain(
        &mut self,
        registry: &Registry,
        granted: impl Iterator<Item = Ipv4Addr>,
    ) {
        let networks = registry.entries().into_iter().filter_map(network);
        let networks: Vec<Ipv4Net> = networks.collect();
        for address in granted {
            if !networks.iter().any(|network| network.contains(&address)) {
                let what = format!("{address} is granted, and stands before a closed door");
                self.violations.push(what);
            }
        }
    }

    /// What was undone inside a gap, and of which an event told, was reported.
    pub(crate) fn all_was_told(&mut self) {
        for Overwritten {
            write,
            what,
            inside,
        } in &self.overwritten
        {
            let begun = self.intended.get(write).map(|(_, at)| *at);
            let known = begun.is_some_and(|begun| begun > self.lost);
            if known && inside.is_some() && !self.told.contains(write) {
                self.violations
                    .push(format!("write {write} undid `{what}`, and nobody was told"));
            }
        }
    }

    /// The ledger is lost, and with it what it said; what stands stands.
    pub(crate) fn the_ledger_is_lost(&mut self, now: Timestamp) {
        for granted in self.grants.values_mut() {
            granted.decided = i64::MAX;
        }
        self.lost = now;
    }

    fn violation(&mut self, write: &str, what: &str) {
        self.violations.push(format!("write {write} {what}"));
    }

    /// Once faults have stopped: nothing of ours stands longer than this past its end.
    pub(crate) fn nothing_outlives_its_end(&mut self, now: Timestamp, bound: SignedDuration) {
        for network in &self.ours {
            let needed = |granted: &Granted| {
                network.contains(&granted.address) && granted.until + bound > now
            };
            if !self.grants.values().any(needed) {
                self.violations.push(format!(
                    "{network} stands at {now}, past its end and {bound:#}"
                ));
            }
        }
    }
}

fn stands(registry: &Registry, wanted: Ipv4Net) -> bool {
    let mut entries = registry.entries().into_iter();
    entries.any(|entry| network(entry) == Some(wanted))
}

pub(super) fn network(value: &str) -> Option<Ipv4Net> {
    let single = value.parse::<Ipv4Addr>().map(Ipv4Net::from).ok();
    single.or_else(|| value.parse().ok())
}

/// Whether nothing but the list, the default action, ownership tags and who wrote it last differs. A tag
/// that the write was not made from may be gone.
fn same_but_for_the_list(before: &Registry, after: &Registry, shown: &Registry) -> bool {
    let mut expected = before.clone();
    let firewall = &mut expected.network_rules;
    firewall.ip_rules.clone_from(&after.network_rules.ip_rules);
    firewall.default_action = after.network_rules.default_action;
    expected.last_modified_at = after.last_modified_at;
    expected
        .last_modified_by
        .clone_from(&after.last_modified_by);
    expected.tags.clone_from(&after.tags);
    let plain = |registry: &Registry| {
        let tags = registry.tags.iter();
        let plain = tags.filter(|(name, _)| !name.starts_with("doorward-tags-"));
        plain
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let tags = plain(after);
    expected == *after && (tags == plain(before) || tags == plain(shown))
}
