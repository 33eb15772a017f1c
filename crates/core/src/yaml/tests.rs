//! Tests of `yaml`.

use super::*;

fn tree(node: &Node) -> String {
    let Place {
        line,
        column,
        width,
        ..
    } = node.place;
    let at = format!("{line}:{column}+{width}");
    match &node.value {
        Value::Null => format!("null@{at}"),
        Value::Scalar(text) => format!("{text:?}@{at}"),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(tree).collect();
            format!("[{}]@{at}", items.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", tree(key), tree(value)))
                .collect();
            format!("{{{}}}@{at}", entries.join(", "))
        }
    }
}

fn read(text: &str) -> String {
    let mut sink = Sink::new("x.yaml", text);
    match load(text, &mut sink) {
        Some(node) => tree(&node),
        None => sink.finish().to_string(),
    }
}

#[test]
fn scalars_are_kept_as_written() {
    insta::assert_snapshot!(read("a: 1.10\nb: no\nc: 0x1F\nd: \"07:00\"\né: 22:30\n3: ~\n"), @r#"{"a"@1:1+1: "1.10"@1:4+4, "b"@2:1+1: "no"@2:4+2, "c"@3:1+1: "0x1F"@3:4+4, "d"@4:1+1: "07:00"@4:4+7, "é"@5:1+1: "22:30"@5:4+5, "3"@6:1+1: null@6:4+1}@1:1+0"#);
}

#[test]
fn nesting_aliases_and_merges_keep_their_places() {
    insta::assert_snapshot!(read("a: &x [1, {b: two}]\nc: *x\nd: &m\n  e: 5\nf:\n  <<: *m\n  g: h\n"), @r#"{"a"@1:1+1: ["1"@1:8+1, {"b"@1:12+1: "two"@1:15+3}@1:11+1]@1:7+1, "c"@2:1+1: ["1"@2:4+2, {"b"@2:4+2: "two"@2:4+2}@2:4+2]@2:4+2, "d"@3:1+1: {"e"@4:3+1: "5"@4:6+1}@4:3+0, "f"@5:1+1: {"g"@7:3+1: "h"@7:6+1, "e"@6:7+2: "5"@6:7+2}@6:3+0}@1:1+0"#);
}

#[test]
fn what_is_no_yaml_is_reported_where_it_is() {
    insta::assert_snapshot!(read("a: [1, 2\nb: 3\n"), @r"
        error: this is not valid YAML: illegal placement of ':' indicator
         --> x.yaml:2:2
          |
        2 | b: 3
          |  ^
        ");
    insta::assert_snapshot!(read("a: 1\nb: 2\na: 3\n"), @r"
        error: the field `a` is there a second time
         --> x.yaml:3:1
          |
        3 | a: 3
          | ^
        ");
    insta::assert_snapshot!(read("a: 1\n\tb: 2\n"), @r"
        error: this is not valid YAML: while scanning a plain scalar, found a tab
         --> x.yaml:1:4
          |
        1 | a: 1
          |    ^
        ");
    insta::assert_snapshot!(read("a: 1\n---\nb: 2\n"), @r"
        error: a second document begins here: only one is read from a file
         --> x.yaml:3:1
          |
        3 | b: 2
          | ^
        ");
    insta::assert_snapshot!(read("a: !weird 1\n"), @r"
        error: this is not valid YAML: unsupported tag `!weird`
         --> x.yaml:1:11
          |
        1 | a: !weird 1
          |           ^
        ");
    assert!(read(&"[".repeat(10_000)).contains("not valid YAML"));
    insta::assert_snapshot!(read(""), @r"{}@1:1+0");
}
