//! Messages against parties made by others: Slack's own block models, Microsoft's card parser, the
//! library of Standard Webhooks, and a mail server. Skipped, and said so, where they cannot be had.

use crate::receivers::{Got, Receiver};
use crate::world::{STRANGER, World};
use crate::{needs, python};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::OnceCell;

const PACKAGES: [&str; 3] = [
    "slack-sdk==3.47.0",
    "standardwebhooks==1.1.0",
    "aiosmtpd==1.4.6",
];

/// Signs and verifies; made up for these tests.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn python() -> Option<PathBuf> {
    // Tests run side by side, and one makes the environment for all.
    static MADE: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    let made = MADE.get_or_init(|| python::with("independent-channels", &PACKAGES));
    match made.await {
        Ok(bin) => Some(bin.join("python")),
        Err(why) => {
            needs::skip(&format!("independent receivers cannot be had: {why}"));
            None
        }
    }
}

/// Runs a script of `tests/independent` on `input`, and gives what it says.
async fn judged(program: &Path, script: &str, input: &Value) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/independent")
        .join(script);
    let mut judge = Command::new(program)
        .arg(script)
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = judge.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let output = judge.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{failed}");
    said
}

/// What a receiver gets of an ordinary question, and of one with hostile words.
async fn got(kind: &Value) -> Vec<Got> {
    let receiver = Receiver::that(|got, _| {
        if got.path.starts_with("/api/") {
            axum::Json(json!({ "ok": true, "channel": "C0123", "ts": "1.2" })).into_response()
        } else {
            StatusCode::OK.into_response()
        }
    })
    .await;
    let world = World::with(|setup| {
        let mut channel = json!({ "name": "it" });
        for (name, value) in kind.as_object().unwrap() {
            channel[name] = match name.as_str() {
                "token" | "sign" => receiver.secret(name, value.as_str().unwrap()),
                _ => value.clone(),
            };
        }
        let url = &receiver.url;
        channel["url"] = if channel.get("token").is_some() {
            json!(format!("{url}/api/"))
        } else {
            receiver.secret("url", url)
        };
        setup.config["channels"]
            .as_array_mut()
            .unwrap()
            .push(channel);
    })
    .await;
    world.denied(STRANGER).await;
    world
        .deliver(
            "clusters",
            "Failed to pull image \"contosoprod.azurecr.io/a*b_<!channel>/[x](https://evil.example):v1\": denied: client with IP '51.140.7.10' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
        )
        .await;
    world.settle().await;
    let got = receiver.got();
    assert!(!got.is_empty());
    got
}

#[tokio::test]
async fn slack_sdk_accepts_the_blocks() {
    let Some(python) = python().await else {
        return;
    };
    let got = got(&json!({ "kind": "slack", "token": "xoxb-1234", "channel": "C0123" })).await;
    let bodies: Vec<Value> = got.iter().map(|it| it.body.clone()).collect();
    let said = judged(&python, "slack_blocks.py", &json!(bodies)).await;
    assert_eq!(said.trim(), format!("{} messages are valid", bodies.len()));
}

#[tokio::test]
async fn library_of_standard_webhooks_verifies_deliveries() {
    let Some(python) = python().await else {
        return;
    };
    let got = got(&json!({ "kind": "webhook", "sign": SECRET })).await;
    let deliveries = got.iter().map(|it| {
        let header = |name: &str| it.headers[name].to_str().unwrap().to_owned();
        json!({
            "body": String::from_utf8_lossy(&it.raw),
            "headers": {
                "webhook-id": header("webhook-id"),
                "webhook-timestamp": header("webhook-timestamp"),
                "webhook-signature": header("webhook-signature"),
            },
        })
    });
    let input = json!({ "secret": SECRET, "deliveries": deliveries.collect::<Vec<_>>() });
    let said = judged(&python, "verify_webhooks.py", &input).await;
    assert_eq!(
        said.trim(),
        format!("{} deliveries are verified", got.len())
    );
}

#[tokio::test]
async fn adaptive_cards_parser_takes_the_cards() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("adaptivecards");
    let package = folder.join("node_modules/adaptivecards");
    if !package.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let install = Command::new("npm")
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
            ])
            .arg(&folder)
            .arg("adaptivecards@3.0.6")
            .stdin(Stdio::null())
            .output()
            .await;
        if !install.is_ok_and(|it| it.status.success()) {
            needs::skip("Microsoft's adaptivecards cannot be installed with npm");
            return;
        }
    }
    let got = got(&json!({ "kind": "teams" })).await;
    let cards: Vec<Value> = got.iter().map(|it| it.body.clone()).collect();
    let input = json!({ "package": package, "messages": cards });
    let said = judged(Path::new("node"), "cards.js", &input).await;
    assert_eq!(said.trim(), format!("{} cards are valid", cards.len()));
}

#[tokio::test]
async fn mail_server_gets_one_thread_with_both_parts() {
    let Some(python) = python().await else {
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/mail_server.py");
    let mut server = Command::new(&python)
        .arg(script)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let port = lines.next_line().await.unwrap().unwrap();
    let world = World::with(|setup| {
        let mail = json!({
            "name": "mail", "kind": "email", "smtp": format!("smtp://127.0.0.1:{port}"),
            "from": "doorward@contoso.com", "to": ["platform@contoso.com"],
        });
        setup.config["channels"].as_array_mut().unwrap().push(mail);
        setup.config["routes"] = json!([{ "to": ["mail"], "remind": "10m" }]);
    })
    .await;
    world.denied(STRANGER).await;
    world.settle().await;
    world.jump(std::time::Duration::from_mins(11));
    world.settle().await;
    let mut mails = Vec::new();
    for _ in 0..2 {
        let line = lines.next_line().await.unwrap().unwrap();
        mails.push(serde_json::from_str::<Value>(&line).unwrap());
    }
    let [first, second] = &mails[..] else {
        panic!("two mails");
    };
    assert_eq!(first["to"], json!(["platform@contoso.com"]));
    let subject = first["subject"].as_str().unwrap();
    assert!(
        subject.starts_with("[doorward] 51.140.7.9 refused by contosoprod"),
        "{subject}"
    );
    assert!(second["subject"].as_str().unwrap().contains("Unanswered"));
    assert_eq!(first["references"], second["references"]);
    assert_ne!(first["message_id"], second["message_id"]);
    assert_eq!(first["list_id"], "doorward <doorward.contoso.com>");
    assert_eq!(first["kinds"], json!(["text/plain", "text/html"]));
    for mail in &mails {
        assert!(
            mail["text"]
                .as_str()
                .unwrap()
                .contains("https://doorward.contoso.com/requests/")
        );
        assert!(
            mail["html"]
                .as_str()
                .unwrap()
                .contains("<a href=\"https://doorward.contoso.com/requests/")
        );
        assert_eq!(mail["defects"], json!([]));
    }
}
