//! What an ID token must say, and what it must not be enough for.

use super::*;
use serde_json::json;

const NOW: i64 = 1_800_000_000;
const TENANT: &str = "22222222-0000-4000-8000-000000000002";

fn question(claims: &Value) -> Result<(), NotSignedIn> {
    let question = Question {
        issuer: "https://id.example/t",
        client_id: "Doorward",
        nonce: "n1",
    };
    question.is_answered_by(
        claims.as_object().unwrap(),
        Timestamp::from_second(NOW).unwrap(),
    )
}

fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example/t", "aud": "Doorward", "sub": "s1", "nonce": "n1",
        "iat": NOW, "exp": NOW + 300, "name": "Ana",
    });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

#[test]
fn token_answers_only_the_question_that_was_asked() {
    for good in [
        json!({}),
        json!({ "aud": ["Doorward"] }),
        json!({ "azp": "Doorward" }),
        json!({ "aud": ["other", "Doorward"], "azp": "Doorward" }),
    ] {
        assert_eq!(question(&claims(&good)), Ok(()), "{good}");
    }
    for (bad, why) in [
        (json!({ "nonce": null }), NotSignedIn::Nonce),
        (json!({ "nonce": "" }), NotSignedIn::Nonce),
        (json!({ "nonce": "n2" }), NotSignedIn::Nonce),
        (
            json!({ "aud": "doorward" }),
            BadToken::Other("aud".to_owned()).into(),
        ),
        (
            json!({ "aud": "other" }),
            BadToken::Other("aud".to_owned()).into(),
        ),
        (
            json!({ "aud": ["other", "Doorward"] }),
            NotSignedIn::AuthorizedParty,
        ),
        (json!({ "azp": "other" }), NotSignedIn::AuthorizedParty),
        (
            json!({ "iss": "https://id.example/t/" }),
            BadToken::Other("iss".to_owned()).into(),
        ),
        (json!({ "iat": null }), BadToken::NoClaim("iat").into()),
        (json!({ "exp": null }), BadToken::NoClaim("exp").into()),
        (json!({ "exp": NOW - 61 }), BadToken::Expired.into()),
    ] {
        assert_eq!(question(&claims(&bad)), Err(why), "{bad}");
    }
}

fn admission(subject: Subject) -> Admission {
    Admission {
        subject,
        roles: ["doorward.approver".to_owned()].into(),
        groups: ["g1".to_owned()].into(),
    }
}

fn person(subject: Subject, changes: &Value) -> Result<Person, NotSignedIn> {
    admission(subject).person(claims(changes).as_object().unwrap())
}

#[test]
fn role_or_group_admits_and_nothing_that_people_can_change() {
    let by_role = person(Subject::Sub, &json!({ "roles": ["doorward.approver"] })).unwrap();
    assert_eq!(
        (by_role.id.subject.as_str(), by_role.name.as_str()),
        ("s1", "Ana")
    );
    assert!(person(Subject::Sub, &json!({ "groups": ["g0", "g1"] })).is_ok());
    for no in [
        json!({}),
        json!({ "roles": "doorward.approver" }),
        json!({ "roles": ["Doorward.Approver"], "groups": [] }),
        json!({ "email": "doorward.approver", "preferred_username": "g1", "name": "g1" }),
        // One that has no more than its groups leaves nothing open.
        json!({ "groups": ["g2"], "hasgroups": false }),
    ] {
        assert_eq!(
            person(Subject::Sub, &no),
            Err(NotSignedIn::NotAuthorised),
            "{no}"
        );
    }
}

#[test]
fn groups_that_do_not_fit_into_the_token_are_told_and_a_role_is_enough() {
    for overage in [
        json!({ "_claim_names": { "groups": "src1" } }),
        json!({ "hasgroups": true }),
    ] {
        assert_eq!(
            person(Subject::Sub, &overage),
            Err(NotSignedIn::TooManyGroups)
        );
        let mut with_role = overage;
        with_role["roles"] = json!(["doorward.approver"]);
        assert!(person(Subject::Sub, &with_role).is_ok());
    }
}

#[test]
fn entra_person_is_tenant_and_object_id() {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let mut entra = json!({
        "iss": issuer, "tid": TENANT, "oid": "o1", "roles": ["doorward.approver"],
    });
    let found = person(Subject::Oid, &entra).unwrap().id;
    assert_eq!(
        (found.issuer.as_str(), found.subject.as_str()),
        (issuer.as_str(), "o1")
    );
    entra["tid"] = json!("33333333-0000-4000-8000-000000000003");
    assert_eq!(
        person(Subject::Oid, &entra),
        Err(NotSignedIn::Nobody("tid"))
    );
    for absent in ["oid", "tid", "sub"] {
        let mut entra = json!({
            "iss": issuer, "tid": TENANT, "oid": "o1", "roles": ["doorward.approver"],
        });
        entra[absent] = Value::Null;
        assert_eq!(
            person(Subject::Oid, &entra),
            Err(NotSignedIn::Nobody(absent))
        );
    }
}

#[test]
fn way_back_never_leads_to_another_site() {
    for own in [
        "/",
        "/requests/a.b-c_d",
        "/status/contosoprod?x=1&y=%20",
        "/account",
    ] {
        assert_eq!(own_path(own), Some(own));
    }
    for foreign in [
        "",
        "requests",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "/a\r\nset-cookie:x",
        "/@evil.example",
        "/a/../../b",
        "/\u{2044}evil.example",
        "javascript:alert(1)",
        "/#x",
    ] {
        assert_eq!(own_path(foreign), None, "{foreign:?}");
    }
    assert_eq!(own_path(&format!("/{}", "a".repeat(LONGEST_PATH))), None);
}

#[test]
fn challenge_is_that_of_the_standard() {
    // RFC 7636, appendix B.
    assert_eq!(
        challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
}
