//! People sign in: at a provider that says what a test wants, at a real one in a real browser, and behind
//! a platform that signs them in.

mod answers;
mod easy_auth;
mod hostile;
mod provider;
mod sessions;

use crate::world::{Reply, Setup, World};
use axum::body::Body;
use axum::http::Request;
use doorward_core::auth::sign_in::challenge;
use provider::{CLIENT, KID, Mood, Provider, SECRET, rs256, token};
use reqwest::Url;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where people reach doorward in these stories.
const HOME: &str = "https://doorward.contoso.com";

/// A sign-in that began: what went to the provider, and the browser's cookie.
pub(crate) struct Begun {
    pub(crate) asked: BTreeMap<String, String>,
    pub(crate) cookie: String,
}

/// Configures sign-in at `provider`.
pub(crate) fn at(provider: &Provider) -> impl FnOnce(&mut Setup) {
    let issuer = provider.issuer.clone();
    move |setup: &mut Setup| {
        let folder = setup.config["links"]["key"]["file"]
            .as_str()
            .unwrap()
            .to_owned();
        let file = folder + "-client-secret";
        std::fs::write(&file, SECRET).unwrap();
        setup.config["sign_in"] = json!({
            "issuer": issuer, "client_id": CLIENT, "client_secret": { "file": file },
            "roles": ["doorward.approver"], "groups": ["g1"],
        });
    }
}

pub(crate) async fn get(world: &World, path: &str, cookie: &str) -> Reply {
    let request = Request::get(path).header("cookie", cookie);
    world.send(request.body(Body::empty()).unwrap()).await
}

/// What a browser keeps of a `Set-Cookie`, and sends back.
pub(crate) fn kept(reply: &Reply, name: &str) -> Option<String> {
    let all = reply.headers.get_all("set-cookie").iter();
    let all = all.map(|value| value.to_str().unwrap());
    let mut set = all.filter(|value| value.starts_with(&format!("{name}=")));
    let last = set.next_back()?;
    Some(last.split(';').next().unwrap().to_owned())
}

/// Begins a sign-in that comes back to `to`.
pub(crate) async fn begin(world: &World, to: &str) -> Begun {
    let reply = get(world, &format!("/sign-in?to={to}"), "").await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    let url: Url = reply.headers["location"].to_str().unwrap().parse().unwrap();
    Begun {
        asked: url.query_pairs().into_owned().collect(),
        cookie: kept(&reply, "__Host-doorward-sign-in").unwrap(),
    }
}

/// Comes back from the provider with a code.
pub(crate) async fn come_back(world: &World, begun: &Begun) -> Reply {
    let path = format!("/sign-in/callback?code=c1&state={}", begun.asked["state"]);
    get(world, &path, &begun.cookie).await
}

/// The claims of an approver who answers what was asked.
pub(crate) fn claims(world: &World, provider: &Provider, begun: &Begun) -> Value {
    let now = world.clock.now().as_second();
    json!({
        "iss": provider.issuer, "aud": CLIENT, "sub": "s1", "nonce": begun.asked["nonce"],
        "iat": now, "exp": now + 300, "name": "Ana Lima", "roles": ["doorward.approver"],
    })
}

/// The provider's token with these claims.
pub(crate) fn signed(claims: &Value) -> Mood {
    let header = json!({ "alg": "RS256", "kid": KID });
    Mood::Token(token(&header, claims, rs256))
}

/// Signs an approver in; their cookie.
pub(crate) async fn signed_in(world: &World, provider: &Provider) -> String {
    let begun = begin(world, "/account").await;
    provider.is(signed(&claims(world, provider, &begun)));
    let reply = come_back(world, &begun).await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    kept(&reply, "__Host-doorward-session").unwrap()
}

#[tokio::test]
async fn person_signs_in_and_comes_back_to_the_page_asked_for() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let begun = begin(&world, "/requests/a.b.c").await;
    provider.is(signed(&claims(&world, &provider, &begun)));
    let reply = come_back(&world, &begun).await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    let back = "https://doorward.contoso.com/requests/a.b.c";
    assert_eq!(reply.headers["location"], back);
    let set = reply.headers.get_all("set-cookie").iter();
    let set: Vec<&str> = set.map(|value| value.to_str().unwrap()).collect();
    let session = |it: &&&str| it.starts_with("__Host-doorward-session=");
    let session = set.iter().find(session).unwrap();
    for part in [
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
        "Path=/",
        "Max-Age=43200",
    ] {
        assert!(session.contains(&format!("; {part}")), "{session}");
    }
    assert!(!session.contains("Domain"), "{session}");
    let over = |it: &&str| it.starts_with("__Host-doorward-sign-in=;") && it.contains("Max-Age=0");
    assert!(set.iter().any(over), "{set:?}");
    let session = kept(&reply, "__Host-doorward-session").unwrap();
    let page = get(&world, "/account", &session).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Signed in as Ana Lima"), "{}", page.text);
    assert!(page.text.contains("<code>s1</code>"), "{}", page.text);
}

#[tokio::test]
async fn provider_is_asked_with_pkce_and_told_who_asks() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let begun = begin(&world, "/requests/a.b.c").await;
    let asked = &begun.asked;
    for (name, value) in [
        ("response_type", "code"),
        ("response_mode", "query"),
        ("client_id", CLIENT),
        (
            "redirect_uri",
            "https://doorward.contoso.com/sign-in/callback",
        ),
        ("scope", "openid profile"),
        ("code_challenge_method", "S256"),
        ("p", "1"),
    ] {
        assert_eq!(asked[name], value);
    }
    assert!(asked["state"].len() == 43 && asked["nonce"].len() == 43);
    assert!(!asked.values().any(|value| value.contains("requests")));
    come_back(&world, &begun).await;
    let exchanges = provider.exchanges();
    let form = Url::parse(&format!("form:?{}", exchanges[0].form)).unwrap();
    let form: BTreeMap<String, String> = form.query_pairs().into_owned().collect();
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["code"], "c1");
    // What was sent first is the digest of what is sent now.
    assert_eq!(challenge(&form["code_verifier"]), asked["code_challenge"]);
    assert!(!form.contains_key("client_secret"));
    // `doorward:client%3Asecret%2Fwith%2Bsigns`
    let basic = "Basic ZG9vcndhcmQ6Y2xpZW50JTNBc2VjcmV0JTJGd2l0aCUyQnNpZ25z";
    assert_eq!(exchanges[0].authorization, basic);
}

#[tokio::test]
async fn way_back_never_leads_to_another_site() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/%5Cevil.example",
        "/a%0d%0ab",
        "%2F%2Fevil.example",
        "",
    ] {
        let begun = begin(&world, to).await;
        provider.is(signed(&claims(&world, &provider, &begun)));
        let reply = come_back(&world, &begun).await;
        assert_eq!(reply.headers["location"], format!("{HOME}/account"), "{to}");
    }
}

#[tokio::test]
async fn sign_in_pages_are_absent_where_nobody_signs_in() {
    let world = World::new().await;
    for path in ["/sign-in", "/sign-in/callback?code=c&state=s", "/account"] {
        assert_eq!(get(&world, path, "").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn pages_of_sign_in_begin_nothing_for_whoever_only_looks() {
    let provider = Provider::start().await;
    let world = World::with(at(&provider)).await;
    let begun = begin(&world, "/account").await;
    provider.is(signed(&claims(&world, &provider, &begun)));
    let path = format!("/sign-in/callback?code=c1&state={}", begun.asked["state"]);
    let head = Request::head(&path).header("cookie", &begun.cookie);
    let reply = world.send(head.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status, 405);
    assert!(provider.exchanges().is_empty());
    assert!(world.app.ledger.sessions().await.unwrap().is_empty());
}
