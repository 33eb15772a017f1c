//! Stories of denials as clients print them: one cause of trouble each, and laws that hold for all.

use super::*;

mod laws;
mod services;

const R: &str = "fabrikam.azurecr.io";
const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn denied(
    ip: &str,
    registry: Option<&str>,
    repository: Option<&str>,
    reference: Option<&str>,
) -> Denial {
    Denial {
        kind: Kind::Denied,
        service: Service::Acr,
        ip: Some(ip.parse().unwrap()),
        registry: registry.map(str::to_owned),
        repository: repository.map(str::to_owned),
        reference: reference.map(str::to_owned),
        resource: None,
        attribution: None,
    }
}

fn ungraded(found: Vec<Denial>) -> Vec<Denial> {
    let plain = |denial| Denial {
        attribution: None,
        ..denial
    };
    found.into_iter().map(plain).collect()
}

/// What a document holds, whatever the grade of it.
fn parse_document(bytes: &[u8]) -> Vec<Denial> {
    ungraded(json::parse_document(bytes))
}

/// What a text holds, whatever the grade of it.
fn extract(text: &str) -> Vec<Denial> {
    ungraded(crate::intake::extract::extract(text))
}

/// The text holds this one denial by 20.1.2.3 and nothing else.
#[track_caller]
fn one(text: &str, registry: Option<&str>, repository: Option<&str>, reference: Option<&str>) {
    let expected = denied("20.1.2.3", registry, repository, reference);
    assert_eq!(parse_document(text.as_bytes()), [expected], "{text}");
}

#[track_caller]
fn none(text: &str) {
    assert_eq!(parse_document(text.as_bytes()), [], "{text}");
}

#[track_caller]
fn suspected(text: &str, registry: &str, repository: Option<&str>, reference: Option<&str>) {
    let expected = Denial {
        kind: Kind::Suspected,
        ip: None,
        ..denied("20.1.2.3", Some(registry), repository, reference)
    };
    assert_eq!(parse_document(text.as_bytes()), [expected], "{text}");
}

#[test]
fn the_sentence_alone_is_a_denial() {
    one(
        "client with IP '20.1.2.3' is not allowed access",
        None,
        None,
        None,
    );
    one(
        "client with IP 20.1.2.3 is not allowed access.",
        None,
        None,
        None,
    );
    one(
        "CLIENT WITH IP \"20.1.2.3\" IS NOT ALLOWED ACCESS",
        None,
        None,
        None,
    );
    let v6 = extract("denied: client with IP '2603:1030::1' is not allowed access.");
    assert_eq!(v6, [denied("2603:1030::1", None, None, None)]);
}

#[test]
fn clients_frame_it_in_their_ways() {
    let says = "client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.";
    let manifest = format!("https://{R}/v2/team/app/manifests/v1");
    let all = (Some(R), Some("team/app"), Some("v1"));
    for text in [
        format!("Error response from daemon: Head \"{manifest}\": denied: {says}"),
        format!("Error response from daemon: Head {manifest}: denied: {says}"),
        format!("GET {manifest}: DENIED: {says}"),
        format!("Error: GET \"{manifest}\": response status code 403: denied: {says}"),
        format!("FATA[0001] copying: reading manifest v1 in {R}/team/app:v1: denied: {says}"),
        format!(
            "error checking push permissions: checking push permission for \"{R}/team/app:v1\": POST https://{R}/v2/team/app/blobs/uploads/: DENIED: {says}"
        ),
        format!(
            "Invalid value: \"{R}/team/app:v1\": GET https:?scope=repository%3Ateam%2Fapp%3Apull&service={R}: DENIED: {says}"
        ),
        format!(
            "Failed to pull image \"{R}/team/app:v1\": rpc error: code = Unknown desc = Error response from daemon: Get \"https://{R}/v2/\": denied: {says}"
        ),
        format!(
            "Pushing image: {R}/team/app:v1, attempt 1\nThe push refers to repository [{R}/team/app]\n0a1b: Preparing\n0a1b: Waiting\ndenied: {says}"
        ),
        format!(
            "Pulling image: {R}/team/app:v1\nDockerApiException: Get \"https://{R}/v2/\": denied: {says}"
        ),
    ] {
        one(&text, all.0, all.1, all.2);
    }
    one(
        &format!(
            "$ docker login {R} -u ci\nError response from daemon: Get \"<https://{R}/v2/>\": denied: {says}"
        ),
        Some(R),
        None,
        None,
    );
    one(
        &format!("POST https://{R}/oauth2/token: DENIED: {says}"),
        Some(R),
        None,
        None,
    );
    one(
        &format!("Get \"https://{R}/v2/app/manifests/{DIGEST}\": denied: {says}"),
        Some(R),
        Some("app"),
        Some(DIGEST),
    );
    one(
        &format!("Get \"https://fabrikam.northeurope.data.azurecr.io/1/2?sig=x\": denied: {says}"),
        Some(R),
        None,
        None,
    );
    one(
        &format!("Get \"https://fabrikam.azurecr.cn/v2/\": denied: {says}"),
        Some("fabrikam.azurecr.cn"),
        None,
        None,
    );
}

#[test]
fn a_custom_domain_is_the_registry_that_the_request_names() {
    let says = "denied: client with IP '20.1.2.3' is not allowed access.";
    one(
        &format!("Head \"https://cr.example.com/v2/app/manifests/v1\": {says}"),
        Some("cr.example.com"),
        Some("app"),
        Some("v1"),
    );
    one(
        &format!(
            "Failed to pull image \"cr.example.com/app:v1\": Get \"https://cr.example.com/v2/\": {says}"
        ),
        Some("cr.example.com"),
        Some("app"),
        Some("v1"),
    );
    one(
        &format!("The push refers to repository [cr.example.com/app]\n{says}"),
        Some("cr.example.com"),
        Some("app"),
        None,
    );
    one(
        &format!("POST https://management.azure.com/subscriptions/1: {says}"),
        None,
        None,
        None,
    );
}

#[test]
fn escapes_are_undone_however_deep() {
    let body = r#"{"errors":[{"code":"DENIED","message":"client with IP \u002720.1.2.3\u0027 is not allowed access."}]}"#;
    let mut text = format!("Get \"https://{R}/v2/app/manifests/v1\": denied: {body}");
    for _ in 0..6 {
        one(&text, Some(R), Some("app"), Some("v1"));
        text = serde_json::json!({ "message": text }).to_string();
    }
    one(
        &format!("\"{R}/app:v1\": {}", body.escape_default()),
        Some(R),
        Some("app"),
        Some("v1"),
    );
    one(
        "message: 'denied: client with IP ''20.1.2.3'' is not allowed access'",
        None,
        None,
        None,
    );
    one(
        "client+with+IP+%2720.1.2.3%27+is+not+allowed+access",
        None,
        None,
        None,
    );
    one(
        "b'client with IP \\x2720.1.2.3\\x27 is not allowed access'",
        None,
        None,
        None,
    );
    one(
        "denied: client with IP &amp;#39;20.1.2.3&amp;#39; is not allowed access",
        None,
        None,
        None,
    );
    one(
        "\\u001b[31mdenied: client with IP '\\u001b[1m20.1.2.3\\u001b[0m' is not allowed access",
        None,
        None,
        None,
    );
}

#[test]
fn wraps_fall_anywhere() {
    for text in [
        "# denied: client with\n#   IP '20.1.2.3' is not\n# allowed access.",
        "> denied: client with IP '20.1.\n> 2.3' is not allowed access. Refer https://aka.m\n> s/acr/firewall",
        "│ denied: client with IP '20.1.2.3' is not allo │\n│ wed access.                                  │",
        "2025-02-01T10:00:00.1234567Z ##[error]denied: client with\n2025-02-01T10:00:00.1234568Z ##[error]IP '20.1.2.3' is not allowed access",
        "web-1  | denied: client with IP\nweb-1  | '20.1.2.3' is not allowed access",
        "Feb 01 10:00:00 ci-7 dockerd[81]: denied: client with IP '20.1.2.3'\nFeb 01 10:00:00 ci-7 dockerd[81]: is not allowed access",
        "message: >-\n  denied: client with IP\n  '20.1.2.3' is\n  not allowed access",
        "message: |\r\n  denied: client with IP '20.1.2.3'\r\n  is not allowed access\r\n",
        "<td>denied: client with IP<br/>'20.1.2.3' is not allowed access</td>",
        "denied: client with IP '20.1.2.3' is not allowed\n",
        "denied: client with IP '20.1.2.3' is no",
    ] {
        one(text, None, None, None);
    }
}

#[test]
fn masked_addresses_are_no_denials() {
    for ip in [
        "00.00.000.000",
        "720.1.2.3",
        "52.xxx.xxx.xxx",
        "x.x.x.x",
        "...",
        "***",
        "<ip>",
        "20.1.2.999",
        "20.01.2.3",
    ] {
        none(&format!(
            "denied: client with IP '{ip}' is not allowed access."
        ));
        suspected(
            &format!(
                "Get https://{R}/v2/app/manifests/v1: denied: client with IP '{ip}' is not allowed access."
            ),
            R,
            Some("app"),
            Some("v1"),
        );
    }
    none("denied: client with");
    none("denied: client with IP '20.1.2.3");
}

#[test]
fn other_sentences_are_none() {
    for text in [
        "Create an entry for a client with IP '20.1.2.3' and path '/x'.",
        "client with IP '20.1.2.3' is not allowed access to the admin page",
        "Origin 'http://20.1.2.3:3000' is therefore not allowed access.",
        "a client with IP 20.1.2.3 is allowed access",
        r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#,
        "ACR fabrikam.azurecr.io rejected token exchange: status: 403. body: {\"errors\":[{\"code\":\"DENIED\",\"message\":\"retrieving permissions failed\"}]}",
        "Failed to pull image \"ghcr.io/a/b:1\": failed to fetch anonymous token: unexpected status: 403 Forbidden",
        "probe fabrikam.northeurope.data.azurecr.io: HTTP 403",
        "unexpected status from GET request to https://fabrikam.azurecr.io/oauth2/token?scope=repository%3Aapp%3Apull: 401 Unauthorized",
    ] {
        none(text);
    }
}

#[test]
fn a_403_without_its_message_is_suspected() {
    for text in [
        format!(
            "Failed to pull image \"{R}/app:v1\": failed to resolve reference \"{R}/app:v1\": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://{R}/oauth2/token?scope=repository%3Aapp%3Apull&service={R}: 403 Forbidden"
        ),
        format!(
            "Failed to pull image \"{R}/app:v1\": failed to fetch oauth token: unexpected status: 403 Forbidden"
        ),
        format!(
            "HEAD https://{R}/v2/app/manifests/v1: unexpected status code 403 Forbidden (HEAD responses have no body, use GET for details)"
        ),
        format!(
            "Error: HEAD \"https://{R}/v2/app/manifests/v1\": response status code 403: Forbidden"
        ),
        format!(
            "initializing source docker://{R}/app:v1: Requesting bearer token: invalid status code from registry 403 (Forbidden)"
        ),
    ] {
        suspected(&text, R, Some("app"), Some("v1"));
    }
    suspected(
        &format!(
            "Looks like you don't have access to registry '{R}'. Are firewalls and virtual networks enabled?"
        ),
        R,
        None,
        None,
    );
}

#[test]
fn each_denial_has_its_own_surroundings() {
    let says = |ip: &str| format!("denied: client with IP '{ip}' is not allowed access.");
    let text = format!(
        "Get \"https://a.azurecr.io/v2/x/manifests/1\": {}\nGet \"https://b.azurecr.io/v2/y/manifests/2\": {}",
        says("20.1.2.3"),
        says("20.1.2.4")
    );
    assert_eq!(
        extract(&text),
        [
            denied("20.1.2.3", Some("a.azurecr.io"), Some("x"), Some("1")),
            denied("20.1.2.4", Some("b.azurecr.io"), Some("y"), Some("2"))
        ]
    );
    let text = format!(
        "Logging in to registry: a.azurecr.io\nLogin Succeeded\nLogging in to registry: b.azurecr.io\n{}",
        says("20.1.2.3")
    );
    one(&text, Some("b.azurecr.io"), None, None);
    let text = format!(
        "Pulling a.azurecr.io/x:1\nPulling b.azurecr.io/y:2\n{}",
        says("20.1.2.3")
    );
    one(&text, None, None, None);
    let text = format!(
        "copy from a.azurecr.io/x:1 to b.azurecr.io/x:1: {}",
        says("20.1.2.3")
    );
    one(&text, None, None, None);
    let text = format!(
        "docker pull node:20-slim: 503 from docker.io\ndocker login {R}: {}",
        says("20.1.2.3")
    );
    one(&text, Some(R), None, None);
    let text = format!(
        "Get \"https://a.azurecr.io/v2/\": {}\n{}",
        says("20.1.2.4"),
        says("20.1.2.3")
    );
    assert_eq!(
        extract(&text).last(),
        Some(&denied("20.1.2.3", None, None, None))
    );
}

#[test]
fn a_masked_registry_is_none() {
    let says = "denied: client with IP '20.1.2.3' is not allowed access.";
    one(
        &format!("Get \"https://***.azurecr.io/v2/\": {says}"),
        None,
        None,
        None,
    );
    one(
        &format!("Get \"https://.azurecr.io/v2/\": {says}"),
        None,
        None,
        None,
    );
    one(
        &format!(
            "FROM base.azurecr.io/x:1\nSTEP 2\nSTEP 3\nGet \"https://***.azurecr.io/v2/\": {says}"
        ),
        None,
        None,
        None,
    );
    one(
        &format!("Get \"[https://{R}/v2/\"](https://***.azurecr.io/v2/%22): {says}"),
        Some(R),
        None,
        None,
    );
}

#[test]
fn an_import_is_refused_by_its_source() {
    let failed = "Operation registries-1 failed. Resource /subscriptions/1/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/target Invalid message Forbidden {\"errors\":[{\"code\":\"DENIED\",\"message\":\"client with IP \\u002720.1.2.3\\u0027 is not allowed access.\"}]}";
    one(failed, None, None, None);
    one(
        &format!("az acr import -n target --source {R}/app:v1 --image app:v1\n{failed}"),
        Some(R),
        Some("app"),
        Some("v1"),
    );
    one(
        &format!("az acr import -n target.azurecr.io --source {R}/app:v1\n{failed}"),
        Some(R),
        Some("app"),
        Some("v1"),
    );
}

#[test]
fn a_denial_printed_again_is_one() {
    let says = "denied: client with IP '20.1.2.3' is not allowed access.";
    one(
        &format!("Get \"https://{R}/v2/app/manifests/v1\": {says}\n##[error]{says}\n{says}"),
        Some(R),
        Some("app"),
        Some("v1"),
    );
    one(
        &format!(
            "Access to registry '{R}' was denied. Response code: 403.\nGet \"https://{R}/v2/\": {says}"
        ),
        Some(R),
        None,
        None,
    );
}

#[test]
fn records_do_not_lend_each_other_their_registries() {
    let says = "denied: client with IP '20.1.2.3' is not allowed access.";
    let own = serde_json::json!({ "status": { "image": format!("{R}/app:v1"), "waiting": { "message": says } } });
    one(&own.to_string(), Some(R), Some("app"), Some("v1"));
    let others = serde_json::json!([{ "message": says }, { "image": format!("{R}/app:v1") }]);
    one(&others.to_string(), None, None, None);
    let around = serde_json::json!({ "registry": R, "events": [{ "message": says }, { "image": "b.azurecr.io/y:2" }] });
    one(&around.to_string(), Some(R), None, None);
    let custom = serde_json::json!({ "image": "cr.example.com/app:v1", "message": says });
    one(
        &custom.to_string(),
        Some("cr.example.com"),
        Some("app"),
        Some("v1"),
    );
    let lines = serde_json::json!({ "log": [format!("Pulling {R}/app:v1"), says] });
    one(&lines.to_string(), Some(R), Some("app"), Some("v1"));
}

#[test]
fn a_record_with_status_403_is_suspected_with_its_caller() {
    let row = |status: serde_json::Value| {
        serde_json::json!({
            "category": "ContainerRegistryRepositoryEvents", "resultType": "HttpStatusCode", "resultDescription": status, "callerIpAddress": "20.1.2.3",
            "resourceId": "/SUBSCRIPTIONS/1/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/FABRIKAM",
            "properties": { "loginServer": R, "repository": "app", "tag": "v1", "digest": "<nil>" }
        })
    };
    let expected = Denial {
        kind: Kind::Suspected,
        resource: Some("/subscriptions/1/resourcegroups/g/providers/microsoft.containerregistry/registries/fabrikam".to_owned()),
        ..denied("20.1.2.3", Some(R), Some("app"), Some("v1"))
    };
    for status in [serde_json::json!("403"), serde_json::json!(403)] {
        let lines = format!(
            "{}\n{}\n",
            row(serde_json::json!("200")),
            row(status.clone())
        );
        assert_eq!(
            parse_document(lines.as_bytes()),
            std::slice::from_ref(&expected)
        );
        let envelope = serde_json::json!({ "records": [row(status.clone())] }).to_string();
        assert_eq!(
            parse_document(envelope.as_bytes()),
            std::slice::from_ref(&expected)
        );
        let logged = format!("2025-02-01T10:00:00Z record {}", row(status));
        assert_eq!(
            parse_document(logged.as_bytes()),
            std::slice::from_ref(&expected)
        );
    }
}

#[test]
fn text_in_other_encodings_is_read() {
    let text = "client with IP '20.1.2.3' is not allowed access";
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    assert_eq!(parse_document(&wide).len(), 1);
    let broken = [
        b"\xff\xfe\xfd".as_slice(),
        b"\x80 ",
        text.as_bytes(),
        b" \xc3",
    ]
    .concat();
    assert_eq!(parse_document(&broken[3..]).len(), 1);
}
