//! Channels of every kind against small receivers: what arrives there, what updates what, what is told
//! of failures, and what goes elsewhere.

use crate::world::{REGISTRY, STRANGER, Setup, World};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use doorward::flow::notify::channels::{self, ChannelState};
use doorward::flow::orders::By;
use doorward_core::auth::signature::{Key, Signed};
use doorward_core::messages::ledger_line::line;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const MINUTE: Duration = Duration::from_mins(1);

/// A request as it arrived.
#[derive(Clone)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) raw: Bytes,
    pub(crate) body: Value,
}

type Answers = Arc<dyn Fn(&Got, usize) -> Response + Send + Sync>;

#[derive(Clone)]
struct Shared {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Answers,
}

/// Somebody else's HTTP endpoint.
pub(crate) struct Receiver {
    folder: TempDir,
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    /// One that answers as `answers` says; it is given how many requests came before.
    pub(crate) async fn that(
        answers: impl Fn(&Got, usize) -> Response + Send + Sync + 'static,
    ) -> Self {
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let shared = Shared {
            got: Arc::clone(&got),
            answers: Arc::new(answers),
        };
        let take =
            async |State(shared): State<Shared>, uri: Uri, headers: HeaderMap, raw: Bytes| {
                let body = serde_json::from_slice(&raw).unwrap_or(Value::Null);
                let path = uri.path().to_owned();
                let it = Got {
                    path,
                    headers,
                    raw,
                    body,
                };
                let mut all = shared.got.lock().unwrap();
                let answer = (shared.answers)(&it, all.len());
                all.push(it);
                answer
            };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(shared);
        tokio_util::task::TaskTracker::new().spawn(async { axum::serve(listener, router).await });
        Self {
            folder: tempfile::tempdir().unwrap(),
            url,
            got,
        }
    }

    /// One that takes everything.
    pub(crate) async fn takes() -> Self {
        Self::that(|_, _| StatusCode::OK.into_response()).await
    }

    /// A secret by reference.
    pub(crate) fn secret(&self, name: &str, value: &str) -> Value {
        let file = self.folder.path().join(name);
        std::fs::write(&file, value).unwrap();
        json!({ "file": file })
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

fn channels(setup: &mut Setup, channels: &[Value]) {
    let all = setup.config["channels"].as_array_mut().unwrap();
    all.extend(channels.iter().cloned());
}

async fn asked(world: &World) {
    world.denied(STRANGER).await;
    world.settle().await;
}

async fn answer(world: &World, answer: &str) {
    let link = world.last_message("link");
    let reply = world
        .follow(Method::POST, &link, &format!("answer={answer}"))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    world.settle().await;
}

fn slack_answers(_: &Got, _: usize) -> Response {
    Json(json!({ "ok": true, "channel": "C0123", "ts": "17.42" })).into_response()
}

fn slack_bot(slack: &Receiver) -> Value {
    json!({
        "name": "secbot", "kind": "slack", "channel": "C0123",
        "token": slack.secret("token", "xoxb-hunter2hunter2"),
        "url": format!("{}/api/", slack.url),
    })
}

#[tokio::test]
async fn slack_message_is_updated_in_place_when_its_request_is_answered_and_opened() {
    let slack = Receiver::that(slack_answers).await;
    let world = World::with(|setup| channels(setup, &[slack_bot(&slack)])).await;
    asked(&world).await;
    let got = slack.got();
    assert_eq!(got[0].path, "/api/chat.postMessage");
    assert_eq!(got[0].body["channel"], "C0123");
    assert_eq!(
        got[0].headers["authorization"],
        "Bearer xoxb-hunter2hunter2"
    );
    let text = got[0].body["text"].as_str().unwrap();
    let start = format!("{STRANGER} refused by {REGISTRY}: open for ");
    assert!(text.starts_with(&start), "{text}");
    answer(&world, "allow").await;
    world.pass(Duration::from_secs(5)).await;
    let got = slack.got();
    assert!(got.len() >= 2, "{}", got.len());
    assert!(got[1..].iter().all(|it| it.path == "/api/chat.update"));
    assert!(got[1..].iter().all(|it| it.body["ts"] == "17.42"));
    let last = got.last().unwrap().body.to_string();
    assert!(last.contains("Active until"), "{last}");
    // The chat, which cannot update a message, is not told.
    assert_eq!(world.messages(), ["ask"]);
}

#[tokio::test]
async fn slack_error_in_an_answer_of_200_fails_the_channel_without_its_token() {
    let slack = Receiver::that(|_, _| {
        Json(json!({ "ok": false, "error": "invalid_auth xoxb-hunter2hunter2" })).into_response()
    })
    .await;
    let world = World::with(|setup| channels(setup, &[slack_bot(&slack)])).await;
    asked(&world).await;
    let health = channels::health(&world.app);
    let bot = health.iter().find(|it| it.name == "secbot").unwrap();
    assert_eq!(bot.state, ChannelState::Failing);
    let reason = bot.reason.clone().unwrap();
    assert!(reason.contains("invalid_auth"), "{reason}");
    assert!(!reason.contains("hunter2"), "{reason}");
    let chat = health.iter().find(|it| it.name == "chat").unwrap();
    assert_eq!(chat.state, ChannelState::Ok);
}

#[tokio::test]
async fn teams_answer_of_202_is_accepted_and_never_called_delivered() {
    let teams = Receiver::that(|_, _| StatusCode::ACCEPTED.into_response()).await;
    let world = World::with(|setup| {
        let url = teams.secret("url", &format!("{}/workflows/x?sig=hunter2", teams.url));
        channels(
            setup,
            &[json!({ "name": "ops", "kind": "teams", "url": url })],
        );
    })
    .await;
    asked(&world).await;
    let body = &teams.got()[0].body;
    let card = &body["attachments"][0]["content"];
    assert_eq!(card["type"], "AdaptiveCard");
    assert!(
        card["actions"][0]["url"]
            .as_str()
            .unwrap()
            .contains("/requests/")
    );
    let lines: Vec<String> = world.ledger().await.iter().map(line).collect();
    let line = lines.iter().find(|line| line.contains("`ops`")).unwrap();
    assert!(line.contains("accepted"), "{line}");
    let tried = channels::test(&world.app, "ops").await.unwrap().unwrap();
    assert!(tried.contains("proves no delivery"), "{tried}");
}

#[tokio::test]
async fn pagerduty_incident_is_resolved_by_the_answer() {
    let pagerduty = Receiver::that(|_, _| StatusCode::ACCEPTED.into_response()).await;
    let world = World::with(|setup| {
        let key = pagerduty.secret("key", "0123456789abcdef0123456789abcdef");
        let url = format!("{}/v2/enqueue", pagerduty.url);
        let it = json!({ "name": "oncall", "kind": "pagerduty", "routing_key": key, "url": url });
        channels(setup, &[it]);
    })
    .await;
    asked(&world).await;
    answer(&world, "deny").await;
    let got = pagerduty.got();
    let actions: Vec<&str> = got
        .iter()
        .map(|it| it.body["event_action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["trigger", "resolve"]);
    assert_eq!(got[0].body["dedup_key"], got[1].body["dedup_key"]);
    assert_eq!(got[0].body["payload"]["source"], REGISTRY);
    for it in &got {
        assert_eq!(it.body["routing_key"], "0123456789abcdef0123456789abcdef");
        assert!(it.raw.len() < 512 << 10);
    }
}

#[tokio::test]
async fn webhook_is_signed_and_a_retry_has_the_same_id() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let hook = Receiver::that(|_, before| {
        let status = if before == 0 {
            StatusCode::BAD_GATEWAY
        } else {
            StatusCode::OK
        };
        status.into_response()
    })
    .await;
    let world = World::with(|setup| {
        let it = json!({
            "name": "hook", "kind": "webhook",
            "url": hook.secret("url", &format!("{}/hook", hook.url)),
            "sign": hook.secret("sign", secret),
            "authorization": hook.secret("authorization", "GenieKey hunter2"),
            "template": "jsm_ops",
        });
        channels(setup, &[it]);
    })
    .await;
    asked(&world).await;
    world.pass(Duration::from_secs(3)).await;
    let got = hook.got();
    assert_eq!(got.len(), 2);
    let key = [Key::new(secret).unwrap()];
    for it in &got {
        let header = |name: &str| it.headers[name].to_str().unwrap();
        let signed = Signed {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signatures: header("webhook-signature"),
        };
        // One second apart by the world's clock.
        assert!(signed.is_by(&key, &it.raw, world.clock.now()));
        assert_eq!(header("authorization"), "GenieKey hunter2");
        assert!(it.body["message"].as_str().unwrap().starts_with(STRANGER));
    }
    assert_eq!(got[0].headers["webhook-id"], got[1].headers["webhook-id"]);
}

#[tokio::test]
async fn fallback_takes_what_a_channel_has_failed_to_take_for_long_enough() {
    let dead = Receiver::that(|_, _| StatusCode::BAD_GATEWAY.into_response()).await;
    let world = World::with(|setup| {
        let it = json!({
            "name": "dead", "kind": "webhook",
            "url": dead.secret("url", &dead.url),
            "fallback": { "to": "chat", "after": "10m" },
        });
        setup.config["routes"] = json!([{ "to": ["dead"] }]);
        channels(setup, &[it]);
    })
    .await;
    asked(&world).await;
    world.pass(2 * MINUTE).await;
    assert!(world.messages().is_empty());
    world.jump(14 * MINUTE);
    world.settle().await;
    assert_eq!(world.messages(), ["ask"]);
    assert!(world.last_message("link").contains("/requests/"));
    // What it never took can be looked at, and sent again.
    let letters = channels::dead(&world.app);
    assert_eq!(letters.len(), 1);
    assert!(letters[0].reason.contains("502"), "{}", letters[0].reason);
    let by = By::new("alex", None).unwrap();
    let id = letters[0].id.to_string();
    assert_eq!(
        channels::resend(&world.app, &id, &by).await.unwrap(),
        ["dead"]
    );
    assert!(channels::dead(&world.app).is_empty());
    let again = channels::resend(&world.app, &id, &by).await;
    assert!(
        again
            .unwrap_err()
            .to_string()
            .contains("no undelivered message")
    );
    let before = dead.got().len();
    world.jump(6 * MINUTE);
    world.settle().await;
    assert!(dead.got().len() > before);
}

#[tokio::test]
async fn unanswered_request_is_repeated_and_then_goes_to_others_once() {
    let oncall = Receiver::takes().await;
    let world = World::with(|setup| {
        let url = oncall.secret("url", &oncall.url);
        channels(
            setup,
            &[json!({ "name": "oncall", "kind": "webhook", "url": url })],
        );
        setup.config["routes"] = json!([{
            "when": { "code": ["ask"], "registry": "*prod*" },
            "to": ["chat"], "remind": "10m", "escalate": { "after": "20m", "to": ["oncall"] },
        }]);
    })
    .await;
    asked(&world).await;
    world.jump(9 * MINUTE);
    world.settle().await;
    assert_eq!(world.messages(), ["ask"]);
    world.jump(MINUTE);
    world.settle().await;
    assert_eq!(world.messages(), ["ask", "reminder"]);
    assert!(world.last_message("link").contains("/requests/"));
    assert!(oncall.got().is_empty());
    world.jump(10 * MINUTE);
    world.settle().await;
    world.jump(30 * MINUTE);
    world.settle().await;
    assert_eq!(world.messages(), ["ask", "reminder"]);
    let got = oncall.got();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].body["code"], "escalation");
    assert_eq!(got[0].body["severity"], "critical");
}

#[tokio::test]
async fn answered_request_is_not_repeated() {
    let world = World::with(|setup| {
        setup.config["routes"] = json!([{ "to": ["chat"], "remind": "10m" }]);
    })
    .await;
    asked(&world).await;
    answer(&world, "deny").await;
    world.jump(15 * MINUTE);
    world.settle().await;
    assert_eq!(world.messages(), ["ask"]);
}

#[tokio::test]
async fn message_names_whose_address_it_is_and_what_a_test_message_is_answered() {
    let hook = Receiver::that(|_, before| match before {
        0 => StatusCode::OK.into_response(),
        _ => (StatusCode::BAD_REQUEST, "field `topic` is missing").into_response(),
    })
    .await;
    let world = World::with(|setup| {
        let it = json!({
            "name": "ntfy", "kind": "webhook", "template": "ntfy",
            "params": { "topic": "doorward" },
            "url": hook.secret("url", &hook.url),
        });
        channels(setup, &[it]);
    })
    .await;
    let health = channels::health(&world.app);
    let never = health.iter().find(|it| it.name == "ntfy").unwrap();
    assert_eq!(never.state, ChannelState::NeverTried);
    asked(&world).await;
    let body = &hook.got()[0].body;
    let said = body["message"].as_str().unwrap();
    assert!(said.contains("in no set of the policy"), "{said}");
    assert!(said.contains("never let in here"), "{said}");
    assert_eq!(body["topic"], "doorward");
    let tried = channels::test(&world.app, "ntfy").await.unwrap();
    let why = tried.unwrap_err();
    assert!(
        why.contains("400") && why.contains("`topic` is missing"),
        "{why}"
    );
    let none = channels::test(&world.app, "nobody").await;
    assert!(none.unwrap_err().to_string().contains("no channel"));
}
