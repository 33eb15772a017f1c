//! Tests of `supervise`.

use super::*;

#[test]
fn a_loop_that_panics_is_started_again_with_longer_pauses_and_given_up_after_five() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let mut pulse = Pulse::default();
    let pauses: Vec<_> = (0..6)
        .map(|second| pulse.falls(at(second)).map(|pause| pause.as_secs()))
        .collect();
    assert_eq!(pauses, [Some(1), Some(2), Some(4), Some(8), Some(16), None]);
    // What is long ago does not count.
    assert_eq!(pulse.falls(at(700)), Some(FIRST_PAUSE));
}
