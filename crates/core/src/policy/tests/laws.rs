//! What holds for every policy and every denial.

use super::*;
use crate::net::address::GlobalIpv4;
use crate::policy::replay::{Captured, Given, compare, replay};
use crate::policy::testing::suppose::posture;
use crate::policy::verdict::Action;
use crate::policy::{Posture, decide, explain};
use crate::sets::{External, Membership, Sets, TagsFrom};
use proptest::prelude::*;
use std::net::IpAddr;

/// Sets of the arbitrary policies: two owned, two from files that may not be loaded, one shared.
const SETS: &str = "
version: 1
sets:
  low: { cidrs: [20.0.0.0/30, 10.0.0.0/8] }
  high: { cidrs: [20.0.0.4/30] }
  file: { cidrs_file: a.txt }
  but: { cidrs: [20.0.0.0/29], except: { cidrs_file: b.txt } }
  tag: { service_tag: T, file: tags.json }
rules: ";

fn address() -> impl Strategy<Value = Option<IpAddr>> {
    prop_oneof![
        12 => (0_u8..9).prop_map(|last| Some(IpAddr::from([20, 0, 0, last]))),
        1 => any::<[u8; 4]>().prop_map(|bytes| Some(IpAddr::from(bytes))),
        1 => Just(Some(IpAddr::from([10, 0, 0, 7]))),
        1 => any::<[u8; 16]>().prop_map(|bytes| Some(IpAddr::from(bytes))),
        1 => Just(None),
    ]
}

fn denials() -> impl Strategy<Value = Denial> {
    let kind = prop_oneof![3 => Just(Kind::Denied), 1 => Just(Kind::Suspected)];
    let repository = prop::option::of("(prod|dev)/[ab]");
    (address(), kind, repository).prop_map(|(ip, kind, repository)| Denial {
        kind,
        ip,
        repository,
        ..denial("20.0.0.1")
    })
}

fn rule() -> impl Strategy<Value = String> {
    let owned = prop_oneof![Just("low"), Just("high"), Just("file"), Just("but")];
    let any_set = prop_oneof![
        Just("low"),
        Just("high"),
        Just("file"),
        Just("but"),
        Just("tag")
    ];
    let narrow = prop_oneof![
        Just(""),
        Just(", repository: 'prod/*'"),
        Just(", source: other"),
        Just(", seen: { within: 7d, by: person }")
    ];
    let mode = prop_oneof![4 => Just("enforce"), 1 => Just("observe")];
    let rest = prop_oneof![Just("ask"), Just("alert"), Just("ignore"), Just("forbid")];
    let conditions = prop_oneof![(owned, Just("allow")), (any_set, rest)];
    (conditions, narrow, mode, 1_u32..100).prop_map(|((set, then), narrow, mode, hours)| {
        let ttl = if matches!(then, "allow" | "ask") {
            format!(", for: {hours}h")
        } else {
            String::new()
        };
        format!("when: {{ address: {set}{narrow} }}, then: {then}, mode: {mode}{ttl} }}")
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    let default = prop_oneof![Just("ask"), Just("alert"), Just("ignore"), Just("forbid")];
    (prop::collection::vec(rule(), 0..6), default).prop_map(|(rules, default)| {
        let numbered = rules.iter().enumerate();
        let rules: Vec<String> = numbered
            .map(|(number, rule)| format!("{{ name: r{number}, {rule}"))
            .collect();
        policy(&format!(
            "{SETS}[{}]\ndefault: {default}\n",
            rules.join(", ")
        ))
    })
}

/// What may be loaded, each with some addresses.
fn sets() -> impl Strategy<Value = Sets> {
    let file = |name: &str| External::CidrsFile(name.to_owned());
    let tag = External::ServiceTag {
        from: TagsFrom::File("tags.json".into()),
        tag: "T".into(),
    };
    let externals = [file("a.txt"), file("b.txt"), tag];
    prop::collection::vec(prop::option::weighted(0.4, 0_u8..9), 3).prop_map(move |loaded| {
        let mut sets = Sets::default();
        for (external, last) in externals.iter().zip(loaded) {
            if let Some(last) = last {
                let network = format!("20.0.0.{last}/32").parse().unwrap();
                sets = sets.with(external.clone(), [network], monday());
            }
        }
        sets
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_nothing_reaches_decides_nothing(policy in policies(), sets in sets(), denial in denials()) {
        let verdict = decide(&policy, &sets, &facts(&denial), monday());
        let warned = policy.warnings.to_string();
        let reached = verdict.rule.iter().chain(verdict.observed.iter().map(|seen| &seen.rule));
        for rule in reached {
            let told = format!("nothing reaches rule `{rule}`");
            prop_assert!(!warned.contains(&told), "{}", warned);
        }
    }

    #[test]
    fn an_entry_is_never_wider_than_what_is_owned(policy in policies(), sets in sets(), denial in denials()) {
        let mut policy = policy;
        policy.rules.iter_mut().for_each(|rule| rule.widen = true);
        let verdict = decide(&policy, &sets, &facts(&denial), monday());
        if let Some(block) = verdict.widen {
            let rule = verdict.rule.as_deref().and_then(|name| policy.rule(name)).unwrap();
            prop_assert!(matches!(verdict.action, Action::Allow | Action::Ask));
            let owned = |ip| rule.when.address.iter().any(|set| {
                set.is_owned() && matches!(set.holds(ip, &sets), Membership::Inside(_))
            });
            for address in u32::from(block.network())..=u32::from(block.broadcast()) {
                let address = IpAddr::V4(address.into());
                prop_assert!(owned(address), "{} of {}", address, block);
                prop_assert!(GlobalIpv4::try_from(address).is_ok());
            }
            let its_own = denial.ip.is_some_and(|ip| match ip.to_canonical() {
                IpAddr::V4(ip) => block.contains(&ip),
                IpAddr::V6(_) => false,
            });
            prop_assert!(its_own);
        }
    }

    #[test]
    fn where_no_entry_can_help_none_is_written(policy in policies(), sets in sets(), denial in denials(), cause in 0_usize..5) {
        let said = [("sku", "Basic"), ("public_access", "disabled"), ("default_action", "allow"), ("virtual_network_rules", "1"), ("entries", "0.0.0.0/0")];
        let live = posture([said[cause]]).unwrap();
        let ours = std::collections::BTreeSet::new();
        let with = Facts { posture: Some(Posture { live: &live, ours: &ours }), ..facts(&denial) };
        let without = decide(&policy, &sets, &facts(&denial), monday());
        let verdict = decide(&policy, &sets, &with, monday());
        prop_assert!(!matches!(verdict.action, Action::Allow | Action::Ask));
        prop_assert_eq!(&verdict.rule, &without.rule);
        prop_assert_eq!(&verdict.advice, &without.advice);
    }

    #[test]
    fn forbid_wins(policy in policies(), sets in sets(), denial in denials()) {
        let explained = explain(&policy, &sets, &facts(&denial), monday());
        let forbids = explained.rules.iter().zip(&policy.rules).any(|(explained, rule)| {
            explained.matched == Some(true) && !rule.observe && rule.then == Action::Forbid
        });
        if forbids {
            prop_assert_eq!(explained.verdict.action, Action::Forbid);
        }
    }

    #[test]
    fn nothing_opens_for_an_address_that_may_not(policy in policies(), sets in sets(), denial in denials(), trusted: bool) {
        let facts = Facts { trusted_status_403: trusted, ..facts(&denial) };
        let verdict = decide(&policy, &sets, &facts, monday());
        let openable = denial.ip.is_some_and(|ip| GlobalIpv4::try_from(ip).is_ok());
        let proven = denial.kind == Kind::Denied || trusted;
        if !openable || !proven {
            prop_assert!(!matches!(verdict.action, Action::Allow | Action::Ask));
        }
    }

    #[test]
    fn allow_rests_on_a_set_that_was_loaded(policy in policies(), sets in sets(), denial in denials()) {
        let verdict = decide(&policy, &sets, &facts(&denial), monday());
        if verdict.action == Action::Allow {
            prop_assert!(!verdict.sets.is_empty());
            let rule = policy.rules.iter().find(|rule| Some(&rule.name) == verdict.rule.as_ref());
            prop_assert!(rule.unwrap().when.address.iter().all(|set| set.is_owned()));
        }
    }

    #[test]
    fn knowing_less_never_opens_more(policy in policies(), sets in sets(), denial in denials()) {
        // Whatever the missing sets may turn out to hold, an allow stays one.
        let facts = facts(&denial);
        let before = decide(&policy, &sets, &facts, monday());
        if before.action == Action::Allow {
            for network in ["20.0.0.0/28", "99.0.0.0/32"] {
                // All of them at once, then none of them, as far as these addresses go.
                let mut more = sets.clone();
                for external in policy.needs() {
                    if more.get(&external).is_none() {
                        more = more.with(external, [network.parse().unwrap()], monday());
                    }
                }
                prop_assert_eq!(decide(&policy, &more, &facts, monday()).action, Action::Allow);
            }
        }
    }

    #[test]
    fn explain_and_decide_agree(
        policy in policies(),
        sets in sets(),
        denial in denials(),
        days in prop::option::of(0_i64..14),
        closed: bool,
    ) {
        let person = days.map(|days| monday() - jiff::SignedDuration::from_hours(24 * days));
        let live = posture([("public_access", if closed { "disabled" } else { "enabled" })]).unwrap();
        let ours = std::collections::BTreeSet::new();
        let facts = Facts {
            before: Before { person, policy: None },
            posture: Some(Posture { live: &live, ours: &ours }),
            import: closed,
            ..facts(&denial)
        };
        let explained = explain(&policy, &sets, &facts, monday());
        prop_assert_eq!(&explained.verdict, &decide(&policy, &sets, &facts, monday()));
        let decided: Vec<_> = explained.rules.iter().filter(|rule| rule.decided).collect();
        prop_assert_eq!(decided.len(), usize::from(explained.verdict.rule.is_some()));
        prop_assert!(decided.iter().all(|rule| rule.matched == Some(true)));
    }

    #[test]
    fn a_replay_is_the_same_each_time(
        policy in policies(),
        sets in sets(),
        denials in prop::collection::vec((denials(), 0_i64..200), 0..30),
        turned in 0_usize..30,
    ) {
        // Times differ, so that the order of the input says nothing.
        let captured: Vec<Captured> = denials.iter().zip(0..).map(|((denial, minutes), number)| Captured {
            at: monday() + jiff::SignedDuration::from_mins(*minutes) + jiff::SignedDuration::from_secs(number),
            source: "alerts".into(),
            report: report(denial.clone()),
            proof: None,
            times: 1,
        }).collect();
        let given = Given {
            registry: None,
            max_ttl: Duration::from_hours(24),
            dedup_window: jiff::SignedDuration::from_mins(15),
            answers_within: jiff::SignedDuration::from_hours(1),
            trust_status_403: false,
            grants_per_hour: 20,
        };
        let (each, summary) = replay(&policy, &sets, &captured, &given);
        let mut other = captured.clone();
        other.rotate_left(turned.min(captured.len()));
        let (_, again) = replay(&policy, &sets, &other, &given);
        prop_assert_eq!(&summary, &again);
        prop_assert_eq!(each.len(), captured.len());
        let verdicts: usize = summary.verdicts.values().sum();
        prop_assert_eq!(verdicts + summary.repeats, summary.denials);
        let granted = summary.verdicts.get("allow").copied().unwrap_or_default();
        prop_assert!(summary.peaks.values().all(|peak| peak.entries <= granted));
        prop_assert!(compare((&policy, &sets), (&policy, &sets), &captured, &given).is_empty());
    }

    #[test]
    fn an_end_never_lies_beyond_the_limit(policy in policies(), sets in sets(), denial in denials(), minutes in 1_u64..6000) {
        let max_ttl = Duration::from_mins(minutes);
        let verdict = decide(&policy, &sets, &Facts { max_ttl, ..facts(&denial) }, monday());
        prop_assert!(verdict.ttl.is_none_or(|ttl| ttl <= max_ttl));
        let opens = matches!(verdict.action, Action::Allow | Action::Ask);
        prop_assert_eq!(verdict.ttl.is_some(), opens);
    }

    #[test]
    fn a_rule_in_observe_mode_changes_nothing(policy in policies(), sets in sets(), denial in denials()) {
        let mut without = policy.clone();
        without.rules.retain(|rule| !rule.observe);
        let with = decide(&policy, &sets, &facts(&denial), monday());
        let mut without = decide(&without, &sets, &facts(&denial), monday());
        without.observed.clone_from(&with.observed);
        prop_assert_eq!(with, without);
    }

    #[test]
    fn reading_never_panics(text in "\\PC{0,80}|(version: 1\n)?(rules|sets|default): ?[\\[{a-z:,}\\] \n-]{0,60}") {
        drop(read(&text));
    }
}
