//! Tokens: who gets one, and what Resource Manager makes of it.

use super::{STABLE, Story, code, reply};
use doorward_sim::{CLIENT_ID, CLIENT_SECRET, Call, TENANT};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use std::time::Duration;

const SCOPE: &str = "https://management.azure.com/.default";

async fn token(story: &Story, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}{TENANT}/oauth2/v2.0/token", story.azure.authority());
    let base = [("grant_type", "client_credentials"), ("scope", SCOPE)];
    let form: Vec<_> = base.iter().chain(form).collect();
    reply(story.http.post(url).form(&form).send().await.unwrap()).await
}

async fn read_with(story: &Story, token: &str) -> (u16, Value) {
    let base = story.azure.resource_manager_tls().trim_end_matches('/');
    let url = format!("{base}{}?api-version={STABLE}", Story::path());
    reply(story.http.get(url).bearer_auth(token).send().await.unwrap()).await
}

#[tokio::test]
async fn a_client_secret_gets_a_token_that_resource_manager_takes_over_tls() {
    let story = Story::begin().await;
    let secret = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    let (status, body) = token(&story, &secret).await;
    assert_eq!((status, &body["token_type"]), (200, &json!("Bearer")));
    assert_eq!(body["expires_in"], 3600);
    let bearer = body["access_token"].as_str().unwrap();
    let (status, registry) = read_with(&story, bearer).await;
    assert_eq!((status, &registry["name"]), (200, &json!("contosoprod")));

    story.clock.advance(Duration::from_hours(1));
    let (status, body) = read_with(&story, bearer).await;
    assert_eq!((status, code(&body)), (401, "ExpiredAuthenticationToken"));
    let recorded = story.azure.requests_of(Call::Token);
    assert!(!format!("{recorded:?}").contains(CLIENT_SECRET));
}

#[tokio::test]
async fn an_assertion_of_the_trusted_subject_gets_a_token() {
    let story = Story::begin().await;
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let form = |assertion: &str| {
        vec![
            ("client_id", CLIENT_ID.to_owned()),
            ("client_assertion_type", kind.to_owned()),
            ("client_assertion", assertion.to_owned()),
        ]
    };
    let ask = async |assertion: &str| {
        let form = form(assertion);
        let form: Vec<_> = form
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        token(&story, &form).await
    };
    let (status, body) = ask(&story.azure.federated_token()).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        read_with(&story, body["access_token"].as_str().unwrap())
            .await
            .0,
        200
    );

    let other = json!({ "iss": story.azure.issuer(), "aud": "api://AzureADTokenExchange", "sub": "somebody", "exp": 4_000_000_000_u32 });
    let (status, body) = ask(&story.azure.mint(&other)).await;
    assert_eq!((status, &body["error_codes"]), (401, &json!([700_213])));
    let (status, body) = ask("no.such.token").await;
    assert_eq!((status, &body["error_codes"]), (401, &json!([700_027])));
}

#[tokio::test]
async fn wrong_credentials_are_refused_as_entra_does() {
    let story = Story::begin().await;
    for (client, secret, status, number) in [
        (CLIENT_ID, "wrong", 401, 7_000_215),
        (
            "55555555-0000-4000-8000-000000000005",
            CLIENT_SECRET,
            400,
            700_016,
        ),
        (CLIENT_ID, "", 400, 7_000_216),
    ] {
        let (got, body) = token(&story, &[("client_id", client), ("client_secret", secret)]).await;
        assert_eq!(
            (got, &body["error_codes"]),
            (status, &json!([number])),
            "{body}"
        );
        let says = body["error_description"].as_str().unwrap();
        assert!(says.starts_with(&format!("AADSTS{number}: ")), "{says}");
    }
    let url = format!("{}nobody/oauth2/v2.0/token", story.azure.authority());
    let (status, body) = reply(story.http.post(url).send().await.unwrap()).await;
    assert_eq!((status, &body["error_codes"]), (400, &json!([90_002])));
}

#[tokio::test]
async fn managed_identity_gives_a_token_for_its_header() {
    let story = Story::begin().await;
    let ask = async |header: &str, version: &str| {
        let request = story
            .http
            .get(story.azure.identity_endpoint())
            .query(&[
                ("api-version", version),
                ("resource", "https://management.azure.com"),
            ])
            .header("x-identity-header", header);
        reply(request.send().await.unwrap()).await
    };
    let (status, body) = ask(story.azure.identity_header(), "2019-08-01").await;
    assert_eq!(status, 200);
    assert_eq!(body["resource"], "https://management.azure.com");
    assert_eq!(body["token_type"], "Bearer");
    let expires: i64 = body["expires_on"].as_str().unwrap().parse().unwrap();
    assert_eq!(expires - story.clock.now().as_second(), 86_400);
    assert_eq!(
        read_with(&story, body["access_token"].as_str().unwrap())
            .await
            .0,
        200
    );
    assert_eq!(ask("wrong", "2019-08-01").await.0, 401);
    assert_eq!(
        ask(story.azure.identity_header(), "2018-02-01").await.0,
        400
    );
}

#[tokio::test]
async fn a_token_that_is_missing_changed_or_for_another_is_refused_with_a_challenge() {
    let story = Story::begin().await;
    let (_, body) = read_with(&story, "a.b.c").await;
    assert_eq!(code(&body), "InvalidAuthenticationToken");
    let other = story
        .azure
        .mint(&json!({ "aud": "https://vault.azure.net", "exp": 4_000_000_000_u32 }));
    let (_, body) = read_with(&story, &other).await;
    assert_eq!(code(&body), "InvalidAuthenticationTokenAudience");
    let url = format!(
        "{}subscriptions?api-version=2022-12-01",
        story.azure.resource_manager()
    );
    let response = story.http.get(url).send().await.unwrap();
    assert_eq!(response.status(), 401);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains(story.azure.authority()), "{challenge}");
}

#[tokio::test]
async fn the_openid_configuration_leads_to_keys_that_verify_what_is_minted() {
    let story = Story::begin().await;
    let url = format!(
        "{}{TENANT}/v2.0/.well-known/openid-configuration",
        story.azure.authority()
    );
    let (_, configuration) = reply(story.http.get(url).send().await.unwrap()).await;
    assert_eq!(configuration["issuer"], story.azure.issuer());
    let keys = async || -> JwkSet {
        let url = configuration["jwks_uri"].as_str().unwrap();
        story
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let verify = |token: &str, keys: &JwkSet| {
        let mut wanted = Validation::new(Algorithm::RS256);
        wanted.set_audience(&["doorward"]);
        let key = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
        jsonwebtoken::decode::<Value>(token, &key, &wanted).is_ok()
    };
    let claims = json!({ "aud": "doorward", "exp": 4_000_000_000_u32 });
    let token = story.azure.mint(&claims);
    assert!(verify(&token, &keys().await));
    story.azure.rotate_keys().unwrap();
    assert!(!verify(&token, &keys().await));
    assert!(verify(&story.azure.mint(&claims), &keys().await));
}

#[tokio::test]
async fn only_who_trusts_the_authority_speaks_tls_with_it() {
    let story = Story::begin().await;
    let other = Story::begin().await;
    let url = format!("{}common/discovery/instance", story.azure.authority());
    assert!(other.http.get(&url).send().await.is_err());
    assert_eq!(story.http.get(&url).send().await.unwrap().status(), 200);
}
