//! What holds back what a policy says: each limit by itself, and which comes first.

use super::{denial, facts, monday, policy};
use crate::ledger::id::DenialId;
use crate::policy::verdict::{Action, NoteCode};
use crate::policy::{Decision, Limits, Policy, RegistryUse, RuleUse, Situation, judge};
use crate::sets::Sets;
use uuid::Uuid;

const OURS: &str = "20.1.2.3";

fn allows() -> Policy {
    policy(
        "{ version: 1, rules: [{ name: ours, when: { address: { cidrs: 20.1.2.0/24 } }, then: allow, for: 1h, max_active: 2, per_hour: 5 }] }",
    )
}

fn asks() -> Policy {
    policy("{ version: 1, rules: [{ name: asked, then: ask, for: 1h }] }")
}

/// Nothing is used up.
fn free() -> Limits {
    Limits {
        owned: true,
        registry: Some(RegistryUse {
            name: "contosoprod".to_owned(),
            budget: 8,
            may_ask: true,
            ..RegistryUse::default()
        }),
        ..Limits::default()
    }
}

/// Decides with `change` made to a situation in which nothing is used up.
fn judged(
    policy: &Policy,
    limits: &Limits,
    change: impl FnOnce(&mut Situation<'_>),
    used: RuleUse,
) -> Decision {
    let (denial, sets) = (denial(OURS), Sets::default());
    let facts = facts(&denial);
    let rule_use = |_: &str| used;
    let mut situation = Situation {
        policy,
        sets: &sets,
        facts: &facts,
        limits,
        rule_use: &rule_use,
        no_registry: None,
        unreadable: None,
        awaits_read: false,
        open_request: None,
        now: monday(),
    };
    change(&mut situation);
    judge(&situation)
}

/// What is done, and the first note.
fn said(decision: &Decision) -> (Action, Option<NoteCode>) {
    match decision {
        Decision::Verdict { verdict, .. } => {
            (verdict.action, verdict.notes.first().map(|it| it.code))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn verdict_is_the_policys_where_nothing_is_used_up() {
    let decision = judged(&allows(), &free(), |_| {}, RuleUse::default());
    assert_eq!(said(&decision), (Action::Allow, None));
}

#[test]
fn each_limit_holds_back_what_would_open() {
    type Change = fn(&mut Limits);
    let registry = |change: fn(&mut RegistryUse)| {
        let mut limits = free();
        limits.registry.as_mut().map(change).unwrap();
        limits
    };
    let limits = |change: Change| {
        let mut limits = free();
        change(&mut limits);
        limits
    };
    let cases = [
        (limits(|it| it.too_old = Some(monday())), NoteCode::TooOld),
        (
            limits(|it| (it.flood, it.owned) = (true, false)),
            NoteCode::Flood,
        ),
        (
            registry(|it| it.paused = Some("paused".to_owned())),
            NoteCode::Paused,
        ),
        (registry(|it| it.granted = 8), NoteCode::BudgetSpent),
    ];
    for (limits, code) in cases {
        let decision = judged(&allows(), &limits, |_| {}, RuleUse::default());
        assert_eq!(said(&decision), (Action::Alert, Some(code)));
    }
    // A flood of others stops nobody who is owned, and a write that Azure delays is still granted.
    let flood = limits(|it| it.flood = true);
    let decision = judged(&allows(), &flood, |_| {}, RuleUse::default());
    assert_eq!(said(&decision), (Action::Allow, None));
    let throttled = registry(|it| it.throttled = Some("until 09:10".to_owned()));
    let decision = judged(&allows(), &throttled, |_| {}, RuleUse::default());
    assert_eq!(said(&decision), (Action::Allow, Some(NoteCode::Throttled)));
}

#[test]
fn quarter_of_the_budget_is_kept_for_owned_addresses() {
    let mut limits = free();
    limits.registry.as_mut().unwrap().granted = 6;
    let decision = judged(&allows(), &limits, |_| {}, RuleUse::default());
    assert_eq!(said(&decision).0, Action::Allow);
    limits.owned = false;
    let decision = judged(&allows(), &limits, |_| {}, RuleUse::default());
    assert_eq!(
        said(&decision),
        (Action::Alert, Some(NoteCode::BudgetSpent))
    );
}

#[test]
fn rule_that_is_used_up_asks_a_person() {
    for (active, within_the_hour) in [(2, 0), (0, 5)] {
        let used = RuleUse {
            active,
            within_the_hour,
        };
        let decision = judged(&allows(), &free(), |_| {}, used);
        assert_eq!(said(&decision), (Action::Ask, Some(NoteCode::RuleLimit)));
    }
    let used = RuleUse {
        active: 1,
        within_the_hour: 4,
    };
    let decision = judged(&allows(), &free(), |_| {}, used);
    assert_eq!(said(&decision).0, Action::Allow);
}

#[test]
fn second_denial_repeats_the_one_that_a_person_is_asked_about() {
    let first = DenialId(Uuid::from_u128(1));
    let ask = |limits: &Limits| {
        let open = |it: &mut Situation<'_>| it.open_request = Some(first);
        judged(&asks(), limits, open, RuleUse::default())
    };
    assert!(matches!(ask(&free()), Decision::Repeat { of, .. } if of == first));
    // What opens by itself now is not a repeat of the question.
    let open = |it: &mut Situation<'_>| it.open_request = Some(first);
    let decision = judged(&allows(), &free(), open, RuleUse::default());
    assert_eq!(said(&decision).0, Action::Allow);
    let mut full = free();
    full.registry.as_mut().unwrap().may_ask = false;
    let decision = judged(&asks(), &full, |_| {}, RuleUse::default());
    assert_eq!(
        said(&decision),
        (Action::Alert, Some(NoteCode::TooManyRequests))
    );
}

#[test]
fn nothing_opens_on_a_registry_that_was_not_read() {
    let waits = |it: &mut Situation<'_>| it.awaits_read = true;
    let decision = judged(&allows(), &free(), waits, RuleUse::default());
    assert_eq!(decision, Decision::Wait);
    // A question needs no read.
    let decision = judged(&asks(), &free(), waits, RuleUse::default());
    assert_eq!(said(&decision).0, Action::Ask);
    let fails = |it: &mut Situation<'_>| it.unreadable = Some("`contosoprod` cannot be read");
    let decision = judged(&allows(), &free(), fails, RuleUse::default());
    assert_eq!(
        said(&decision),
        (Action::Alert, Some(NoteCode::AzureUnreadable))
    );
}
