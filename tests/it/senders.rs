//! Who is heard: tokens of Azure's own services and of CI jobs, and signed deliveries.

use crate::log::Lines;
use crate::world::{OURS, REGISTRY, Reply, World, message};
use aws_lc_rs::hmac;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::request::Builder;
use axum::http::{Method, Request};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use doorward::domain::ledger::What;
use doorward::domain::verdict::{Action, NoteCode, Verdict};
use doorward::sim::senders::{ACTION_GROUP_APP, EVENT_GRID_APP};
use doorward::sim::{Call, Fault, Knobs, TENANT};
use serde_json::{Value, json};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

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
            What::Decided { verdict, .. } => Some(verdict),
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

#[tokio::test]
async fn tokens_of_azures_services_are_heard_in_both_versions() {
    let world = world().await;
    let v2 =
        json!({ "iss": world.azure.issuer(), "appid": null, "azp": EVENT_GRID_APP, "ver": "2.0" });
    let role = json!({ "roles": ["AzureEventGridSecureWebhookSubscriber"] });
    for (source, token) in [
        ("grid", world.azure.service_token(EVENT_GRID_APP, US)),
        (
            "grid",
            world
                .azure
                .service_token(EVENT_GRID_APP, &format!("api://{US}")),
        ),
        ("grid", world.grid_token(&json!({}))),
        ("grid", world.grid_token(&v2)),
        ("groups", world.azure.service_token(ACTION_GROUP_APP, US)),
        ("roles", world.grid_token(&role)),
    ] {
        let reply = world.show(source, &token).await;
        assert_eq!(reply.status, 202, "{source}: {}", reply.text);
    }
    assert_eq!(world.looks(), 1, "sources of one tenant share its keys");
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
}

#[tokio::test]
async fn every_other_token_is_refused_without_a_reason() {
    let world = world().await;
    let good = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &good).await.status, 202);
    let mut tokens = with_other_claims(&world);
    tokens.extend(with_other_signatures(&world, &good).await);
    for token in tokens {
        let reply = world.show("grid", &token).await;
        assert_eq!(reply.status, 401, "{token}");
        assert_eq!(reply.text, r#"{"error":"not authenticated"}"#);
        assert_eq!(
            reply.headers["www-authenticate"],
            "Bearer realm=\"doorward\""
        );
    }
    let without = Request::post("/events/grid");
    assert_eq!(world.report(without, OURS).await.status, 401);
    let twice = bearer("grid", &good).header("authorization", format!("Bearer {good}"));
    assert_eq!(world.report(twice, OURS).await.status, 401);
    assert_eq!(world.show("groups", &good).await.status, 401);
    assert_eq!(world.show("roles", &good).await.status, 401);
    assert_eq!(
        world.kinds().await,
        ["denied"],
        "only the first was taken in"
    );
}

/// Tokens that the right authority signed, each with something wrong in it.
fn with_other_claims(world: &World) -> Vec<String> {
    let now = world.clock.now().as_second();
    let other = "77777777-0000-4000-8000-000000000007";
    let changes = [
        json!({ "aud": "00000000-0000-4000-8000-00000000000a" }),
        json!({ "aud": null }),
        json!({ "iss": "https://issuer.example/" }),
        json!({ "iss": format!("https://sts.windows.net/{other}/") }),
        json!({ "iss": null }),
        json!({ "tid": other }),
        json!({ "tid": null }),
        json!({ "appid": ACTION_GROUP_APP }),
        json!({ "appid": null }),
        json!({ "exp": now - 60 }),
        json!({ "exp": null }),
        json!({ "nbf": now + 61 }),
        json!({ "padding": "x".repeat(16 * 1024) }),
    ];
    changes.iter().map(|one| world.grid_token(one)).collect()
}

/// Tokens with the right claims, and not signed by the authority.
async fn with_other_signatures(world: &World, good: &str) -> Vec<String> {
    let header = header_of(good);
    let with = |algorithm: &str| {
        let mut header = header.clone();
        header["alg"] = algorithm.into();
        header
    };
    let keys = fetched_keys(world).await;
    let public_key = keys["keys"][0]["n"].as_str().unwrap();
    let by_public_key = |bytes: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, public_key.as_bytes());
        hmac::sign(&key, bytes).as_ref().to_vec()
    };
    vec![
        forged(good, &with("none"), |_| Vec::new()),
        forged(good, &with("HS256"), by_public_key),
        forged(good, &header, by_public_key),
        forged(good, &header, |_| vec![0; 256]),
        good.replacen('.', ".e30", 1),
        String::new(),
    ]
}

async fn fetched_keys(world: &World) -> Value {
    let ca = reqwest::Certificate::from_pem(world.azure.ca_pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder()
        .tls_certs_only([ca])
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("{}{TENANT}/discovery/v2.0/keys", world.azure.authority());
    http.get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn handshakes_need_the_token_too() {
    let world = world().await;
    let event = json!([{
        "id": "1", "topic": "/subscriptions/x", "subject": "", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": { "validationCode": "a-code" }, "eventTime": "2026-11-22T12:00:00Z", "dataVersion": "1", "metadataVersion": "1",
    }]);
    let options = || {
        Request::builder()
            .method(Method::OPTIONS)
            .uri("/events/grid")
            .header("webhook-request-origin", "eventgrid.azure.net")
    };
    let validate =
        || Request::post("/events/grid").header("aeg-event-type", "SubscriptionValidation");
    let send = async |request: Builder, body: String| {
        world.send(request.body(Body::from(body)).unwrap()).await
    };
    assert_eq!(send(options(), String::new()).await.status, 401);
    assert_eq!(send(validate(), event.to_string()).await.status, 401);

    let proof = format!("Bearer {}", world.azure.service_token(EVENT_GRID_APP, US));
    let reply = send(options().header("authorization", &proof), String::new()).await;
    assert_eq!(
        reply.headers["webhook-allowed-origin"],
        "eventgrid.azure.net"
    );
    let reply = send(
        validate().header("authorization", &proof),
        event.to_string(),
    )
    .await;
    assert_eq!(
        (reply.status, reply.text.as_str()),
        (200, r#"{"validationResponse":"a-code"}"#)
    );
}

#[tokio::test]
async fn an_unknown_key_causes_one_look_a_minute() {
    let world = world().await;
    let good = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &good).await.status, 202);
    assert_eq!(world.looks(), 1);
    let mut header = header_of(&good);
    header["kid"] = "invented".into();
    let unknown = forged(&good, &header, |_| vec![0; 256]);
    for _ in 0..5 {
        assert_eq!(world.show("grid", &unknown).await.status, 401);
    }
    assert_eq!(world.looks(), 2);
    world.jump(Duration::from_mins(1));
    assert_eq!(world.show("grid", &unknown).await.status, 401);
    assert_eq!(world.looks(), 3);
    assert_eq!(world.show("grid", &good).await.status, 202);
    assert_eq!(world.looks(), 3);
}

#[tokio::test]
async fn after_a_rotation_the_new_key_counts_and_the_old_one_does_not() {
    let world = world().await;
    let old = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &old).await.status, 202);
    world.azure.rotate_keys().unwrap();
    let new = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &new).await.status, 202);
    assert_eq!(world.show("grid", &old).await.status, 401);
}

#[tokio::test]
async fn while_the_authority_is_down_known_keys_count_and_the_rest_is_told_to_wait() {
    let world = world().await;
    let fault = Fault::Status {
        status: 503,
        retry_after: None,
    };
    world
        .azure
        .knobs(|knobs| knobs.always(Call::OpenIdConfiguration, fault.clone()));
    let token = world.grid_token(&json!({ "exp": world.clock.now().as_second() + 86_400 }));
    let reply = world.show("grid", &token).await;
    assert_eq!(
        reply.status, 503,
        "never 401: Event Grid would drop the event"
    );
    assert_eq!(reply.headers["retry-after"], "6");
    let asked = world.azure.requests_of(Call::OpenIdConfiguration).len();
    assert_eq!(world.show("grid", &token).await.status, 503);
    assert_eq!(
        world.azure.requests_of(Call::OpenIdConfiguration).len(),
        asked
    );

    world.azure.knobs(Knobs::no_faults);
    world.jump(Duration::from_secs(5));
    assert_eq!(world.show("grid", &token).await.status, 202);

    // Down again, for longer than keys stay fresh.
    world
        .azure
        .knobs(|knobs| knobs.always(Call::KeySet, Fault::LostBefore));
    world.jump(Duration::from_hours(2));
    assert_eq!(world.show("grid", &token).await.status, 202);
    world.azure.rotate_keys().unwrap();
    let new = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &new).await.status, 503);
    let expired = world.grid_token(&json!({ "exp": 1 }));
    assert_eq!(
        world.show("grid", &expired).await.status,
        503,
        "nobody can tell who signed it"
    );
    world.azure.knobs(Knobs::no_faults);
    world.jump(Duration::from_secs(5));
    assert_eq!(world.show("grid", &new).await.status, 202);
}

#[tokio::test]
async fn an_authority_that_leads_elsewhere_is_not_followed() {
    let world = world().await;
    world
        .azure
        .knobs(|knobs| knobs.always(Call::OpenIdConfiguration, Fault::Garbled));
    let token = world.grid_token(&json!({}));
    assert_eq!(world.show("grid", &token).await.status, 503);
    world.azure.knobs(Knobs::no_faults);
    let elsewhere = Fault::Redirect("https://localhost:1/".to_owned());
    world
        .azure
        .knobs(|knobs| knobs.always(Call::KeySet, elsewhere));
    world.jump(Duration::from_secs(5));
    assert_eq!(world.show("grid", &token).await.status, 503);
}

#[tokio::test]
async fn many_at_once_cause_one_look() {
    let world = world().await;
    let token = world.grid_token(&json!({}));
    let all = (0..20).map(|_| world.show("grid", &token));
    let replies = futures_util::future::join_all(all).await;
    assert!(replies.iter().all(|reply| reply.status == 202));
    assert_eq!(world.looks(), 1);
}

#[tokio::test]
async fn a_jobs_claims_open_for_its_own_address() {
    let world = world().await;
    let token = world.job_token(&json!({}));
    let reply = world.report(from(RUNNER, &token), RUNNER).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    world.settle().await;
    assert_eq!(world.entries(), [RUNNER]);
    let ledger = world.ledger().await;
    let What::Denied(denied) = &ledger[0] else {
        panic!("{ledger:?}")
    };
    let proof = denied.proof.as_ref().unwrap();
    assert_eq!(proof.claim("ref"), Some("refs/heads/main"));
    assert_eq!(
        (proof.claim("user_email"), proof.claim("exp")),
        (None, None)
    );
    assert_eq!(proof.peer, Some(RUNNER.parse().unwrap()));
    assert!(
        !serde_json::to_string(&ledger)
            .unwrap()
            .contains(token.split('.').nth(2).unwrap())
    );
}

#[tokio::test]
async fn for_any_other_address_a_job_can_only_ask() {
    let world = world().await;
    let token = world.job_token(&json!({}));
    for address in ["20.99.1.3", OURS] {
        world.report(from(RUNNER, &token), address).await;
        world.settle().await;
        let verdict = world.verdict().await;
        assert_eq!(verdict.action, Action::Ask, "{address}");
        assert_eq!(verdict.notes[0].code, NoteCode::NotOwnAddress);
    }
    assert!(world.entries().is_empty());
}

#[tokio::test]
async fn an_invented_forwarded_for_changes_nothing() {
    let victim = "20.99.1.3";
    for (peer, forwarded, opens) in [
        // Nobody trusts the runner as a proxy.
        (RUNNER, victim.to_owned(), false),
        // The proxy appended what it saw; the left end is the job's invention.
        (PROXY, format!("{victim}, {RUNNER}"), false),
        (PROXY, String::new(), false),
        (PROXY, format!("{RUNNER}, {victim}:4711, 10.0.0.8"), true),
    ] {
        let world = world().await;
        let token = world.job_token(&json!({}));
        let request = from(peer, &token).header("x-forwarded-for", &forwarded);
        assert_eq!(world.report(request, victim).await.status, 202);
        world.settle().await;
        assert_eq!(world.entries() == [victim], opens, "{peer} {forwarded}");
    }
}

#[tokio::test]
async fn a_job_of_another_repository_or_for_another_audience_is_not_heard() {
    let world = world().await;
    for changes in [
        json!({ "repository": "fabrikam/api" }),
        json!({ "repository": null }),
        json!({ "aud": "https://other.example" }),
        json!({ "iss": "https://token.actions.githubusercontent.com" }),
    ] {
        let token = world.job_token(&changes);
        let reply = world.report(from(RUNNER, &token), RUNNER).await;
        assert_eq!(reply.status, 401, "{changes}");
    }
    let branch = world.job_token(&json!({ "ref": "refs/pull/1/merge" }));
    assert_eq!(
        world.report(from(RUNNER, &branch), RUNNER).await.status,
        202
    );
    world.settle().await;
    assert_eq!(
        world.verdict().await.rule,
        None,
        "heard, and allowed nothing"
    );
    assert!(world.entries().is_empty());
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
async fn signed_deliveries_are_heard_by_every_key_and_only_once() {
    let world = world().await;
    let key = STANDARD
        .decode(SECRET.strip_prefix("whsec_").unwrap())
        .unwrap();
    let body = message(OURS);
    for (id, key, new) in [
        ("msg_1", &key[..], 1),
        ("msg_1", &key, 0),
        ("msg_2", OLD_SECRET.as_bytes(), 1),
    ] {
        let reply = world.report(signed(&world, id, key, &body), OURS).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
        assert_eq!(
            serde_json::from_str::<Value>(&reply.text).unwrap()["new"],
            new
        );
    }
    world.settle().await;
    assert_eq!(world.entries(), [OURS]);
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
async fn a_bad_or_old_signature_is_refused_before_anything_is_parsed() {
    let world = world().await;
    let key = OLD_SECRET.as_bytes();
    let body = message(OURS);
    let good = signed(&world, "msg_1", key, &body);
    let wrong_key = signed(&world, "msg_1", b"some other secret", &body);
    assert_eq!(world.report(wrong_key, OURS).await.status, 401);
    let other_body = signed(&world, "msg_1", key, "{");
    let reply = world.report(other_body, OURS).await;
    assert_eq!(reply.status, 401);
    assert_eq!(
        reply.headers["www-authenticate"],
        "Signature realm=\"doorward\""
    );
    let unsigned = Request::post("/events/signed");
    assert_eq!(
        world.send(unsigned.body("{".into()).unwrap()).await.status,
        401
    );
    world.jump(Duration::from_secs(301));
    assert_eq!(world.report(good, OURS).await.status, 401);
    assert!(world.kinds().await.is_empty());
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
