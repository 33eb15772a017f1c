//! Tests of `lane`.

use super::*;

fn refused(retry_after: Option<u64>) -> Refusal {
    Refusal {
        why: "it answered 429".to_owned(),
        said: None,
        retry_after: retry_after.map(Duration::from_secs),
    }
}

#[test]
fn a_lane_rests_longer_after_each_failure_and_what_the_channel_asks_for_holds_for_both() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let [urgent, ordinary] = Lane::of("chat");
    let mut lanes = Lanes::default();
    assert_eq!(lanes.failed(&ordinary, at(0), refused(None)), (1, at(2)));
    assert_eq!(lanes.failed(&ordinary, at(2), refused(None)), (2, at(6)));
    assert_eq!(lanes.rests_until(&urgent, at(3)), None);
    assert!(lanes.broken().is_empty());
    assert_eq!(
        lanes.failed(&ordinary, at(6), refused(Some(90))),
        (3, at(96))
    );
    assert_eq!(lanes.rests_until(&urgent, at(7)), Some(at(96)));
    assert_eq!(lanes.broken(), [("chat", at(0), "it answered 429")]);
    assert_eq!(lanes.rests_until(&urgent, at(96)), None);
    lanes.succeeded(&ordinary);
    assert_eq!(lanes.rests_until(&ordinary, at(7)), None);
    assert!(lanes.broken().is_empty());
    assert_eq!(pause(99), LONGEST_PAUSE);
}
