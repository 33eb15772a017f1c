//! The program as a user calls it.

use crate::program::{err, fed, folder, out};

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
    let output = fed(&["parse"], input);
    assert!(output.status.success());
    insta::assert_snapshot!(out(&output), @r#"{"kind":"denied","service":"acr","ip":"203.0.113.7","registry":null,"repository":null,"reference":null,"resource":null}"#);
}

#[test]
fn a_configuration_that_cannot_be_used_is_told_with_its_place_and_exit_code_2() {
    let folder = folder(&[("doorward.yaml", "listen: 127.0.0.1:0\nregistrys: []\n")]);
    let file = folder.path().join("doorward.yaml");
    let output = fed(&["serve", "--config", file.to_str().unwrap()], "");
    let told = err(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("doorward.yaml:2:1") && told.contains("did you mean `registries`?"),
        "{told}"
    );
}

#[test]
fn a_configuration_that_is_not_there_says_how_to_name_it() {
    let output = fed(&["serve", "--config", "nowhere.yaml"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("--config"));
}

#[test]
fn the_demonstration_tells_its_whole_story() {
    let (listen, admin) = (
        format!("127.0.0.1:{}", free_port()),
        format!("127.0.0.1:{}", free_port()),
    );
    let output = fed(
        &["demo", "--exit", "--listen", &listen, "--admin", &admin],
        "",
    );
    let told = out(&output);
    assert!(output.status.success(), "{told}\n{}", err(&output));
    assert!(told.contains("steps happened"), "{told}");
    // Every pull that worked is seen, as the registry's log tells of it.
    assert!(told.contains("pulled after its entry stood"), "{told}");
    assert!(!told.contains("not seen again"), "{told}");
}
