//! Tests of `retry_state`.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn pauses(count: u32, asked: Option<Duration>) -> Vec<i64> {
    let mut retry_state = RetryState::default();
    let mut pauses = Vec::new();
    for _ in 0..count {
        retry_state = retry_state.failed(at(0), asked);
        pauses.push(retry_state.not_before.unwrap().as_second());
    }
    pauses
}

#[test]
fn pauses_double_up_to_half_a_minute_and_heed_what_azure_asks_for() {
    assert_eq!(pauses(7, None), [1, 2, 4, 8, 16, 30, 30]);
    assert_eq!(pauses(4, Some(Duration::from_secs(7))), [7, 7, 7, 8]);
    assert_eq!(pauses(7, Some(Duration::from_mins(5))), [300; 7]);
}

#[test]
fn what_is_over_waits_half_a_minute_at_most() {
    let retry_state = RetryState::default().failed(at(0), Some(Duration::from_mins(5)));
    for (end, until) in [
        (None, 300),
        (Some(-60), 30),
        (Some(7), 30),
        (Some(90), 90),
        (Some(900), 300),
    ] {
        assert_eq!(
            retry_state.waiting(at(1), end.map(at)),
            Some(at(until)),
            "{end:?}"
        );
    }
    assert_eq!(retry_state.waiting(at(30), Some(at(7))), None);
    assert_eq!(retry_state.waiting(at(300), None), None);
    let backoff_for_reads = RetryState::default().until(at(0), at(160));
    assert_eq!(backoff_for_reads.waiting(at(0), Some(at(5))), Some(at(30)));
    let soon = RetryState::default().until(at(0), at(2));
    assert_eq!(soon.waiting(at(0), Some(at(0))), Some(at(2)));
}

#[test]
fn what_azure_asked_another_process_for_binds_adding_and_no_removal() {
    let retry_state = RetryState::default().throttled(at(0), at(240));
    for (end, until) in [
        (None, Some(240)),
        (Some(-5), None),
        (Some(90), Some(90)),
        (Some(900), Some(240)),
    ] {
        assert_eq!(
            retry_state.waiting(at(0), end.map(at)),
            until.map(at),
            "{end:?}"
        );
    }
    let own = RetryState::default().failed(at(0), Some(Duration::from_mins(5)));
    let both = own.throttled(at(1), at(240));
    assert_eq!(both.waiting(at(1), Some(at(0))), Some(at(30)));
    assert_eq!(both.waiting(at(1), None), Some(at(300)));
}

#[test]
fn after_five_failures_nothing_is_added_for_a_minute_and_then_one_attempt_is_made() {
    let mut retry_state = RetryState::default();
    for _ in 0..4 {
        retry_state = retry_state.failed(at(0), None);
    }
    assert_eq!(retry_state.circuit(at(0)), Circuit::Closed);
    retry_state = retry_state.failed(at(0), None);
    assert_eq!(retry_state.circuit(at(59)), Circuit::Open);
    assert_eq!(retry_state.circuit(at(60)), Circuit::HalfOpen);
    // Attempts to remove fail meanwhile: that puts nothing off.
    assert_eq!(
        retry_state.failed(at(30), None).circuit(at(60)),
        Circuit::HalfOpen
    );
    assert_eq!(
        retry_state.failed(at(60), None).circuit(at(61)),
        Circuit::Open
    );
    assert_eq!(retry_state.succeeded().circuit(at(60)), Circuit::Closed);
}

#[test]
fn two_writes_follow_at_once_and_the_third_takes_what_has_gathered() {
    let mut retry_state = RetryState::default();
    assert_eq!(retry_state.before_write(at(0)), None);
    retry_state = retry_state.wrote(at(0));
    assert_eq!(retry_state.before_write(at(0)), None);
    retry_state = retry_state.wrote(at(0)).succeeded();
    assert_eq!(
        retry_state.before_write(at(0)),
        Some(Duration::from_secs(2))
    );
    assert_eq!(retry_state.before_write(at(2)), None);
    assert_eq!(retry_state.wrote(at(10)).before_write(at(10)), None);
    let (usual, sparing) = (WRITE_EVERY, Duration::from_secs(16));
    assert_eq!(RetryState::default().before_adding(at(0), sparing), None);
    let retry_state = RetryState::default().wrote(at(0)).succeeded();
    assert_eq!(retry_state.before_adding(at(1), usual), None);
    assert_eq!(
        retry_state.before_adding(at(1), sparing),
        Some(Duration::from_secs(15))
    );
    assert_eq!(retry_state.before_adding(at(16), sparing), None);
}
