//! What a request comes to, by what happened.

use super::*;
use crate::ledger::id::{DenialId, GrantId, RequestId};
use crate::ledger::request::Request;
use std::net::Ipv4Addr;
use uuid::Uuid;

const GRANT: GrantId = GrantId(Uuid::from_u128(7));

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Asked, with an hour to respond in.
fn asked(answer: Option<Answer>) -> Asked {
    let request = Request {
        presumed: Option::default(),
        id: RequestId(Uuid::from_u128(1)),
        registry: "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/prod"
            .parse()
            .unwrap(),
        address: Ipv4Addr::new(20, 1, 2, 3).try_into().unwrap(),
        ttl_seconds: 600,
        until: at(3600),
        denial: DenialId(Uuid::from_u128(2)),
        repository: None,
        reference: None,
        source: "alerts".to_owned(),
        rule: None,
        because: None,
        approvals: None,
        asker: None,
        channel: None,
        renew: None,
        evictable: false,
        widen: None,
        attribution: None,
    };
    let mut asked = Asked::new(request, None);
    asked.answer = answer.map(|answer| (at(10), answer));
    asked.by = answer.map(|_| Actor::LINK);
    asked
}

/// Approved at 10 s for ten minutes; then this happened, second by second from 20 s on.
fn approved(happened: &[LedgerEvent]) -> Asked {
    let mut trail = Trail::new(at(610));
    for (second, what) in (20..).zip(happened) {
        trail.follow(at(second), what);
    }
    let mut asked = asked(Some(Answer::Allow));
    asked.trail = Some(trail);
    asked
}

fn opened() -> LedgerEvent {
    let (grant, within) = (GRANT, None);
    LedgerEvent::Opened { grant, within }
}

fn not_opened(code: &str) -> LedgerEvent {
    LedgerEvent::NotOpened {
        grant: GRANT,
        code: code.to_owned(),
        reason: format!("the reason of {code}"),
    }
}

fn over(ending: Ending) -> LedgerEvent {
    LedgerEvent::Ended {
        grant: GRANT,
        ending,
    }
}

fn covered() -> LedgerEvent {
    LedgerEvent::CoveredByExisting {
        grant: GRANT,
        entry: "20.1.2.0/24".to_owned(),
    }
}

fn by() -> Actor {
    Actor::Person("ada".to_owned())
}

fn revoked() -> LedgerEvent {
    LedgerEvent::Revoked {
        grant: GRANT,
        by: by(),
        because: None,
    }
}

#[test]
fn outcome_of_a_request_without_a_yes() {
    assert_eq!(outcome(&asked(None), None, at(3599)), Outcome::Open);
    assert_eq!(outcome(&asked(None), None, at(3600)), Outcome::Expired);
    let denied = outcome(&asked(Some(Answer::Deny)), None, at(3599));
    let by = Actor::LINK;
    assert_eq!(denied, Outcome::Denied { at: at(10), by });
    let yes = asked(Some(Answer::Allow));
    assert_eq!(outcome(&yes, None, at(20)), Outcome::Unknown);
}

/// What is said at a second, after this happened.
fn says(happened: &[LedgerEvent], second: i64, expected: &Outcome) {
    let said = outcome(&approved(happened), None, at(second));
    assert_eq!(&said, expected, "{happened:?} at {second}");
}

fn ended(second: i64, ending: Ending, revoked_by: Option<Actor>) -> Outcome {
    Outcome::Ended {
        at: at(second),
        ending,
        revoked_by,
    }
}

#[test]
fn outcome_follows_a_grant_while_it_lasts() {
    let adding = Outcome::Adding { held_by: None };
    let active = |until| Outcome::Active { until: at(until) };
    let removing = |since| Outcome::Removing { since: at(since) };
    let restoring = || LedgerEvent::Restoring { grant: GRANT };
    let extended = || LedgerEvent::Extended {
        grant: GRANT,
        until: at(900),
        by: by(),
        because: None,
    };
    let entry = "20.1.2.0/24".to_owned();
    says(&[], 30, &adding);
    says(&[], 610, &removing(610));
    says(&[opened()], 609, &active(610));
    says(&[opened()], 610, &removing(610));
    says(&[opened(), restoring()], 30, &adding);
    says(&[opened(), restoring(), opened()], 30, &active(610));
    says(&[opened(), extended()], 700, &active(900));
    says(&[opened(), revoked()], 30, &removing(21));
    says(&[covered()], 30, &Outcome::Covered { entry });
}

#[test]
fn outcome_of_a_grant_that_is_over_says_how() {
    let kept = LedgerEvent::Kept {
        grant: GRANT,
        by: by(),
        because: None,
    };
    let revoked = [opened(), revoked(), over(Ending::Expired)];
    says(&revoked, 30, &ended(22, Ending::Expired, Some(by())));
    for ending in [Ending::Expired, Ending::RemovedByOthers, Ending::Evicted] {
        says(&[opened(), over(ending)], 700, &ended(21, ending, None));
    }
    let never = Ending::NeverOpened;
    says(&[over(never)], 700, &ended(20, never, None));
    says(&[covered()], 610, &ended(610, Ending::LeftToOthers, None));
    let (at, by) = (at(21), by());
    says(&[opened(), kept], 700, &Outcome::Kept { at, by });
    for code in [OBSERVE, "list_full", "azure_refused"] {
        let reason = format!("the reason of {code}");
        let failed = Outcome::NotOpened {
            code: code.to_owned(),
            reason,
        };
        says(&[not_opened(code)], 700, &failed);
    }
}

#[test]
fn outcome_says_what_holds_up_a_rule_and_only_while_it_is_added() {
    let held = || Some("`ada` paused all opening".to_owned());
    let waiting = outcome(&approved(&[]), held(), at(30));
    assert_eq!(waiting, Outcome::Adding { held_by: held() });
    let text = waiting.text("prod", "20.1.2.3");
    assert!(text.ends_with("`ada` paused all opening."), "{text}");
    let active = outcome(&approved(&[opened()]), held(), at(30));
    assert_eq!(active, Outcome::Active { until: at(610) });
}

#[test]
fn outcome_says_open_only_while_the_address_is_let_in() {
    let is_open =
        |happened: &[LedgerEvent], second| outcome(&approved(happened), None, at(second)).is_open();
    assert!(is_open(&[opened()], 30) && is_open(&[covered()], 30));
    assert!(!is_open(&[], 30) && !is_open(&[opened()], 610));
    assert!(!is_open(&[not_opened("list_full")], 30));
}
