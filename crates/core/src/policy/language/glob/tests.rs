//! Tests of `glob`.

use super::*;
use proptest::prelude::*;

fn path(pattern: &str, name: &str) -> bool {
    Glob::parse(pattern, Style::Path).unwrap().matches(name)
}

#[test]
fn paths() {
    for (pattern, name, expected) in [
        ("prod/api", "prod/api", true),
        ("prod/api", "prod/apis", false),
        ("prod/*", "prod/api", true),
        ("prod/*", "prod/", true),
        ("prod/*", "prod/team/api", false),
        ("prod/**", "prod/team/api", true),
        ("prod/**", "prod", false),
        ("prod/**", "production/api", false),
        ("**/api", "api", true),
        ("**/api", "prod/team/api", true),
        ("**/api", "prod/my-api", false),
        ("prod/**/api", "prod/api", true),
        ("prod/**/api", "prod/x/y/api", true),
        ("prod/**/api", "prod/x-api", false),
        ("a**b", "a/x/b", true),
        ("v?", "v1", true),
        ("v?", "v", false),
        ("a?b", "a/b", false),
        ("*", "", true),
        ("*", "a", true),
        ("*", "a/b", false),
        ("**", "a/b", true),
        ("Prod/*", "prod/api", false),
        ("*-api", "my-other-api", true),
        ("é?", "éß", true),
    ] {
        assert_eq!(path(pattern, name), expected, "{pattern} on {name}");
    }
}

#[test]
fn hosts_ignore_case_and_texts_have_no_segments() {
    let host = Glob::parse("Contoso*.azurecr.io", Style::Host).unwrap();
    assert!(host.matches("contosoprod.AZURECR.io"));
    assert!(!host.matches("contosoprod.azurecr.io.example"));
    let text = Glob::parse("docker/*", Style::Text).unwrap();
    assert!(text.matches("docker/27.1 go/go1.22"));
    assert!(!text.matches("Docker/27.1"));
}

#[test]
fn what_other_languages_would_expand_is_refused() {
    for pattern in ["prod/{a,b}", "v[0-9]", "a\\*", "!prod", "a***b"] {
        assert!(Glob::parse(pattern, Style::Path).is_err(), "{pattern}");
    }
    let long = "a".repeat(MOST + 1);
    assert_eq!(Glob::parse(&long, Style::Path), Err(GlobError::Long));
}

#[test]
fn many_stars_cost_no_more_than_their_number() {
    let glob = Glob::parse(&"*a".repeat(120), Style::Path).unwrap();
    assert!(!glob.matches(&"a".repeat(119)));
    assert!(!glob.matches(&format!("{}b", "a".repeat(20_000))));
}

/// The same by trying everything, for short texts.
fn slow(pattern: &[char], name: &[char], start: bool) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', '*', '/', rest @ ..] if start => {
            slow(rest, name, true)
                || (0..name.len())
                    .any(|at| name[at] == '/' && slow(rest, &name[at.saturating_add(1)..], true))
        }
        ['*', '*', rest @ ..] => (0..=name.len()).any(|at| slow(rest, &name[at..], false)),
        ['*', rest @ ..] => (0..=name.len())
            .take_while(|at| !name[..*at].contains(&'/'))
            .any(|at| slow(rest, &name[at..], false)),
        ['?', rest @ ..] => {
            name.first().is_some_and(|c| *c != '/') && slow(rest, &name[1..], false)
        }
        [letter, rest @ ..] => {
            name.first() == Some(letter) && slow(rest, &name[1..], *letter == '/')
        }
    }
}

proptest! {
    #[test]
    fn trying_everything_agrees(pattern in "([ab/?]|\\*\\*/|\\*\\*|\\*){0,6}", name in "[ab/]{0,8}") {
        prop_assume!(!pattern.contains("***"));
        let letters = |text: &str| text.chars().collect::<Vec<char>>();
        let expected = slow(&letters(&pattern), &letters(&name), true);
        prop_assert_eq!(path(&pattern, &name), expected);
    }
}
