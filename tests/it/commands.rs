//! The program as a user calls it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn doorward(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read its input may have gone already.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn parse_prints_one_denial_a_line() {
    let input = "client with IP '203.0.113.7' is not allowed access";
    let output = doorward(&["parse"], input);
    assert!(output.status.success());
    insta::assert_snapshot!(text(&output.stdout), @r#"{"kind":"denied","service":"acr","ip":"203.0.113.7","registry":null,"repository":null,"reference":null,"resource":null}"#);
}

#[test]
fn a_configuration_that_cannot_be_used_is_told_with_its_place_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("doorward.yaml");
    std::fs::write(&file, "listen: 127.0.0.1:0\nregistrys: []\n").unwrap();
    let output = doorward(&["serve", "--config", file.to_str().unwrap()], "");
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("doorward.yaml:2:1") && told.contains("did you mean `registries`?"),
        "{told}"
    );
}

#[test]
fn a_configuration_that_is_not_there_says_how_to_name_it() {
    let output = doorward(&["serve", "--config", "nowhere.yaml"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--config"));
}

#[test]
fn the_demonstration_tells_its_whole_story() {
    let (listen, admin) = (
        format!("127.0.0.1:{}", free_port()),
        format!("127.0.0.1:{}", free_port()),
    );
    let output = doorward(
        &["demo", "--exit", "--listen", &listen, "--admin", &admin],
        "",
    );
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", text(&output.stderr));
    assert!(told.contains("steps happened"), "{told}");
}
