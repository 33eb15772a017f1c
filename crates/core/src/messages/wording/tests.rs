//! Tests of `wording`.

use super::*;

#[test]
fn sentences_have_one_end_each_and_no_runs_of_blanks() {
    let said = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        sentences(&texts)
    };
    assert_eq!(said(&["Ours.", "It is full"]), "Ours. It is full");
    assert_eq!(said(&["Open it?", "To know: b."]), "Open it? To know: b");
    assert_eq!(said(&["a ..", "b"]), "a .. b");
    assert_eq!(said(&["", "b"]), "b");
    assert_eq!(in_one_line(" one\n  two   three\t"), "one two three");
    let flood = flood(None, 200);
    assert_eq!(in_one_line(&flood), flood);
}

#[test]
fn a_duration_is_said_in_its_largest_units() {
    for (seconds, said) in [
        (-5, "0 seconds"),
        (0, "0 seconds"),
        (1, "1 second"),
        (60, "1 minute"),
        (3_605, "1 hour"),
        (9_000, "2 hours 30 minutes"),
        (90_061, "1 day 1 hour"),
    ] {
        assert_eq!(duration(SignedDuration::from_secs(seconds)), said);
    }
}
