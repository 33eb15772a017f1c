//! Secrets are named, read, and never shown.

use super::{broken, least};
use doorward::config::parse;
use std::fs;

#[test]
fn a_secret_in_the_wrong_place_is_never_shown() {
    for text in [
        least("channels: [{ name: ops, kind: webhook, url: hunter2 }]"),
        least("channels: [{ name: ops, kind: webhook, url: { env: 'hunter2!' } }]"),
        least("channels: [{ name: ops, kind: webhook, url: { value: hunter2 }, colour: red }]"),
        least("channels: [{ name: ops, kind: webhook, uri: hunter2 }]"),
        least("password: hunter2"),
        least("password: [{ a: hunter2 }]"),
        least("public_url: https://me:hunter2@doorward.contoso.com"),
        least("state: postgres://me:hunter2@db/doorward"),
        least("state: postgres://db/doorward?password=hunter2"),
        least("state: postgres://db/doorward?sslmode=require&passwort=hunter2"),
        least("state: mysql://db/doorward?password=hunter2"),
        least("azure: { resource_manager: 'https://management.azure.com/?sig=hunter2' }"),
        least("azure: { authority: 'https://login.microsoftonline.com/#hunter2' }"),
        least("azure: { credential: { kind: client_secret, secret: hunter2 } }"),
        least("azure: { credential: { kind: client_secret, secret: [hunter2] } }"),
        least("azure: { credential: { kind: static_token, token: hunter2 } }"),
        least("azure: { credential: hunter2 }"),
        least("azure: { secret: hunter2 }"),
        "links: { key: hunter2 }".to_owned(),
        "links: { key: { env: \"hunter2 }\n".to_owned(),
        "links:\n  key:\n    - hunter2\n    x: 1\n".to_owned(),
        "links: { key: [hunter2, { env: x }] }".to_owned(),
        "sources:\n  - auth:\n      kind: shared_key\n      keys:\n        - hunter2\n        - - hunter2".to_owned(),
        "hunter2".to_owned(),
        "k: hunter2 'x\n  y".to_owned(),
        "links: { key: { hunter2 } }".to_owned(),
        "links: hunter2".to_owned(),
        "listen: [hunter2]".to_owned(),
        "sources: hunter2".to_owned(),
        "k: hunter2\nk: hunter2\n".to_owned(),
        "- hunter2".to_owned(),
    ] {
        let said = broken(&text);
        assert!(!said.contains("hunter2"), "{text}\n{said}");
    }
}

#[test]
fn channel_off_loopback_must_be_https() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("key"),
        "0123456789abcdef0123456789abcdef",
    )
    .unwrap();
    let text = least("channels: [{ name: ops, kind: webhook, url: { file: ops } }, { name: terminal, kind: log }]")
        .replace("env: DOORWARD_LINK_KEY", "file: key")
        .replace("[{ env: DOORWARD_ALERTS_KEY }]", "[{ file: key }]");
    let config = parse("doorward.yaml", &text, folder.path()).unwrap();
    for (url, told) in [
        ("https://hooks.example.com/hunter2", None),
        ("http://127.0.0.1:9/hunter2", None),
        ("http://[::1]:9/hunter2", None),
        ("http://hooks.example.com/hunter2", Some("in clear text")),
        ("HTTP://hooks.example.com/hunter2", Some("in clear text")),
        ("ftp://hooks.example.com/hunter2", Some("neither")),
        ("hunter2", Some("is not a URL")),
    ] {
        fs::write(folder.path().join("ops"), url).unwrap();
        let read = config.read_secrets();
        let error = read.map_or_else(|error| Some(error.to_string()), |_| None);
        assert_eq!(error.is_some(), told.is_some(), "{url}: {error:?}");
        if let (Some(error), Some(told)) = (error, told) {
            assert!(
                error.contains(told) && error.contains("channels[0].url"),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

#[test]
fn missing_link_key_is_named_once() {
    let text = least("").replace("DOORWARD_LINK_KEY", "DOORWARD_NOT_THERE");
    let config = parse(
        "doorward.yaml",
        &text,
        std::path::Path::new("/etc/doorward"),
    )
    .unwrap();
    let error = config.read_secrets().unwrap_err().to_string();
    assert_eq!(error.matches("DOORWARD_NOT_THERE").count(), 1, "{error}");
}

#[test]
fn secrets_are_read_and_missing_ones_named_with_their_fields() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("link.key"), "0123456789abcdef\n").unwrap();
    fs::write(folder.path().join("ops"), "https://hooks.example.com/x").unwrap();
    fs::write(folder.path().join("empty"), "\n").unwrap();
    fs::write(folder.path().join("short"), "hunter2\n").unwrap();
    let text = least("channels: [{ name: ops, kind: webhook, url: { file: ops } }]")
        .replace("env: DOORWARD_LINK_KEY", "file: link.key")
        .replace("[{ env: DOORWARD_ALERTS_KEY }]", "[{ file: link.key }]");
    let config = parse("doorward.yaml", &text, folder.path()).unwrap();
    let secrets = config.read_secrets().unwrap();
    assert_eq!(secrets.source_keys["alerts"].len(), 1);
    assert!(secrets.channels.contains_key("ops"));
    assert!(!format!("{secrets:?}").contains("0123456789"));

    let text = text.replace(
        "[{ file: link.key }]",
        "[{ file: empty }, { env: DOORWARD_NOT_THERE }, { file: short }]",
    );
    let config = parse("doorward.yaml", &text, folder.path()).unwrap();
    let error = config.read_secrets().unwrap_err().to_string();
    let error = error.replace(folder.path().to_str().unwrap(), "");
    insta::assert_snapshot!(error, @r"
    error: the secret file `/empty` cannot be used: it is empty
     --> doorward.yaml:6:38
      = field: sources[0].auth.keys[0]

    error: the environment variable `DOORWARD_NOT_THERE` is not set or empty: set it to the secret
     --> doorward.yaml:6:55
      = field: sources[0].auth.keys[1]

    error: the key is shorter than 16 bytes, so that it could be guessed: make another with `openssl rand -hex 32`
     --> doorward.yaml:6:84
      = field: sources[0].auth.keys[2]
    ");
}
