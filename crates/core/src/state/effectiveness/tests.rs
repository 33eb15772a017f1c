//! Tests of `effectiveness`.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn refused(second: i64) -> Refused {
    Refused {
        at: at(second),
        evidence: Evidence::Message,
    }
}

#[test]
fn a_refusal_counts_after_the_grace_and_once() {
    let mut course = GrantTimeline {
        opened_at: Some(at(100)),
        ..GrantTimeline::default()
    };
    let grace = SignedDuration::from_secs(120);
    assert!(!course.is_still_denied(grace));
    course.refuse(refused(220));
    assert!(!course.is_still_denied(grace));
    course.refuse(refused(221));
    // What arrives late and happened before changes nothing.
    course.refuse(refused(90));
    assert!(course.is_still_denied(grace));
    let verdict = course.verdict(GrantId(uuid::Uuid::nil()), Effectiveness::StillDenied, None);
    course.judge(at(230), &verdict);
    assert!(!course.is_still_denied(grace));
}

#[test]
fn a_refusal_after_a_use_counts_and_one_before_it_does_not() {
    let grace = SignedDuration::from_secs(120);
    let mut course = GrantTimeline {
        opened_at: Some(at(100)),
        ..GrantTimeline::default()
    };
    let id = GrantId(uuid::Uuid::nil());
    // The log tells of the use late: what counts is when it was.
    let verdict = course.verdict(id, Effectiveness::Effective, Some(at(300)));
    course.judge(at(900), &verdict);
    assert!(!course.shows_effect(at(310)));
    course.refuse(refused(290));
    assert!(!course.is_still_denied(grace));
    course.refuse(refused(400));
    assert!(course.is_still_denied(grace));
    let verdict = course.verdict(id, Effectiveness::StillDenied, None);
    course.judge(at(410), &verdict);
    course.refuse(refused(500));
    assert!(!course.is_still_denied(grace));
    // No second word on its use either.
    assert!(!course.shows_effect(at(600)));
}

#[test]
fn a_use_before_the_entry_stood_is_no_effect() {
    let course = GrantTimeline {
        denied_at: Some(at(90)),
        opened_at: Some(at(100)),
        ..GrantTimeline::default()
    };
    assert!(!course.shows_effect(at(99)));
    assert!(course.shows_effect(at(130)));
    let helped = course.verdict(
        GrantId(uuid::Uuid::nil()),
        Effectiveness::Effective,
        Some(at(130)),
    );
    assert_eq!(
        (helped.denial_to_entry, helped.entry_to_effect),
        (Some(10), Some(30))
    );
}
