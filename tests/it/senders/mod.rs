//! Who is heard: tokens of Azure's own services and of CI jobs, and signed deliveries.

mod jobs;
mod keys;
mod signatures;
mod tokens;

use crate::log::Lines;
use crate::world::{OURS, REGISTRY, Reply, World, message};
use aws_lc_rs::hmac;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::http::request::Builder;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use doorward_core::ledger::event::LedgerEvent;
use doorward_core::policy::verdict::Verdict;
use doorward_sim::senders::EVENT_GRID_APP;
use doorward_sim::{Call, TENANT};
use serde_json::{Value, json};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

/// The application that stands for doorward.
const US: &str = "99999999-0000-4000-8000-000000000009";
const AUDIENCE: &str = "https://doorward.contoso.com";
/// Where the job runs.
const RUNNER: &str = "20.99.1.2";
/// Between the job and doorward.
const PROXY: &str = "10.0.0.7";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_SECRET: &str = "an older secret, in plain words";

const POLICY: &str = "
version: 1
sets:
  build-egress: { nat_gateway: /subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/registries/providers/Microsoft.Network/natGateways/build-egress }
rules:
  - { name: build agents, when: { address: build-egress }, then: allow, for: 10m }
  - { name: release, when: { claims: { repository: contoso/api, ref: refs/heads/main } }, then: allow, for: 30m }
";

async fn world() -> World {
    World::with(|setup| {
        POLICY.clone_into(&mut setup.policy);
        let key = setup.config["sources"][0]["auth"]["keys"][0]["file"].clone();
        let folder = std::path::Path::new(key.as_str().unwrap()).parent().unwrap().to_owned();
        let secret = |name: &str, text: &str| {
            fs::write(folder.join(name), text).unwrap();
            json!({ "file": folder.join(name) })
        };
        let keys = [secret("signing", SECRET), secret("signing-older", OLD_SECRET)];
        let authority = setup.config["azure"]["authority"].as_str().unwrap();
        let issuer = format!("{authority}{TENANT}/v2.0");
        let entra = |app: &str| json!({ "kind": "entra_token", "tenant_id": TENANT, "audience": US, "app_id": app });
        let mut with_role = entra("any");
        with_role["role"] = "AzureEventGridSecureWebhookSubscriber".into();
        let job = json!({
            "kind": "ci_token", "provider": "github", "issuer": issuer, "audience": AUDIENCE,
            "claims": { "repository": "contoso/*" },
        });
        setup.config["trusted_proxies"] = json!(["10.0.0.0/8"]);
        setup.config["sources"] = json!([
            { "name": "grid", "auth": entra("event_grid") },
            { "name": "groups", "auth": entra("action_group") },
            { "name": "roles", "auth": with_role },
            { "name": "jobs", "auth": job, "registries": [format!("{REGISTRY}.azurecr.io")] },
            { "name": "signed", "auth": { "kind": "signature", "keys": keys } },
        ]);
    })
    .await
}

impl World {
    /// Posts with a token.
    async fn show(&self, source: &str, token: &str) -> Reply {
        self.report(bearer(source, token), OURS).await
    }

    /// Posts the firewall's message about `address`.
    async fn report(&self, request: Builder, address: &str) -> Reply {
        self.send(request.body(message(address).into()).unwrap())
            .await
    }

    /// Claims that Event Grid's tokens have, with changes; `null` takes one out.
    fn claims(&self, changes: &Value) -> Value {
        let now = self.clock.now().as_second();
        let mut claims = json!({
            "iss": format!("https://sts.windows.net/{TENANT}/"), "aud": US, "tid": TENANT, "appid": EVENT_GRID_APP,
            "iat": now, "nbf": now, "exp": now + 3600, "ver": "1.0",
        });
        merge(&mut claims, changes);
        claims
    }

    fn grid_token(&self, changes: &Value) -> String {
        self.azure.mint(&self.claims(changes))
    }

    /// The token of a job on `main` of `contoso/api`, with changes.
    fn job_token(&self, changes: &Value) -> String {
        let now = self.clock.now().as_second();
        let mut claims = json!({
            "iss": self.azure.issuer(), "aud": AUDIENCE, "sub": "repo:contoso/api:ref:refs/heads/main",
            "repository": "contoso/api", "ref": "refs/heads/main", "run_attempt": "1", "user_email": "a@contoso.com",
            "iat": now, "nbf": now, "exp": now + 300,
        });
        merge(&mut claims, changes);
        self.azure.mint(&claims)
    }

    async fn verdict(&self) -> Verdict {
        let ledger = self.ledger().await;
        let decided = ledger.into_iter().rev().find_map(|what| match what {
            LedgerEvent::Decided { verdict, .. } => Some(verdict),
            _ => None,
        });
        decided.unwrap()
    }

    fn looks(&self) -> usize {
        self.azure.requests_of(Call::KeySet).len()
    }
}

fn merge(claims: &mut Value, changes: &Value) {
    let claims = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        claims.remove(name);
        if !value.is_null() {
            claims.insert(name.clone(), value.clone());
        }
    }
}

fn bearer(source: &str, token: &str) -> Builder {
    Request::post(format!("/events/{source}"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "text/plain")
}

/// A job's report, over a connection from `peer`.
fn from(peer: &str, token: &str) -> Builder {
    let peer: Ipv4Addr = peer.parse().unwrap();
    bearer("jobs", token).extension(ConnectInfo(SocketAddr::from((peer, 40_000))))
}

/// The token with its header changed, and signed anew by `sign`.
fn forged(token: &str, header: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header_of(token: &str) -> Value {
    let header = token.split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

/// A signed delivery.
fn signed(world: &World, id: &str, key: &[u8], body: &str) -> Builder {
    let timestamp = world.clock.now().as_second();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let signature = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    Request::post("/events/signed")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header(
            "webhook-signature",
            format!("v1,AAAA v1,{}", STANDARD.encode(signature)),
        )
}

#[tokio::test]
async fn whoever_comes_too_often_is_told_so_as_its_kind_understands_it() {
    type Request<'r> = &'r dyn Fn(usize) -> Builder;

    let world = world().await;
    let (token, job) = (world.grid_token(&json!({})), world.job_token(&json!({})));
    let key = OLD_SECRET.as_bytes();
    let in_turn: [(&str, Request<'_>, u16); 3] = [
        ("Event Grid", &|_| bearer("grid", &token), 503),
        ("a job", &|_| from(RUNNER, &job), 429),
        (
            "one who signs",
            &|number| signed(&world, &format!("msg_{number}"), key, &message(OURS)),
            429,
        ),
    ];
    for (who, request, expected) in in_turn {
        let mut told = None;
        for number in 0..1000 {
            let reply = world.report(request(number), OURS).await;
            if reply.status != 202 {
                told = Some((reply.status, reply.headers.contains_key("retry-after")));
                break;
            }
        }
        assert_eq!(told, Some((expected, true)), "{who}");
    }
}

#[tokio::test]
async fn neither_tokens_nor_signatures_are_logged_but_the_reason_is() {
    let world = world().await;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let good = world.grid_token(&json!({}));
    let bad = world.grid_token(&json!({ "aud": "other" }));
    let job = world.job_token(&json!({}));
    assert_eq!(world.show("grid", &good).await.status, 202);
    assert_eq!(world.show("grid", &bad).await.status, 401);
    world.report(from(RUNNER, &job), RUNNER).await;
    let request = signed(&world, "msg_1", OLD_SECRET.as_bytes(), &message(OURS));
    let signature = request.headers_ref().unwrap()["webhook-signature"].clone();
    world.report(request, OURS).await;
    world.settle().await;
    let log = lines.all();
    for token in [&good, &bad, &job] {
        let parts = token.split('.').skip(1);
        for part in parts {
            assert!(!log.contains(part), "{log}");
        }
    }
    for secret in [signature.to_str().unwrap(), OLD_SECRET, SECRET] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    assert!(
        log.contains("the token's `aud` is another than the source expects"),
        "{log}"
    );
}
