//! What a broken policy is told.
#![expect(clippy::too_many_lines, reason = "most of them are what is said")]

mod odd;
mod rules;
mod sets;

use super::*;

fn broken(text: &str) -> String {
    match read(text) {
        Ok(policy) => panic!("this was accepted: {policy:?}"),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    insta::assert_snapshot!(broken("
version: 2
sets:
  office: { cidrs: [20.60.0.1/24] }
rules:
  - nmae: blocked
    when: { adress: office }
    then: frobid
  - name: build
    when: { address: ofice, registry: [] }
    then: ask
    for: 4 hours
default: allow
"), @r"
    error: this version of the language is not known
     --> policy.yaml:2:10
      |
    2 | version: 2
      |          ^
      = field: version
      = help: write `version: 1`

    error: `20.60.0.1/24` has bits set beyond its prefix length: write `20.60.0.0/24` for the network, or the address alone
     --> policy.yaml:4:21
      |
    4 |   office: { cidrs: [20.60.0.1/24] }
      |                     ^^^^^^^^^^^^
      = field: sets.office.cidrs[0]

    error: the field `name` is missing
     --> policy.yaml:6:5
      |
    6 |   - nmae: blocked
      |     ^
      = field: rules[0].name
      = help: every rule has a name, by which a verdict calls it

    error: there is no field `nmae`
     --> policy.yaml:6:5
      |
    6 |   - nmae: blocked
      |     ^^^^
      = field: rules[0].nmae
      = help: did you mean `name`?

    error: there is no field `adress`
     --> policy.yaml:7:13
      |
    7 |     when: { adress: office }
      |             ^^^^^^
      = field: rules[0].when.adress
      = help: did you mean `address`?

    error: `frobid` is not known here
     --> policy.yaml:8:11
      |
    8 |     then: frobid
      |           ^^^^^^
      = field: rules[0].then
      = help: did you mean `forbid`?

    error: there is no set `ofice`
      --> policy.yaml:10:22
       |
    10 |     when: { address: ofice, registry: [] }
       |                      ^^^^^
       = field: rules[1].when.address
       = help: did you mean `office`?

    error: this list is empty
      --> policy.yaml:10:39
       |
    10 |     when: { address: ofice, registry: [] }
       |                                       ^
       = field: rules[1].when.registry
       = help: write at least one value, or leave the field out

    error: `4 hours` is not a duration
      --> policy.yaml:12:10
       |
    12 |     for: 4 hours
       |          ^^^^^^^
       = field: rules[1].for
       = help: write whole numbers with d, h, m or s, as in `90s`, `30m`, `1h30m` or `24h`

    error: the default cannot allow: that would open for everybody
      --> policy.yaml:13:10
       |
    13 | default: allow
       |          ^^^^^
       = field: default
       = help: write `default: ask`, and a rule with evidence for what may open
    ");
}

#[test]
fn names_are_unique_over_all_files() {
    let files = [
        "version: 1\nsets: { a: { cidrs: 20.0.0.1 } }\nrules: [{ name: r, then: ask }]\ndefault: ask",
        "version: 1\nsets: { a: { cidrs: 20.0.0.2 } }\nrules: [{ name: r, then: ask }]\ndefault: ask",
    ];
    let files = [("a.yaml", files[0]), ("b.yaml", files[1])]
        .map(|(name, text)| (name.to_owned(), text.to_owned()));
    insta::assert_snapshot!(parse(&files).unwrap_err(), @r"
    error: there is another set `a` (a.yaml:2)
     --> b.yaml:2:9
      |
    2 | sets: { a: { cidrs: 20.0.0.2 } }
      |         ^
      = field: sets.a
      = help: give one of the two another name

    error: there is another rule `r` (a.yaml:3)
     --> b.yaml:3:17
      |
    3 | rules: [{ name: r, then: ask }]
      |                 ^
      = field: rules[0].name
      = help: give one of the two another name: verdicts call rules by theirs

    error: another file of this policy has a `default` already
     --> b.yaml:4:10
      |
    4 | default: ask
      |          ^^^
      = field: default
      = help: keep one of the two
    ");
}

#[test]
fn a_policy_without_files_asks() {
    let policy = parse(&[]).unwrap();
    assert_eq!(policy.default, crate::policy::verdict::Action::Ask);
}
