//! The digest of what was shown.

use super::approvers;
use crate::approvals::shown::Outlook;
use crate::approvals::{Approvers, Part, Seen, Shown, Terms};
use crate::firewall::Effect;
use crate::ledger::id::{DenialId, RequestId};
use crate::ledger::request::Request;
use crate::net::address::GlobalIpv4;
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

fn request() -> Request {
    Request {
        id: RequestId(Uuid::from_u128(1)),
        registry: "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/contosoprod"
            .parse()
            .unwrap(),
        address: GlobalIpv4::try_from(std::net::Ipv4Addr::new(20, 1, 2, 3)).unwrap(),
        ttl_seconds: 3600,
        until: Timestamp::UNIX_EPOCH,
        denial: DenialId(Uuid::from_u128(2)),
        presumed: None,
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
    }
}

fn seen(request: &Request, lasts_seconds: u64, policy: &str) -> Seen {
    let shown = Shown {
        request,
        terms: &Terms::default(),
        approvers: &Approvers::default(),
        lasts_seconds,
        policy,
        outlook: &Outlook::Opens,
        effect: &Effect::default(),
    };
    shown.digest()
}

#[test]
fn each_part_changes_the_digest_and_is_named() {
    let request = request();
    let before = seen(&request, 3600, "sha256:a");
    assert!(before.is_same(&seen(&request, 3600, "sha256:a")));
    let other_image = Request {
        repository: Some("api".to_owned()),
        ..request.clone()
    };
    let listed = approvers();
    let adds = Effect {
        add: vec!["20.1.2.3/32".parse().unwrap()],
        remove: Vec::new(),
    };
    let not = Outlook::Not("full".to_owned());
    let strict = Terms {
        reason: true,
        ..Terms::default()
    };
    for (now, part) in [
        (seen(&other_image, 3600, "sha256:a"), Part::Request),
        (seen(&request, 60, "sha256:a"), Part::Terms),
        (
            shown_with_terms(&request, &strict, &Approvers::default()),
            Part::Terms,
        ),
        (
            shown_with_terms(&request, &Terms::default(), &listed),
            Part::Terms,
        ),
        (seen(&request, 3600, "sha256:b"), Part::Policy),
        (with(&request, &not, &Effect::default()), Part::Registry),
        (with(&request, &Outlook::Opens, &adds), Part::Plan),
    ] {
        assert!(!before.is_same(&now));
        assert_eq!(before.differs_in(&now), [part]);
    }
    let short: Seen = before.digest().to_string().parse().unwrap();
    let other = seen(&request, 60, "sha256:b");
    assert_eq!(short.differs_in(&other), Part::ALL, "it cannot be told");
}

fn shown_with_terms(request: &Request, terms: &Terms, approvers: &Approvers) -> Seen {
    let shown = Shown {
        request,
        terms,
        approvers,
        lasts_seconds: 3600,
        policy: "sha256:a",
        outlook: &Outlook::Opens,
        effect: &Effect::default(),
    };
    shown.digest()
}

fn with(request: &Request, outlook: &Outlook, effect: &Effect) -> Seen {
    let shown = Shown {
        request,
        terms: &Terms::default(),
        approvers: &Approvers::default(),
        lasts_seconds: 3600,
        policy: "sha256:a",
        outlook,
        effect,
    };
    shown.digest()
}

proptest! {
    #[test]
    fn digest_as_text_reads_back(seconds in any::<u64>()) {
        let seen = seen(&request(), seconds, "sha256:a");
        prop_assert_eq!(seen.to_string().parse::<Seen>(), Ok(seen));
        let short: Seen = seen.digest().to_string().parse().unwrap();
        prop_assert!(short.is_same(&seen));
    }

    #[test]
    fn no_text_panics_as_a_digest(text in ".{0,100}|[0-9a-f.]{64,110}") {
        text.parse::<Seen>().ok();
    }
}
