//! Tests of `problem`.

use super::*;

#[test]
fn a_problem_shows_its_line_and_blanks_secrets() {
    let text = "a: 1\nkeys: [hunter2], wrogn: 1\n";
    let mut sink = Sink::guarded("doorward.yaml", text);
    let place = Place {
        line: 2,
        column: 18,
        width: 5,
        bytes: 22..27,
    };
    sink.hide(12..19);
    sink.error(
        &place,
        "sources[0].wrogn",
        "there is no field `wrogn`".into(),
        "did you mean `wrong`?",
    );
    insta::assert_snapshot!(sink.finish(), @r"
        error: there is no field `wrogn`
         --> doorward.yaml:2:18
          |
        2 | keys: [*******], wrogn: 1
          |                  ^^^^^
          = field: sources[0].wrogn
          = help: did you mean `wrong`?
        ");
}

#[test]
fn long_lines_are_cropped_around_the_caret() {
    let line = "x".repeat(500);
    let (text, at) = crop(&line, 400);
    assert_eq!((text.chars().count(), at), (SHOWN + 2, 61));
    assert_eq!(crop("short", 2), ("short".to_owned(), 2));
}

#[test]
fn suggestions_are_near_or_none() {
    let known = ["registry", "registries", "name"];
    assert_eq!(
        did_you_mean("registrys", known).unwrap(),
        "did you mean `registry`?"
    );
    assert_eq!(did_you_mean("colour", known), None);
}
