//! One write of a registry's list, and how a later read is compared with it.

use super::drift::missing_in;
use super::live::{Live, Rule};
use super::raw_json::{RawJson, RawObject};
use crate::net::network;
use ipnet::Ipv4Net;
use serde_json::json;
use std::collections::BTreeSet;

/// One write: what is added, what is taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// Entries that come; the read did not show them.
    pub add: BTreeSet<Ipv4Net>,
    /// Entries, ours, that go.
    pub remove: BTreeSet<Ipv4Net>,
    /// Entries of others that come back; the read did not show them.
    pub restore_entries: Vec<String>,
}

impl Patch {
    /// The list after this write, entry by entry, as they were read or as we write them.
    fn rules(&self, live: &Live) -> Vec<RawJson> {
        let gone = |rule: &&Rule| self.remove.iter().any(|network| rule.is_exactly(*network));
        let stay = live
            .rules
            .iter()
            .filter(|rule| !gone(rule))
            .map(|rule| rule.raw.clone());
        let entry = |text| RawJson::from(&json!({ "action": "Allow", "value": text }));
        let new = self
            .add
            .iter()
            .map(|network| entry(network::text(*network)));
        let back = self.restore_entries.iter().cloned().map(entry);
        stay.chain(new).chain(back).collect()
    }

    /// How many entries the list has after this write.
    pub fn entries_after(&self, live: &Live) -> usize {
        self.rules(live).len()
    }

    /// The PATCH's body: the rule set as read, with only our difference in it, and the default
    /// action always `Deny`. Nothing else of the registry is named. What is not ours in it is sent byte for
    /// byte as it was read.
    pub fn body(&self, live: &Live) -> RawObject {
        let mut set = live.rule_set.clone();
        set.set("defaultAction", RawJson::string("Deny"));
        set.set("ipRules", RawJson::array(&self.rules(live)));
        let mut properties = RawObject::default();
        properties.set("networkRuleSet", RawJson::from(&set));
        let mut body = RawObject::default();
        body.set("properties", RawJson::from(&properties));
        body
    }

    /// Whether a later read shows this write: every addition there, every removal gone.
    pub fn shows_in(&self, live: &Live) -> bool {
        self.add
            .iter()
            .all(|network| live.exact(*network).is_some())
            && self
                .remove
                .iter()
                .all(|network| live.exact(*network).is_none())
            && missing_in(&live.entries(), &self.restore_entries).is_empty()
    }
}
