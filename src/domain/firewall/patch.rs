//! One write of a registry's list, and how a later read is compared with it.

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
        stay.chain(new).collect()
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
    }

    /// What others changed between two reads around this write: entries gone and entries new, if any.
    pub fn changes_of_others(
        &self,
        before: &Live,
        after: &Live,
    ) -> Option<(Vec<String>, Vec<String>)> {
        let ours = |rule: &&Rule| {
            self.add
                .iter()
                .chain(&self.remove)
                .any(|network| rule.is_exactly(*network))
        };
        let missing_in =
            |other: &Live, rule: &&Rule| !other.rules.iter().any(|there| there.is_same(rule));
        let of = |live: &Live, other: &Live| -> Vec<String> {
            let changed = live
                .rules
                .iter()
                .filter(|rule| !ours(rule) && missing_in(other, rule));
            changed.map(|rule| rule.text.clone()).collect()
        };
        let (gone, new) = (of(before, after), of(after, before));
        (!gone.is_empty() || !new.is_empty()).then_some((gone, new))
    }
}
