//! Tests of `token`.

use super::*;
use crate::policy::{Glob, Style};
use serde_json::json;

const NOW: i64 = 1_800_000_000;

fn expected() -> Expected {
    Expected {
        issuers: vec!["https://issuer/".into()],
        audiences: vec!["AAAA".into(), "api://AAAA".into()],
        tenant: Some("t".into()),
        app: Some("grid".into()),
        role: Some("Sender".into()),
        claims: vec![ClaimIs {
            name: "ref".into(),
            any: vec![Glob::parse("refs/tags/*", Style::Path).unwrap()],
        }],
    }
}

fn check(change: impl FnOnce(&mut Value)) -> Result<(), BadToken> {
    let mut claims = json!({
        "iss": "https://issuer/", "aud": "aaaa", "tid": "T", "appid": "GRID", "roles": ["Reader", "Sender"],
        "ref": "refs/tags/v1", "exp": NOW + 300, "nbf": NOW, "iat": NOW,
    });
    change(&mut claims);
    expected().check(
        claims.as_object().unwrap(),
        Timestamp::from_second(NOW).unwrap(),
    )
}

#[test]
fn both_forms_of_audience_and_application_and_a_minute_of_leeway() {
    for good in [
        json!({}),
        json!({ "aud": "api://aaaa" }),
        json!({ "aud": ["other", "aaaa"] }),
        json!({ "appid": null, "azp": "grid" }),
        json!({ "azp": "grid" }),
        json!({ "exp": NOW - 59 }),
        json!({ "exp": 1_800_000_300.5 }),
        json!({ "exp": 1.9e9, "nbf": 1.7e9 }),
        json!({ "nbf": NOW + 60 }),
        json!({ "nbf": null }),
    ] {
        assert_eq!(check(|claims| merge(claims, &good)), Ok(()), "{good}");
    }
}

#[test]
fn everything_else_is_refused_with_a_reason() {
    for (bad, why) in [
        (json!({ "iss": null }), BadToken::NoClaim("iss")),
        (json!({ "iss": "https://issuer" }), other("iss")),
        (json!({ "aud": null }), BadToken::NoClaim("aud")),
        (json!({ "aud": 7 }), BadToken::NoClaim("aud")),
        (json!({ "aud": "aaaab" }), other("aud")),
        (json!({ "aud": [] }), other("aud")),
        (json!({ "tid": null }), BadToken::NoClaim("tid")),
        (json!({ "tid": "u" }), other("tid")),
        (json!({ "appid": null }), BadToken::NoClaim("appid")),
        (json!({ "appid": "other" }), other("appid")),
        (json!({ "azp": "other" }), other("appid")),
        (json!({ "roles": null }), BadToken::NoClaim("roles")),
        (json!({ "roles": "Sender" }), BadToken::NoClaim("roles")),
        (json!({ "roles": ["sender"] }), other("roles")),
        (json!({ "ref": null }), other("ref")),
        (json!({ "ref": "refs/heads/main" }), other("ref")),
        (json!({ "exp": null }), BadToken::NoClaim("exp")),
        (json!({ "exp": "1800000300" }), BadToken::NoClaim("exp")),
        (json!({ "exp": 1e300 }), BadToken::NoClaim("exp")),
        (json!({ "exp": NOW - 60 }), BadToken::Expired),
        (json!({ "nbf": NOW + 61 }), BadToken::Early),
        (json!({ "nbf": "soon" }), BadToken::NoClaim("nbf")),
        (json!({ "nbf": 9.9e300 }), BadToken::NoClaim("nbf")),
        (json!({ "nbf": 9.9e9 }), BadToken::Early),
        (json!({ "nbf": u64::MAX }), BadToken::NoClaim("nbf")),
        (json!({ "iat": NOW + 61 }), BadToken::Early),
        (json!({ "iat": 9.9e300 }), BadToken::NoClaim("iat")),
        (json!({ "exp": 9.9e300 }), BadToken::NoClaim("exp")),
        (json!({ "exp": 1.8e-9 }), BadToken::Expired),
    ] {
        assert_eq!(check(|claims| merge(claims, &bad)), Err(why), "{bad}");
    }
}

/// Sets fields; `null` takes one out.
fn merge(claims: &mut Value, changes: &Value) {
    let claims = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        claims.remove(name);
        if !value.is_null() {
            claims.insert(name.clone(), value.clone());
        }
    }
}

#[test]
fn only_a_header_with_rs256_and_a_kid_is_looked_at() {
    let token = |header: &Value| format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header.to_string()));
    let good = json!({ "alg": "RS256", "kid": "k" });
    assert_eq!(key_id(&token(&good)), Ok("k".to_owned()));
    for (bad, why) in [
        (
            token(&json!({ "alg": "none", "kid": "k" })),
            BadToken::Algorithm,
        ),
        (
            token(&json!({ "alg": "HS256", "kid": "k" })),
            BadToken::Algorithm,
        ),
        (
            token(&json!({ "alg": "rs256", "kid": "k" })),
            BadToken::Algorithm,
        ),
        (
            token(&json!({ "alg": "RS256", "kid": "k", "crit": ["b64"] })),
            BadToken::Algorithm,
        ),
        (token(&json!({ "alg": "RS256" })), BadToken::UnknownKey),
        (format!("{}.", token(&good)), BadToken::Malformed),
        (token(&good).replace("c2ln", ""), BadToken::Malformed),
        ("a.b.c".to_owned(), BadToken::Malformed),
        ("x".repeat(LONGEST + 1), BadToken::Oversized),
    ] {
        assert_eq!(key_id(&bad), Err(why));
    }
}
