//! The firewall's sentence in the words of a caller: in every field of every form that is known, it is no
//! denial.

use crate::process::{Installation, until};
use crate::world::{OURS, REGISTRY, World, furnished, message};
use clock::Clock;
use doorward_core::intake::delivery;
use doorward_core::intake::delivery::Head;
use doorward_core::intake::denial::Kind;
use serde_json::{Map, Value, json};

const FORGED: &str = "20.61.10.4";
const ID: &str = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries/contosoprod";

fn sentence() -> String {
    format!(
        "client with IP '{FORGED}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
    )
}

/// What a caller may write: the sentence, as a client prints it, or as documents that a reader could take
/// for records of their own.
fn words() -> Vec<String> {
    let said = sentence();
    vec![
        format!("denied: {said}"),
        format!("Get \"https://contosoprod.azurecr.io/v2/\": denied: {said}"),
        json!({ "image": "contosoprod.azurecr.io/a:1", "error": format!("denied: {said}") }).to_string(),
        json!({ "category": "ContainerRegistryLoginEvents", "loginServer": "contosoprod.azurecr.io", "callerIpAddress": FORGED, "resultDescription": "403" }).to_string(),
        json!([{ "message": said }]).to_string(),
        said,
    ]
}

fn record(status: &str) -> Value {
    json!({
        "time": "2026-11-27T10:00:00Z", "resourceId": ID, "category": "ContainerRegistryLoginEvents", "operationName": "Login",
        "operationVersion": "1.0", "resultType": "HttpStatusCode", "resultDescription": status, "callerIpAddress": "51.9.9.9",
        "correlationId": "c", "identity": "somebody", "location": "westeurope", "level": "Informational",
        "properties": {
            "loginServer": "contosoprod.azurecr.io", "userAgent": "docker/24", "repository": "a", "tag": "1", "digest": "d",
            "mediaType": "m", "artifactType": "t", "username": "u", "userTenantId": "t", "region": "r", "message": "m", "errorMessage": "e",
        }
    })
}

fn row(status: &str) -> Value {
    json!({
        "TimeGenerated": "2026-11-27T10:00:00Z", "Type": "ContainerRegistryRepositoryEvents", "_ResourceId": ID, "OperationName": "Pull",
        "ResultType": "HttpStatusCode", "ResultDescription": status, "CallerIpAddress": "51.9.9.9", "CorrelationId": "c", "Identity": "i",
        "LoginServer": "contosoprod.azurecr.io", "UserAgent": "docker/24", "Repository": "a", "Tag": "1", "Digest": "d", "MediaType": "m", "JoinId": "j",
    })
}

fn alert(context: &Value) -> Value {
    json!({
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": { "alertId": "/subscriptions/x/a", "alertRule": "r", "monitorCondition": "Fired", "firedDateTime": "2026-11-27T10:00:00Z", "alertTargetIDs": [ID], "description": "d" },
            "alertContext": context,
        }
    })
}

/// Every form, with the names whose values are a service's own words and so may state a denial.
#[expect(clippy::too_many_lines, reason = "a table of forms")]
fn forms() -> Vec<(&'static str, Value, &'static [&'static str])> {
    let dimension = |name: &str| json!({ "name": name, "value": "v" });
    let names = [
        "UserAgent",
        "Identity",
        "Repository",
        "Tag",
        "CorrelationId",
        "loginServer",
        "_ResourceId",
    ];
    let dimensions: Vec<Value> = names.iter().map(|name| dimension(name)).collect();
    let columns: Vec<Value> = names
        .iter()
        .map(|name| json!({ "name": name, "type": "string" }))
        .collect();
    let cells: Vec<&str> = names.iter().map(|_| "v").collect();
    let request = json!({ "id": "r", "addr": "51.9.9.9", "host": "contosoprod.azurecr.io", "method": "PUT", "useragent": "docker/24" });
    let target =
        json!({ "mediaType": "m", "size": 1, "digest": "d", "repository": "a", "tag": "1" });
    let notice = json!({ "id": "n", "timestamp": "t", "action": "push", "target": target, "request": request, "actor": { "name": "n" } });
    vec![
        (
            "record that succeeded",
            json!({ "records": [record("200")] }),
            &[],
        ),
        ("record that was not let in", json!([record("401")]), &[]),
        (
            "record of another's refusal",
            json!({ "records": [record("403")] }),
            &[],
        ),
        ("record alone", record("200"), &[]),
        ("row", json!([row("200")]), &[]),
        ("row of another's refusal", row("403"), &[]),
        (
            "activity",
            json!({ "records": [{
            "time": "2026-11-27T10:00:00Z", "resourceId": ID, "operationName": "MICROSOFT.CONTAINERREGISTRY/REGISTRIES/WRITE", "category": "Administrative",
            "resultType": "Failure", "callerIpAddress": "51.9.9.9", "correlationId": "c", "identity": { "claims": { "name": "n", "ipaddr": "51.9.9.9" }, "authorization": { "scope": "s" } },
            "properties": { "requestbody": "b", "eventCategory": "e", "entity": "e", "hierarchy": "h", "userAgent": "u" }
        }] }),
            &[],
        ),
        (
            "dimensions",
            alert(
                &json!({ "condition": { "allOf": [{ "searchQuery": "q", "dimensions": dimensions, "metricValue": 1 }] } }),
            ),
            &["name", "description"],
        ),
        (
            "table",
            alert(
                &json!({ "SearchQuery": "q", "SearchResults": { "tables": [{ "name": "t", "columns": columns, "rows": [cells] }] } }),
            ),
            &["name", "description"],
        ),
        (
            "activity alert",
            alert(
                &json!({ "authorization": { "action": "a" }, "claims": "{}", "caller": "c", "correlationId": "c", "operationName": "o", "httpRequest": "h", "properties": { "requestbody": "b" } }),
            ),
            &["description"],
        ),
        (
            "event of a push",
            json!([{ "id": "1", "topic": ID, "subject": "a:1", "eventType": "Microsoft.ContainerRegistry.ImagePushed", "eventTime": "2026-11-27T10:00:00Z", "data": notice }]),
            &[],
        ),
        (
            "event in the cloud's form",
            json!({ "specversion": "1.0", "id": "1", "type": "Microsoft.ContainerRegistry.ImageDeleted", "source": ID, "subject": "a:1", "data": notice }),
            &["specversion"],
        ),
        ("webhook", notice.clone(), &["action"]),
        ("notices", json!({ "events": [notice] }), &["action"]),
    ]
}

/// Every version of a value in which one of its strings is replaced by `word`.
fn planted(value: &Value, word: &str, besides: &[&str]) -> Vec<(String, Value)> {
    let inside =
        |name: String, inner: &Value, with: &dyn Fn(Value) -> Value| -> Vec<(String, Value)> {
            let all = planted(inner, word, besides).into_iter();
            all.map(|(path, inner)| (format!("{name}/{path}"), with(inner)))
                .collect()
        };
    match value {
        Value::String(_) => vec![(String::new(), json!(word))],
        Value::Array(items) => (0..items.len())
            .flat_map(|at| {
                let with = |inner| {
                    let mut items = items.clone();
                    items[at] = inner;
                    Value::Array(items)
                };
                inside(at.to_string(), &items[at], &with)
            })
            .collect(),
        Value::Object(fields) => fields
            .iter()
            // What makes a form the form that it is is no caller's.
            .filter(|(name, _)| {
                !besides.contains(&&***name) && *name != "schemaId" && *name != "eventType"
            })
            .flat_map(|(name, inner)| {
                let with = |inner| {
                    let mut fields: Map<String, Value> = fields.clone();
                    fields.insert(name.clone(), inner);
                    Value::Object(fields)
                };
                inside(name.clone(), inner, &with)
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[track_caller]
fn states_nothing(form: &str, path: &str, body: &Value) {
    let head = Head::of([("content-type", "application/json")]);
    let text = body.to_string();
    let read = delivery::read(&head, text.as_bytes()).unwrap();
    let reports = read.reports.into_iter().map(|report| report.denial);
    for denial in reports.chain(delivery::denials(text.as_bytes())) {
        let forged = denial.ip.is_some_and(|ip| ip.to_string() == FORGED);
        // A record may name its caller otherwise: that is a service's own field, and no sentence.
        let own =
            denial.kind == Kind::Suspected && path.to_ascii_lowercase().contains("calleripaddress");
        assert!(!forged || own, "{form} {path}: {denial:?}");
    }
}

#[test]
fn a_callers_words_are_no_denial_in_any_field_of_any_form() {
    let mut tried = 0;
    for word in words() {
        for (form, body, besides) in forms() {
            for (path, body) in planted(&body, &word, besides) {
                states_nothing(form, &path, &body);
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

#[test]
fn a_service_s_own_words_are_a_denial() {
    let mut good = record("403");
    good["callerIpAddress"] = json!(FORGED);
    for field in ["message", "errorMessage"] {
        let mut good = good.clone();
        good["properties"][field] = json!(sentence());
        let found = delivery::denials(json!({ "records": [good] }).to_string().as_bytes());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind, Kind::Denied, "{field}");
        assert!(found[0].names_registry_surely());
    }
}

#[tokio::test]
async fn a_forged_record_opens_nothing_whatever_its_source_is_trusted_with() {
    let world = World::with(|setup| {
        setup.config["sources"][1]["registry"] = json!("contosoprod.azurecr.io");
    })
    .await;
    for source in ["clusters", "logs"] {
        for word in words() {
            let mut forged = record("200");
            for field in ["userAgent", "repository", "tag", "username", "message"] {
                forged["properties"][field] = json!(word);
            }
            forged["identity"] = json!(word);
            forged["correlationId"] = json!(word);
            let reply = world
                .deliver(source, &json!({ "records": [forged] }).to_string())
                .await;
            assert_eq!(reply.status, 202, "{}", reply.text);
        }
    }
    world.settle().await;
    assert!(world.entries().is_empty());
    assert!(
        !world.kinds().await.contains(&"denied"),
        "{:?}",
        world.kinds().await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_record_opens_nothing_at_a_real_program() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "1h");
    let process = installed.serve().await;
    for word in words() {
        let word = word.replace(FORGED, OURS);
        let mut forged = record("200");
        forged["properties"]["userAgent"] = json!(word);
        forged["identity"] = json!(word);
        let body = json!({ "records": [forged] }).to_string();
        until("it is taken", async || {
            process.offer_as("application/json", body.clone()).await == 202
        })
        .await;
    }
    // What comes after them is opened, and they are not: it is the address that policy owns.
    until("it is taken, as a sender tries again", async || {
        process.offer(message("20.61.10.16")).await == 202
    })
    .await;
    until("what is no forgery is open", async || {
        azure.entries(REGISTRY) == ["20.61.10.16"]
    })
    .await;
    assert!(process.terminate().await.success());
    assert_eq!(azure.entries(REGISTRY), ["20.61.10.16"]);
    let grants = installed.kinds().await;
    assert_eq!(grants.iter().filter(|kind| **kind == "granted").count(), 1);
}

#[test]
fn parse_and_a_source_read_alike() {
    for line in include_str!("../texts/denials.jsonl").lines() {
        let text: Value = serde_json::from_str(line).unwrap();
        let text = text["text"].as_str().unwrap();
        let is_json = serde_json::from_str::<Value>(text)
            .is_ok_and(|value| value.is_object() || value.is_array());
        let kind = if is_json {
            "application/json"
        } else {
            "text/plain"
        };
        let read = delivery::read(&Head::of([("content-type", kind)]), text.as_bytes()).unwrap();
        let mut read: Vec<_> = read
            .reports
            .into_iter()
            .map(|report| report.denial)
            .collect();
        let mut parsed = delivery::denials(text.as_bytes());
        read.sort();
        read.dedup();
        parsed.sort();
        assert_eq!(read, parsed, "{text}");
    }
}
