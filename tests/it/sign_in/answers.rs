//! People who are signed in answer requests that a link is not enough for.

use super::provider::Provider;
use super::{at, get, signed_in};
use crate::world::{Reply, STRANGER, World};
use axum::body::Body;
use axum::http::Request;
use doorward_core::ledger::event::LedgerEvent;
use serde_json::json;

async fn asked(provider: &Provider) -> (World, String) {
    let sign_in = at(provider);
    let world = World::with(|setup| {
        sign_in(setup);
        setup.config["registries"][0]["approvals"] = json!("sign_in");
    })
    .await;
    world.denied(STRANGER).await;
    world.settle().await;
    let link = world.last_message("link");
    let path = link.strip_prefix("https://doorward.contoso.com").unwrap();
    (world, path.to_owned())
}

async fn answer(world: &World, path: &str, cookie: &str, form: String) -> Reply {
    let request = Request::post(path)
        .header("cookie", cookie)
        .header("origin", "https://doorward.contoso.com")
        .header("content-type", "application/x-www-form-urlencoded");
    world.send(request.body(Body::from(form)).unwrap()).await
}

fn shown(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"shown\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn link_alone_shows_where_to_sign_in_and_whoever_does_answers_by_name() {
    let provider = Provider::start().await;
    let (world, path) = asked(&provider).await;
    let page = get(&world, &path, "").await;
    assert_eq!(page.status, 200);
    let sign_in = format!("../sign-in?to={path}");
    assert!(page.text.contains("Sign in to answer"), "{}", page.text);
    assert!(
        page.text.contains("../sign-in?to=/requests/"),
        "{sign_in}: {}",
        page.text
    );
    assert!(!page.text.contains("<form"), "{}", page.text);
    let refused = answer(&world, &path, "", "answer=allow".to_owned()).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    let cookie = signed_in(&world, &provider).await;
    let page = get(&world, &path, &cookie).await;
    assert!(page.text.contains("Signed in as Ana Lima"), "{}", page.text);
    let form = format!(
        "answer=allow&reason=known+agent&shown={}",
        shown(&page.text)
    );
    let done = answer(&world, &path, &cookie, form).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(done.text.contains("Ana Lima"), "{}", done.text);
    world.settle().await;
    assert_eq!(world.entries(), [STRANGER]);
    let by = world
        .ledger()
        .await
        .into_iter()
        .find_map(|what| match what {
            LedgerEvent::Answered { by, .. } => Some(by.to_string()),
            _ => None,
        });
    assert_eq!(by.as_deref(), Some("Ana Lima"));
}
