//! What the platform in front says of who is signed in there: `X-MS-CLIENT-PRINCIPAL` of App Service and
//! Container Apps. It proves nothing by itself: it counts only from a proxy that is trusted to set it.
//!
//! Source: <https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities>. The
//! long names of claims come with tokens of version 1, the short ones with those of version 2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The header.
pub const HEADER: &str = "x-ms-client-principal";

/// The longest header that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

const TENANT: [&str; 2] = [
    "tid",
    "http://schemas.microsoft.com/identity/claims/tenantid",
];
const OBJECT: [&str; 2] = [
    "oid",
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
];
const ROLE: [&str; 2] = [
    "roles",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
];
const NAME: [&str; 2] = [
    "name",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
];

#[derive(Deserialize)]
struct Principal {
    auth_typ: String,
    #[serde(default)]
    claims: Vec<Claim>,
}

#[derive(Deserialize)]
struct Claim {
    typ: String,
    val: String,
}

/// The claims of the header's value under the names that an ID token has for them, if it is about an account
/// of `tenant`.
pub fn claims(header: &str, tenant: &str) -> Option<Map<String, Value>> {
    if header.len() > LONGEST {
        return None;
    }
    let principal = STANDARD.decode(header).ok()?;
    let principal: Principal = serde_json::from_slice(&principal).ok()?;
    let all = |names: &[&str]| {
        let named = principal.claims.iter();
        let named = named.filter(|claim| names.contains(&claim.typ.as_str()));
        named.map(|claim| claim.val.as_str()).collect::<Vec<_>>()
    };
    // Who somebody is, is said once.
    let one = |names: &[&str]| match all(names).as_slice() {
        [only] if !only.is_empty() => Some((*only).to_owned()),
        _ => None,
    };
    let (tid, oid) = (one(&TENANT)?, one(&OBJECT)?);
    if principal.auth_typ != "aad" || !tid.eq_ignore_ascii_case(tenant) {
        return None;
    }
    let claims = json!({
        "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        "tid": tenant,
        "oid": oid,
        "sub": oid,
        "name": one(&NAME),
        "roles": all(&ROLE),
        "groups": all(&["groups"]),
        "hasgroups": one(&["hasgroups"]),
        "_claim_names": (!all(&["_claim_names"]).is_empty()).then(|| json!({ "groups": "" })),
    });
    claims.as_object().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::sign_in::{Admission, NotSignedIn, Subject};

    const TENANT_ID: &str = "22222222-0000-4000-8000-000000000002";

    fn header(claims: &[(&str, &str)]) -> String {
        let claims: Vec<Value> = claims
            .iter()
            .map(|(typ, val)| json!({ "typ": typ, "val": val }))
            .collect();
        STANDARD.encode(json!({ "auth_typ": "aad", "claims": claims }).to_string())
    }

    fn person(claims: &[(&str, &str)]) -> Option<Result<String, NotSignedIn>> {
        let admission = Admission {
            subject: Subject::Oid,
            roles: ["doorward.approver".to_owned()].into(),
            groups: ["g1".to_owned()].into(),
        };
        let found = super::claims(&header(claims), TENANT_ID)?;
        Some(admission.person(&found).map(|person| person.id.subject))
    }

    #[test]
    fn both_forms_of_claims_name_the_person() {
        let long = [
            (TENANT[1], TENANT_ID),
            (OBJECT[1], "o1"),
            (ROLE[1], "doorward.approver"),
        ];
        let short = [("tid", TENANT_ID), ("oid", "o1"), ("groups", "g1")];
        assert_eq!(person(&long), Some(Ok("o1".to_owned())));
        assert_eq!(person(&short), Some(Ok("o1".to_owned())));
        let none = [
            ("tid", TENANT_ID),
            ("oid", "o1"),
            ("name", "doorward.approver"),
        ];
        assert_eq!(person(&none), Some(Err(NotSignedIn::NotAuthorised)));
        let many = [("tid", TENANT_ID), ("oid", "o1"), ("hasgroups", "true")];
        assert_eq!(person(&many), Some(Err(NotSignedIn::TooManyGroups)));
    }

    #[test]
    fn another_tenant_and_what_is_said_twice_count_as_nothing() {
        for bad in [
            &[
                ("tid", "33333333-0000-4000-8000-000000000003"),
                ("oid", "o1"),
            ][..],
            &[("tid", TENANT_ID), ("oid", "o1"), ("oid", "o2")],
            &[("tid", TENANT_ID), ("oid", "o1"), (OBJECT[1], "o2")],
            &[("tid", TENANT_ID)],
            &[("oid", "o1")],
        ] {
            assert_eq!(person(bad), None, "{bad:?}");
        }
        for bad in ["", "e30=", "!!", &"A".repeat(LONGEST + 4)] {
            assert_eq!(claims(bad, TENANT_ID), None);
        }
    }
}
