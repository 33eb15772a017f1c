//! What `sign_in` may say, and what is refused.

use super::{broken, least, read};
use doorward::config::SignInWay;
use doorward_core::auth::sign_in::Subject;
use std::time::Duration;

const ENTRA: &str = "https://login.microsoftonline.com/22222222-0000-4000-8000-000000000002/v2.0";

fn with(sign_in: &str) -> String {
    least(&format!(
        "public_url: https://doorward.contoso.com\nsign_in: {{ {sign_in} }}\n"
    ))
}

#[test]
fn sign_in_knows_people_by_the_claim_of_their_provider() {
    let rest = "client_id: d, client_secret: { env: S }, roles: [doorward.approver]";
    for (named, subject) in [
        (format!("issuer: '{ENTRA}', {rest}"), Subject::Oid),
        (
            format!("issuer: 'https://id.contoso.com', {rest}"),
            Subject::Sub,
        ),
        (
            format!("issuer: 'https://id.contoso.com', subject: oid, {rest}"),
            Subject::Oid,
        ),
        (
            format!("issuer: 'http://127.0.0.1:9', {rest}"),
            Subject::Sub,
        ),
    ] {
        let sign_in = read(&with(&named)).sign_in.unwrap();
        assert_eq!(sign_in.admission.subject, subject, "{named}");
        assert_eq!(sign_in.idle, Duration::from_hours(1));
        assert_eq!(sign_in.longest, Duration::from_hours(12));
    }
    let easy = "trusted_proxies: [10.0.0.0/8]\nsign_in: { easy_auth: { tenant_id: 22222222-0000-4000-8000-000000000002 }, groups: g1 }\n";
    let sign_in = read(&least(easy)).sign_in.unwrap();
    assert!(matches!(sign_in.way, SignInWay::EasyAuth { .. }));
    assert_eq!(sign_in.admission.subject, Subject::Oid);
    assert!(sign_in.admission.groups.contains("g1"));
}

#[test]
fn sign_in_that_would_hear_anybody_is_refused() {
    let client = "client_id: d, client_secret: { env: S }";
    let entra = format!("issuer: '{ENTRA}'");
    for (sign_in, told) in [
        (format!("{entra}, {client}"), "does not say who may sign in"),
        (
            format!("{entra}, {client}, roles: []"),
            "does not say who may sign in",
        ),
        (
            format!("issuer: 'https://login.microsoftonline.com/common/v2.0', {client}, roles: r"),
            "stands for every tenant",
        ),
        (
            format!("issuer: 'http://id.contoso.com', {client}, roles: r"),
            "no https URL of an issuer",
        ),
        (
            format!("{entra}, client_secret: hunter2, client_id: d, roles: r"),
            "a secret is named here, never written",
        ),
        (
            format!("{entra}, roles: r"),
            "the field `client_id` is missing",
        ),
        (
            format!("{client}, roles: r"),
            "the field `issuer` is missing",
        ),
        (
            format!("{entra}, {client}, roles: r, session: {{ max: 8d }}"),
            "nobody stays signed in for that long",
        ),
        (
            format!("{entra}, {client}, roles: r, subject: email"),
            "help: write `sub` or `oid`",
        ),
        (
            "easy_auth: { tenant_id: 22222222-0000-4000-8000-000000000002 }, roles: r".to_owned(),
            "there are none",
        ),
        (
            "easy_auth: { tenant_id: contoso }, roles: r".to_owned(),
            "this is not a GUID",
        ),
    ] {
        let said = broken(&with(&sign_in));
        assert!(said.contains(told), "{told}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let plain = format!(
        "public_url: http://doorward.contoso.com\nsign_in: {{ {entra}, {client}, roles: r }}\n"
    );
    let said = broken(&least(&plain));
    assert!(said.contains("people sign in over https only"), "{said}");
}
