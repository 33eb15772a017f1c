//! What holds for every plan.

use super::*;
use crate::firewall::raw_json::tests::{any_json, any_text};
use proptest::prelude::*;

prop_compose! {
    fn any_grant()(number: u128, last in 0..20_u8, until in 0..200_i64, stage in 0..3_usize, evictable: bool, widen in 27..=33_u8) -> (Grant, Stage) {
        let block = (widen < 33).then(|| Ipv4Net::new(address(last), widen).unwrap().trunc());
        let grant = Grant { evictable, widen: block, ..grant(number, last, until) };
        (grant, [Stage::Intended, Stage::Open, Stage::CoveredByExisting][stage])
    }
}

prop_compose! {
    fn any_entries()(entries in prop::collection::vec((0..20_u8, 20..=32_u8, any::<bool>()), 0..12)) -> Vec<String> {
        entries.into_iter().map(|(last, length, bare)| match (length, bare) {
            (32, true) => address(last).to_string(),
            _ => Ipv4Net::new(address(last), length).unwrap().trunc().to_string(),
        }).collect()
    }
}

/// A plan's write, and all that it was made from.
struct Made<'a> {
    entries: &'a [String],
    live: Live,
    wanted: Wanted<'a>,
    now: Timestamp,
    patch: Patch,
}

impl Made<'_> {
    fn in_force(&self) -> impl Iterator<Item = &(&Grant, Stage)> {
        let now = self.now;
        let grants = self.wanted.grants.iter();
        grants.filter(move |(grant, _)| grant.until > now)
    }

    fn goes(&self, rule: &Rule) -> bool {
        let mut gone = self.patch.remove.iter();
        gone.any(|network| rule.is_exactly(*network))
    }

    /// How many entries come.
    fn more(&self) -> usize {
        self.patch.add.len() + self.patch.restore_entries.len()
    }

    /// The list as the body says it.
    fn rules(&self) -> Vec<Value> {
        let body = said(&self.patch, &self.live);
        let rules = body["properties"]["networkRuleSet"]["ipRules"].as_array();
        rules.unwrap().clone()
    }

    fn only_claimed_entries_go(&self) -> Result<(), TestCaseError> {
        for gone in &self.patch.remove {
            prop_assert!(self.wanted.claimed.contains_key(gone));
        }
        Ok(())
    }

    /// An entry that comes was not there, and somebody's rule or grant approved each address in it.
    fn what_comes_is_new_and_approved(&self) -> Result<(), TestCaseError> {
        for new in &self.patch.add {
            let grants = || self.in_force().map(|(grant, _)| grant);
            let inside = || grants().filter(|grant| new.contains(&grant.address.get()));
            let approved =
                inside().any(|grant| grant.widen.is_some_and(|block| block.contains(new)));
            let granted = |at| inside().any(|grant| grant.address.get().to_bits() == at);
            let mut all = new.network().to_bits()..=new.broadcast().to_bits();
            prop_assert!(approved || all.all(granted));
            prop_assert!(self.live.exact(*new).is_none());
        }
        Ok(())
    }

    fn only_what_is_to_be_put_back_and_is_not_there_comes_back(&self) -> Result<(), TestCaseError> {
        for back in &self.patch.restore_entries {
            prop_assert!(self.wanted.restore_entries.contains(back));
            let missing = missing_in(self.entries, std::slice::from_ref(back));
            prop_assert!(!missing.is_empty());
        }
        Ok(())
    }

    /// The limit holds, and additions alone leave two places, or as many as there are.
    fn the_limit_and_the_reserve_hold(&self) -> Result<(), TestCaseError> {
        let rules = &self.live.rules;
        let limit = self.wanted.limit as usize;
        // The same entry twice goes twice.
        let after = rules.len() - rules.iter().filter(|rule| self.goes(rule)).count() + self.more();
        prop_assert!(after <= rules.len().max(limit));
        let adds_alone = self.patch.remove.is_empty() && !self.patch.add.is_empty();
        let kept = 2.min(limit);
        prop_assert!(!adds_alone || after + kept <= limit + self.patch.restore_entries.len());
        Ok(())
    }

    /// Every other entry stands in the body as it was read, in its order.
    fn all_others_stay_as_they_were_read(&self) -> Result<(), TestCaseError> {
        let rules = self.rules();
        let others = self.live.rules.iter().filter(|rule| !self.goes(rule));
        let others: Vec<Value> = others
            .map(|rule| rule.raw.as_str().parse().unwrap())
            .collect();
        prop_assert_eq!(&rules[..others.len()], &others[..]);
        prop_assert_eq!(rules.len(), others.len() + self.more());
        Ok(())
    }

    /// No open door closes before its time, unless policy lets it go or there is no room at all.
    fn no_open_door_closes_before_its_time(&self) -> Result<(), TestCaseError> {
        let admits = |rules: &Live, address| rules.covering(address).is_some();
        let then = with_rules(&self.rules());
        let most = self.wanted.grants.len() + self.live.rules.len();
        let room = most <= self.wanted.limit as usize;
        for (grant, stage) in self.in_force() {
            let address = grant.address.get();
            let lost = admits(&self.live, address) && !admits(&then, address);
            prop_assert!(!lost || *stage == Stage::CoveredByExisting || grant.evictable || !room);
        }
        Ok(())
    }
}

fn with_rules(rules: &[Value]) -> Live {
    with(|registry| registry["properties"]["networkRuleSet"]["ipRules"] = json!(rules))
}

proptest! {
    #[test]
    fn a_plan_touches_nothing_that_is_not_claimed(
        entries in any_entries(),
        grants in prop::collection::vec(any_grant(), 0..8),
        claimed in prop::collection::vec((0..20_u8, 28..=32_u8, any::<bool>()), 0..8),
        restore in prop::collection::btree_set(0..8_usize, 0..4),
        restore_entries in any_entries(),
        limit in 0..20_u32,
        now in 0..200_i64,
    ) {
        let live = live(&entries.iter().map(String::as_str).collect::<Vec<_>>());
        let network = |last, length| Ipv4Net::new(address(last), length).unwrap().trunc();
        let wanted = Wanted {
            grants: grants.iter().map(|(grant, stage)| (grant, *stage)).collect(),
            claimed: claimed.iter().map(|(last, length, uncertain)| (network(*last, *length), *uncertain)).collect(),
            limit,
            reserve: 2,
            may_add: true,
            paused: false,
            restore: restore.iter().filter_map(|place| Some(grants.get(*place)?.0.id)).collect(),
            restore_entries,
        };
        let now = at(now);
        let patch = plan(&live, &wanted, now).patch.unwrap_or_default();
        let made = Made { entries: &entries, live, wanted, now, patch };
        made.only_claimed_entries_go()?;
        made.what_comes_is_new_and_approved()?;
        made.only_what_is_to_be_put_back_and_is_not_there_comes_back()?;
        made.the_limit_and_the_reserve_hold()?;
        made.all_others_stay_as_they_were_read()?;
        made.no_open_door_closes_before_its_time()?;
    }
}

/// A registry as text, with `rule_set` and `tags` in it as they are written.
fn written(rule_set: &str, tags: &str) -> Live {
    let text = format!(
        r#"{{"sku":{{"name":"Premium"}},"tags":{tags},"properties":{{"loginServer":"x","networkRuleSet":{rule_set}}}}}"#
    );
    Live::read(&RawJson::parse(text.as_bytes()).unwrap()).unwrap()
}

/// Whether a name in quotes is none that doorward knows.
fn is_foreign(name: &str) -> bool {
    let name: Result<String, _> = serde_json::from_str(name);
    let known = ["defaultAction", "ipRules", "virtualNetworkRules", "value"];
    name.is_ok_and(|name| !known.contains(&name.as_str()))
}

prop_compose! {
    /// Members of an object that doorward knows nothing of.
    fn any_members()(members in prop::collection::vec((any_text().prop_filter("a foreign name", |name| is_foreign(name)), any_json()), 0..4)) -> String {
        members.iter().fold(String::new(), |text, (name, value)| format!("{text},{name}:{value}"))
    }
}

proptest! {
    #[test]
    fn what_is_not_ours_is_sent_back_byte_for_byte(
        in_set in any_members(),
        in_entries in prop::collection::vec(any_members(), 1..4),
        in_subnets in prop::collection::vec(any_members(), 0..3),
        after in any_members(),
    ) {
        let entries = in_entries.iter().enumerate();
        let entries: Vec<String> = entries.map(|(last, more)| format!(r#"{{"value" : "40.1.2.{last}"{more}}}"#)).collect();
        let subnets: Vec<String> = in_subnets.iter().map(|more| format!(r#"{{"id": "/subnets/a"{more}}}"#)).collect();
        let (entries, subnets) = (entries.join(","), subnets.join(","));
        let set = |ours: &str| format!(r#"{{"defaultAction":"Deny"{in_set},"ipRules":[{entries}{ours}],"virtualNetworkRules":[{subnets}]{after}}}"#);
        let live = written(&set(""), "{}");
        let body = patch(&[3], &[]).body(&live).to_string();
        let expected = set(r#",{"action":"Allow","value":"20.1.2.3"}"#);
        prop_assert_eq!(body, format!(r#"{{"properties":{{"networkRuleSet":{expected}}}}}"#));
    }
}
