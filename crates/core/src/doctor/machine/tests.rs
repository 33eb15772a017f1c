//! Tests of `machine`.

use super::super::Outcome;
use super::*;

#[test]
fn clock_far_off_is_wrong_whichever_way() {
    for (seconds, outcome) in [
        (0, Outcome::Ok),
        (-200, Outcome::Ok),
        (301, Outcome::Wrong),
        (-301, Outcome::Wrong),
    ] {
        let finding = clock(Ok(SignedDuration::from_secs(seconds)));
        assert_eq!(finding.outcome, outcome, "{seconds}");
    }
    assert_eq!(
        clock(Err(Unknown::Failed(String::new()))).outcome,
        Outcome::CouldNotCheck
    );
}

#[test]
fn full_disk_and_newer_ledger_are_wrong() {
    let sound = Store {
        place: "sqlite:///x".to_owned(),
        unwritable: None,
        free: Some(1 << 30),
        open_to_others: false,
        ledger: Ledger::Readable {
            entries: 3,
            pending: 1,
            newer: 0,
        },
    };
    let wrong = |it: &Store| {
        store(it)
            .iter()
            .filter(|it| it.outcome == Outcome::Wrong)
            .count()
    };
    assert_eq!(wrong(&sound), 0);
    let full = Store {
        free: Some(1 << 20),
        ..sound.clone()
    };
    let newer = Ledger::Readable {
        entries: 3,
        pending: 0,
        newer: 1,
    };
    assert_eq!(wrong(&full), 1);
    assert_eq!(
        wrong(&Store {
            ledger: newer,
            open_to_others: true,
            ..full
        }),
        2
    );
}
