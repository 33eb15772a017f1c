//! Presses of buttons in Slack: signed by Slack's own library, by people who may answer and by others.

use crate::receivers::{Got, Receiver};
use crate::world::{Reply, STRANGER, World};
use crate::{needs, python};
use axum::Json;
use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use doorward_core::ledger::event::LedgerEvent;
use reqwest::Url;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// Made up for these tests.
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

struct Chat {
    world: World,
    slack: Receiver,
    python: PathBuf,
}

async fn python() -> Option<PathBuf> {
    // Tests run side by side, and one makes the environment for all.
    static MADE: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    let made = MADE.get_or_init(|| python::with("slack", &["slack-sdk==3.47.0"]));
    match made.await {
        Ok(bin) => Some(bin.join("python")),
        Err(why) => {
            needs::skip(&format!("Slack's library cannot be had: {why}"));
            None
        }
    }
}

fn slack_answers(_: &Got, _: usize) -> Response {
    Json(json!({ "ok": true, "channel": "C0123", "ts": "17.42" })).into_response()
}

impl Chat {
    /// A world in which a stranger was refused and people were asked, under these terms.
    async fn asked(approvals: Value) -> Option<Self> {
        let python = python().await?;
        let slack = Receiver::that(slack_answers).await;
        let world = World::with(|setup| {
            setup.config["registries"][0]["approvals"] = approvals;
            setup.config["approvers"] = json!([
                { "name": "Ana", "slack": "U1", "groups": ["platform"] },
                { "name": "Bo", "slack": "U2" },
            ]);
            let channels = setup.config["channels"].as_array_mut().unwrap();
            channels.push(json!({
                "name": "secbot", "kind": "slack", "channel": "C0123",
                "token": slack.secret("token", "xoxb-hunter2hunter2"),
                "signing_secret": slack.secret("signing", SECRET),
                "url": format!("{}/api/", slack.url),
            }));
        })
        .await;
        world.denied(STRANGER).await;
        world.settle().await;
        Some(Self {
            world,
            slack,
            python,
        })
    }

    /// The texts of a message's buttons, and the value of those that answer.
    fn buttons(&self) -> (Vec<String>, String) {
        let got = self.slack.got();
        let blocks = got[0].body["blocks"].as_array().unwrap();
        let elements = blocks.last().unwrap()["elements"].as_array().unwrap();
        let text = |it: &Value| it["text"]["text"].as_str().unwrap().to_owned();
        let value = elements[0]["value"].as_str().unwrap_or_default();
        (elements.iter().map(text).collect(), value.to_owned())
    }

    async fn signature(&self, timestamp: &str, body: &str) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/slack_sign.py");
        let mut signer = Command::new(&self.python)
            .arg(script)
            .kill_on_drop(true)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = json!([{ "timestamp": timestamp, "body": body }]);
        let input = json!({ "secret": SECRET, "requests": requests });
        let mut stdin = signer.stdin.take().unwrap();
        stdin.write_all(input.to_string().as_bytes()).await.unwrap();
        drop(stdin);
        let output = signer.wait_with_output().await.unwrap();
        let said: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
        said[0].clone()
    }

    async fn send(&self, (timestamp, signature): (&str, &str), body: &str) -> Reply {
        let request = Request::post("/slack/interactions")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", timestamp)
            .header("x-slack-signature", signature);
        let body = Body::from(body.to_owned());
        self.world.send(request.body(body).unwrap()).await
    }

    /// A press as Slack signs and sends it now.
    async fn press(&self, user: &str, action: &str, value: &str) -> Reply {
        let body = form(user, action, value);
        let now = self.world.clock.now().as_second().to_string();
        let signature = self.signature(&now, &body).await;
        self.send((&now, &signature), &body).await
    }

    /// What users were told that nobody else sees.
    fn whispers(&self) -> Vec<(String, String)> {
        let got = self.slack.got().into_iter();
        let whispers = got.filter(|it| it.path == "/api/chat.postEphemeral");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        whispers
            .map(|it| (text(&it.body["user"]), text(&it.body["text"])))
            .collect()
    }

    async fn answers(&self) -> usize {
        let kinds = self.world.kinds().await;
        kinds.iter().filter(|kind| **kind == "answered").count()
    }
}

/// The form that Slack sends about a press.
fn form(user: &str, action: &str, value: &str) -> String {
    let payload = json!({
        "type": "block_actions", "user": { "id": user, "username": "somebody" }, "team": { "id": "T1" },
        "channel": { "id": "C0123", "name": "sec" }, "message": { "ts": "17.42" },
        "actions": [{ "action_id": action, "type": "button", "value": value }],
    });
    let mut url = Url::parse("form:").unwrap();
    url.query_pairs_mut()
        .append_pair("payload", &payload.to_string());
    url.query().unwrap().to_owned()
}

#[tokio::test]
async fn press_of_an_approver_opens_and_the_message_says_who() {
    let Some(chat) = Chat::asked(json!("chat")).await else {
        return;
    };
    let (texts, value) = chat.buttons();
    assert!(texts[0].starts_with("Approve for"), "{texts:?}");
    assert_eq!(texts[1..], ["Deny", "Review"]);
    let reply = chat.press("U1", "doorward_approve", &value).await;
    assert_eq!((reply.status, reply.text.as_str()), (200, ""));
    chat.world.settle().await;
    assert_eq!(chat.world.entries(), [STRANGER]);
    let got = chat.slack.got();
    let updated = got.iter().find(|it| it.path == "/api/chat.update").unwrap();
    assert!(updated.body.to_string().contains("Ana"), "{}", updated.body);
    assert!(!updated.body.to_string().contains("doorward_approve"));
    // A double click, and somebody who was slower.
    for user in ["U1", "U2"] {
        assert_eq!(chat.press(user, "doorward_deny", &value).await.status, 200);
    }
    assert_eq!(chat.answers().await, 1);
    let whispers = chat.whispers();
    assert_eq!(whispers.len(), 2, "{whispers:?}");
    assert!(whispers[1].1.contains("answered already"), "{whispers:?}");
}

#[tokio::test]
async fn deny_of_an_approver_opens_nothing() {
    let Some(chat) = Chat::asked(json!("chat")).await else {
        return;
    };
    let (_, value) = chat.buttons();
    assert_eq!(chat.press("U2", "doorward_deny", &value).await.status, 200);
    chat.world.settle().await;
    assert!(chat.world.entries().is_empty());
    assert_eq!(chat.answers().await, 1);
}

#[tokio::test]
async fn slack_user_who_is_no_approver_is_told_and_opens_nothing() {
    let Some(chat) = Chat::asked(json!("chat")).await else {
        return;
    };
    let (_, value) = chat.buttons();
    let reply = chat.press("U9", "doorward_approve", &value).await;
    assert_eq!(reply.status, 200, "Slack itself did its part");
    chat.world.settle().await;
    assert!(chat.world.entries().is_empty());
    assert_eq!(chat.answers().await, 0);
    let whispers = chat.whispers();
    assert_eq!(whispers[0].0, "U9");
    assert!(!whispers[0].1.is_empty());
}

#[tokio::test]
async fn request_that_was_not_signed_by_slack_now_is_refused() {
    let Some(chat) = Chat::asked(json!("chat")).await else {
        return;
    };
    let (_, value) = chat.buttons();
    let body = form("U1", "doorward_approve", &value);
    let at = chat.world.clock.now().as_second();
    let now = at.to_string();
    let good = chat.signature(&now, &body).await;
    let old = (at - 301).to_string();
    let signed_long_ago = chat.signature(&old, &body).await;
    let other = form("U1", "doorward_deny", &value);
    for (timestamp, signature, body) in [
        (now.as_str(), "v0=00", body.as_str()),
        (&now, "", &body),
        (&now, &good, &other),
        (&old, &good, &body),
        (&old, &signed_long_ago, &body),
        ("soon", &good, &body),
    ] {
        let reply = chat.send((timestamp, signature), body).await;
        assert_eq!(reply.status, 401, "{timestamp} {signature}");
    }
    let bare = Request::post("/slack/interactions").body(Body::from(body.clone()));
    assert_eq!(chat.world.send(bare.unwrap()).await.status, 401);
    // What was good is not good five minutes later.
    chat.world.jump(Duration::from_secs(301));
    assert_eq!(chat.send((&now, &good), &body).await.status, 401);
    assert_eq!(chat.answers().await, 0);
}

#[tokio::test]
async fn signed_request_that_is_no_press_is_refused_and_a_link_button_is_nothing() {
    let Some(chat) = Chat::asked(json!("chat")).await else {
        return;
    };
    let now = chat.world.clock.now().as_second().to_string();
    for body in ["", "payload=%7B", "payload=1&payload=2", "a=b"] {
        let signature = chat.signature(&now, body).await;
        assert_eq!(
            chat.send((&now, &signature), body).await.status,
            400,
            "{body}"
        );
    }
    assert_eq!(chat.press("U1", "doorward_review", "").await.status, 200);
    assert_eq!(chat.press("U1", "doorward_other", "x y").await.status, 400);
    let unknown = format!("{} ab.01", uuid::Uuid::nil());
    assert_eq!(
        chat.press("U1", "doorward_approve", &unknown).await.status,
        200
    );
    assert!(
        chat.whispers()[0].1.contains("expired"),
        "{:?}",
        chat.whispers()
    );
    assert_eq!(chat.answers().await, 0);
}

#[tokio::test]
async fn stronger_demands_leave_only_the_button_that_opens_the_page() {
    for approvals in [
        json!("sign_in"),
        json!("none"),
        json!({ "strength": "chat", "reason": "required" }),
    ] {
        let Some(chat) = Chat::asked(approvals.clone()).await else {
            return;
        };
        let (texts, _) = chat.buttons();
        assert_eq!(texts, ["Review"], "{approvals}");
        // A press that somebody makes up of what another message showed.
        let request = chat
            .world
            .ledger()
            .await
            .into_iter()
            .find_map(|what| match what {
                LedgerEvent::Requested(request) => Some(request.id),
                _ => None,
            });
        let value = format!("{} ab.01", request.unwrap());
        assert_eq!(
            chat.press("U1", "doorward_approve", &value).await.status,
            200
        );
        chat.world.settle().await;
        assert_eq!(chat.answers().await, 0, "{approvals}");
        assert_eq!(chat.whispers().len(), 1);
    }
}

#[tokio::test]
async fn endpoint_is_absent_where_no_channel_verifies_presses() {
    let world = World::new().await;
    let request = Request::post("/slack/interactions").body(Body::empty());
    assert_eq!(world.send(request.unwrap()).await.status, 404);
}
