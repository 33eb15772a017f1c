//! One write of a registry's list, and how a later read is compared with it.

use super::drift::missing_in;
use super::live::{Live, Rule};
use crate::domain::network;
use ipnet::Ipv4Net;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// One write: what is added, what is taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// Entries that come; the read did not show them.
    pub add: BTreeSet<Ipv4Net>,
    /// Entries, ours, that go.
    pub remove: BTreeSet<Ipv4Net>,
    /// Entries of others that come back; the read did not show them.
    pub give_back: Vec<String>,
}

impl Patch {
    /// The list after this write, entry by entry, as they were read or as we write them.
    fn rules(&self, live: &Live) -> Vec<Value> {
        let gone = |rule: &&Rule| self.remove.iter().any(|network| rule.is_exactly(*network));
        let stay = live
            .rules
            .iter()
            .filter(|rule| !gone(rule))
            .map(|rule| rule.raw.clone());
        let new = self
            .add
            .iter()
            .map(|network| json!({ "action": "Allow", "value": network::text(*network) }));
        let back = self
            .give_back
            .iter()
            .map(|text| json!({ "action": "Allow", "value": text }));
        stay.chain(new).chain(back).collect()
    }

    /// The PATCH's body: the rule set as read, with only our difference in it, and the default
    /// action always `Deny`. Nothing else of the registry is named.
    pub fn body(&self, live: &Live) -> Value {
        let mut set: Map<String, Value> = live.rule_set.clone();
        set.insert("defaultAction".to_owned(), json!("Deny"));
        set.insert("ipRules".to_owned(), Value::Array(self.rules(live)));
        json!({ "properties": { "networkRuleSet": set } })
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
            && missing_in(&live.entries(), &self.give_back).is_empty()
    }
}
