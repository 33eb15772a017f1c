//! What holds of every demand, every rule and every answer.

mod reading;
mod shown;

use super::may::{LONGEST_REASON, SHORTEST, may_wish};
use super::*;
use crate::auth::person::{Person, PersonId};
use crate::ledger::actor::Actor;
use crate::ledger::request::Answer;
use proptest::prelude::*;
use reading::read;
use std::collections::BTreeSet;
use std::time::Duration;

const ISSUER: &str = "https://login.microsoftonline.com/t/v2.0";

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn person(subject: &str, groups: &[&str]) -> Person {
    Person {
        name: subject.to_owned(),
        id: PersonId {
            issuer: ISSUER.to_owned(),
            subject: subject.to_owned(),
        },
        roles: set(&["approver"]),
        groups: set(groups),
    }
}

/// Ana has two accounts and starts CI jobs; whoever has the role `approver` may approve too.
fn approvers() -> Approvers {
    let ana = Approver {
        name: "Ana".to_owned(),
        ids: [person("ana", &[]).id, PersonId::slack("U1")].into(),
        groups: set(&["platform"]),
        ci: set(&["ana-gh"]),
        mail: None,
    };
    Approvers {
        listed: vec![ana],
        roles: set(&["approver"]),
        groups: BTreeSet::new(),
    }
}

fn slack(user: &str) -> Person {
    Person {
        name: user.to_owned(),
        id: PersonId::slack(user),
        roles: BTreeSet::new(),
        groups: BTreeSet::new(),
    }
}

fn strength() -> impl Strategy<Value = Option<Strength>> {
    prop::option::of(prop::sample::select(
        Strength::NAMES.map(|(_, strength)| strength).to_vec(),
    ))
}

prop_compose! {
    fn demand()(
        strength in strength(),
        count in prop::option::of(1..5_u32),
        by in prop::collection::btree_set("[abc]", 0..3),
        reason in any::<Option<bool>>(),
        max in prop::option::of(1..100_u64),
    ) -> Approvals {
        Approvals { strength, count, by, reason, max: max.map(Duration::from_mins) }
    }
}

fn anybody() -> impl Strategy<Value = Who> {
    let groups = prop::collection::btree_set("[abc]", 0..3);
    (0..4_u8, groups).prop_map(|(kind, groups)| {
        let person = Person {
            groups,
            ..person("bo", &[])
        };
        match kind {
            0 => Who::Link,
            1 => Who::Operator(Actor::Person("op".to_owned())),
            2 => Who::Chat(person),
            _ => Who::SignedIn(person),
        }
    })
}

proptest! {
    #[test]
    fn no_rule_ever_weakens_what_the_registry_asks_for(registry in demand(), rules in prop::collection::vec(demand(), 1..4), who in anybody(), answer in prop::sample::select(vec![Answer::Allow, Answer::Deny]), lasts in 1..200_u64, has_reason in any::<bool>()) {
        let alone = Terms::of(&registry);
        let raised = rules.iter().fold(alone.clone(), Terms::raised_by);
        prop_assert!(raised.strength >= alone.strength);
        prop_assert!(raised.count >= alone.count);
        prop_assert!(raised.reason >= alone.reason);
        prop_assert!(raised.by.is_superset(&alone.by));
        let approvers = approvers();
        if may_answer(&who, answer, &raised, &approvers, None).is_ok() {
            prop_assert_eq!(may_answer(&who, answer, &alone, &approvers, None), Ok(()));
        }
        let wish = Wish { reason: has_reason.then_some("why"), lasts: Some(Duration::from_mins(lasts)) };
        let longest = |terms: &Terms| terms.max.unwrap_or(Duration::from_hours(24));
        if may_wish(wish, answer, &raised, longest(&raised)).is_ok() {
            prop_assert_eq!(may_wish(wish, answer, &alone, longest(&alone)), Ok(()));
        }
    }

    #[test]
    fn order_of_rules_does_not_matter_and_repeating_one_changes_nothing(registry in demand(), one in demand(), other in demand()) {
        let terms = || Terms::of(&registry);
        prop_assert_eq!(terms().raised_by(&one).raised_by(&other), terms().raised_by(&other).raised_by(&one));
        prop_assert_eq!(terms().raised_by(&one).raised_by(&one), terms().raised_by(&one));
    }

    #[test]
    fn nobody_by_link_counts_where_people_are_counted(registry in demand()) {
        let terms = Terms::of(&registry);
        if terms.count > 1 || !terms.by.is_empty() {
            prop_assert!(may_answer(&Who::Link, Answer::Allow, &terms, &approvers(), None).is_err());
        }
    }

    #[test]
    fn demand_reads_back_as_it_was_written(demand in demand()) {
        let written = serde_json::to_string(&demand).unwrap();
        prop_assert_eq!(serde_json::from_str::<Approvals>(&written).unwrap(), demand);
    }
}

#[test]
fn demands_of_older_ledgers_are_still_read() {
    for word in ["none", "link", "chat", "sign_in"] {
        let read: Approvals = serde_json::from_str(&format!("\"{word}\"")).unwrap();
        assert_eq!(read.as_word().map(Strength::name), Some(word));
        assert_eq!(serde_json::to_string(&read).unwrap(), format!("\"{word}\""));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_refusal_says_why() {
    let terms = |text: &str| Terms::of(&read(text).unwrap());
    let asker = Asker::Ci("Ana-GH".to_owned());
    let signed_in = |who: &Person| Who::SignedIn(who.clone());
    let (ana, bo) = (person("ana", &[]), person("bo", &[]));
    let stranger = Person {
        roles: BTreeSet::new(),
        ..person("cy", &[])
    };
    let of_platform = "{ strength: chat, by: [platform] }";
    for (who, asks, asker, expected) in [
        (Who::Link, "none", None, Some("not_answerable")),
        (signed_in(&ana), "none", None, Some("not_answerable")),
        (Who::Link, "link", None, None),
        (Who::Link, "chat", None, Some("too_weak")),
        (Who::Operator(Actor::USE), "chat", None, Some("too_weak")),
        (Who::Chat(slack("U1")), "chat", None, None),
        (
            Who::Chat(slack("U2")),
            "chat",
            None,
            Some("not_an_approver"),
        ),
        (Who::Chat(slack("U1")), "sign_in", None, Some("too_weak")),
        (signed_in(&bo), "chat", None, None),
        (
            signed_in(&stranger),
            "sign_in",
            None,
            Some("not_an_approver"),
        ),
        (signed_in(&stranger), "link", None, None),
        (signed_in(&bo), of_platform, None, Some("not_in_group")),
        (signed_in(&ana), of_platform, None, None),
        (
            signed_in(&person("bo", &["platform"])),
            of_platform,
            None,
            None,
        ),
        (
            signed_in(&ana),
            "sign_in",
            Some(&asker),
            Some("own_request"),
        ),
        (
            Who::Chat(slack("U1")),
            "chat",
            Some(&asker),
            Some("own_request"),
        ),
        (signed_in(&bo), "sign_in", Some(&asker), None),
        (signed_in(&ana), "link", Some(&asker), Some("own_request")),
    ] {
        let said = may_answer(&who, Answer::Allow, &terms(asks), &approvers(), asker);
        let said = said.err().map(|refusal| refusal.code());
        assert_eq!(said, expected, "{who:?} {asks}");
    }
    let terms = terms("sign_in");
    let no = may_answer(
        &signed_in(&ana),
        Answer::Deny,
        &terms,
        &approvers(),
        Some(&asker),
    );
    assert_eq!(no, Ok(()), "who asked may take it back");
}

#[test]
fn two_accounts_of_one_approver_are_one_person() {
    let approvers = approvers();
    let by = Who::Chat(slack("U1")).actor(&approvers);
    assert!(approvers.is_same(&person("ana", &[]), &by));
    assert!(!approvers.is_same(&person("bo", &[]), &by));
    let asker = Asker::Person(PersonId::slack("U1"));
    assert!(approvers.asked(&person("ana", &[]), &asker));
}

#[test]
fn wish_is_bounded() {
    let mut terms = Terms::default();
    let hour = Duration::from_hours(1);
    let asks = |terms: &Terms, reason: Option<&str>, lasts: Option<Duration>| {
        let wish = Wish { reason, lasts };
        let refused = may_wish(wish, Answer::Allow, terms, hour).err();
        refused.map(|refusal| refusal.code())
    };
    assert_eq!(asks(&terms, None, None), None);
    assert_eq!(asks(&terms, None, Some(hour)), None);
    let longer = hour + Duration::from_secs(1);
    assert_eq!(asks(&terms, None, Some(longer)), Some("too_long"));
    assert_eq!(asks(&terms, None, Some(SHORTEST)), None);
    assert_eq!(
        asks(&terms, None, Some(Duration::from_secs(59))),
        Some("too_short")
    );
    assert_eq!(asks(&terms, Some("a\nb"), None), Some("bad_reason"));
    let long = "x".repeat(LONGEST_REASON + 1);
    assert_eq!(asks(&terms, Some(&long), None), Some("bad_reason"));
    terms.reason = true;
    assert_eq!(asks(&terms, None, None), Some("reason_required"));
    assert_eq!(asks(&terms, Some("  "), None), Some("reason_required"));
    assert_eq!(asks(&terms, Some("deploy"), None), None);
    let no = may_wish(Wish::default(), Answer::Deny, &terms, hour);
    assert_eq!(no, Ok(()), "a no needs no reason");
}
