//! Requests: what a link shows, and who may answer.

use crate::parts::{ORIGIN, PROD, Parts, TEST, post};
use crate::world::{Reply, with_shown};
use axum::body::Body;
use axum::http::{Method, Request};
use std::time::Duration;

async fn open(parts: &Parts, link: &str) -> Reply {
    parts
        .call(Request::get(link).body(Body::empty()).unwrap())
        .await
}

/// Sends the form as a browser does, with these headers.
async fn send(parts: &Parts, link: &str, form: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = post(link).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    parts
        .call(request.body(form.to_owned().into()).unwrap())
        .await
}

/// Answers as a browser does that has the page open.
async fn answer(parts: &Parts, link: &str, form: &str) -> Reply {
    let page = open(parts, link).await;
    let form = &with_shown(form, &page.text);
    let headers = [("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
    send(parts, link, form, &headers).await
}

#[tokio::test]
async fn a_link_shows_the_request_and_changes_nothing() {
    let parts = Parts::new().await;
    let link = parts.asked(PROD).await;
    let before = parts.world.kinds().await;
    let page = open(&parts, &link).await;
    assert_eq!(page.status, 200);
    for shown in [
        "Open contosoprod for 20.1.2.3?",
        "2 hours 30 minutes",
        "unknown-callers",
        "source <code>alerts</code>",
        "2026-11-22 13:00:00 UTC",
        "Nobody knows this address",
        "The caller chose this text",
        "<form method=\"post\" class=\"answer\">",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    assert!(
        !page.text.contains("<b>api"),
        "what callers choose is escaped"
    );
    let head = Request::builder().method(Method::HEAD).uri(&link);
    let head = parts.call(head.body(Body::empty()).unwrap()).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(parts.world.kinds().await, before);
}

#[tokio::test]
async fn the_page_is_kept_by_nobody_and_framed_by_nobody() {
    let parts = Parts::new().await;
    let link = parts.asked(PROD).await;
    let page = open(&parts, &link).await;
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("x-frame-options"), "DENY");
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    for loose in ["unsafe", "data:", "http", "*"] {
        assert!(!policy.contains(loose), "{policy}");
    }
    assert!(policy.contains("script-src 'self';"), "{policy}");
    assert!(page.header("permissions-policy").contains("camera=()"));
    // Nothing runs, and nothing is dressed up, but what is served as a file of its own.
    let own = "<script src=\"../static/doorward.js?";
    assert_eq!(page.text.matches("<script").count(), 1, "{}", page.text);
    assert!(page.text.contains(own), "{}", page.text);
    for inline in [
        "<style",
        " style=",
        " onclick=",
        "javascript:",
        "http-equiv",
    ] {
        assert!(!page.text.contains(inline), "{inline}: {}", page.text);
    }
    let script = open(&parts, "/static/doorward.js").await;
    assert_eq!(
        script.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    let style = open(&parts, "/static/doorward.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn a_yes_opens_once() {
    let parts = Parts::new().await;
    let link = parts.asked(PROD).await;
    let page = answer(&parts, &link, "answer=allow").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("<h1>Approved: adding rule…</h1>"),
        "{}",
        page.text
    );
    assert_eq!(
        parts.world.kinds().await,
        ["requested", "answered", "granted"]
    );
    for form in ["answer=allow", "answer=deny"] {
        let again = answer(&parts, &link, form).await;
        assert_eq!(again.status, 409);
        assert!(
            again.text.contains("the first response is final"),
            "{}",
            again.text
        );
    }
    assert_eq!(
        parts.world.kinds().await,
        ["requested", "answered", "granted"]
    );
    let shown = open(&parts, &link).await;
    assert_eq!(shown.status, 200);
    assert!(shown.text.contains("Approved by link at") && !shown.text.contains("name=\"answer\""));
}

#[tokio::test]
async fn a_no_opens_nothing() {
    let parts = Parts::new().await;
    let link = parts.asked(PROD).await;
    let page = answer(&parts, &link, "answer=deny").await;
    assert!(page.text.contains("<h1>Denied</h1>"), "{}", page.text);
    assert_eq!(parts.world.kinds().await, ["requested", "answered"]);
}

#[tokio::test]
async fn of_two_answers_at_once_one_counts() {
    let parts = Parts::new().await;
    let link = parts.asked(PROD).await;
    let (one, other) = tokio::join!(
        answer(&parts, &link, "answer=allow"),
        answer(&parts, &link, "answer=allow")
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(
        parts.world.kinds().await,
        ["requested", "answered", "granted"]
    );
}

#[tokio::test]
async fn a_form_from_anywhere_else_is_refused() {
    let parts = Parts::new().await;
    let link = parts.asked(PROD).await;
    let headers: [&[(&str, &str)]; 6] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "null"), ("sec-fetch-site", "same-origin")],
        &[("origin", ORIGIN), ("sec-fetch-site", "cross-site")],
        &[("origin", "http://doorward.contoso.com")],
    ];
    for headers in headers {
        let page = send(&parts, &link, "answer=allow", headers).await;
        assert_eq!(page.status, 403, "{headers:?}");
    }
    assert_eq!(parts.world.kinds().await, ["requested"]);
}

#[tokio::test]
async fn links_only_show_where_the_registry_does_not_say_otherwise() {
    let parts = Parts::new().await;
    let link = parts.asked(TEST).await;
    let page = open(&parts, &link).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("approvals: link")
            && !page.text.contains("<form")
            && !page.text.contains("let them in")
    );
    let refused = answer(&parts, &link, "answer=allow").await;
    assert_eq!(refused.status, 403);
    assert_eq!(parts.world.kinds().await, ["requested"]);
}

#[tokio::test]
async fn an_old_link_is_gone_and_a_forged_one_was_never_there() {
    let parts = Parts::new().await;
    let link = parts.asked(PROD).await;
    let forged = format!("{}x{}", &link[..link.len() - 1], "");
    for link in [forged.as_str(), "/requests/a.b.c", "/requests/%ff"] {
        assert_eq!(open(&parts, link).await.status, 404, "{link}");
        let refused = answer(&parts, link, "answer=allow").await;
        assert_eq!(refused.status, 404, "{link}");
    }
    parts.world.jump(Duration::from_hours(1));
    assert_eq!(open(&parts, &link).await.status, 410);
    let late = answer(&parts, &link, "answer=allow").await;
    assert_eq!(late.status, 410);
    assert!(late.text.contains("no longer valid"), "{}", late.text);
    assert_eq!(parts.world.kinds().await, ["requested"]);
}

#[tokio::test]
async fn an_answer_is_allow_or_deny() {
    let parts = Parts::new().await;
    let link = parts.asked(PROD).await;
    for form in ["", "answer=", "answer=maybe", "answer=allow&answer=deny"] {
        let page = answer(&parts, &link, form).await;
        assert_eq!(page.status, 400, "{form}");
    }
    assert_eq!(parts.world.kinds().await, ["requested"]);
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_down_is_not_taken() {
    let parts = Parts::new().await;
    let link = parts.asked(PROD).await;
    parts.tamper("alter table ledger rename to elsewhere").await;
    let page = answer(&parts, &link, "answer=allow").await;
    assert_eq!(page.status, 503);
    parts.tamper("alter table elsewhere rename to ledger").await;
    assert_eq!(answer(&parts, &link, "answer=allow").await.status, 200);
}
