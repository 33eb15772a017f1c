//! What senders send: batches in which denials stand among what was served, in every wording and wrapper of
//! the project's texts, with ids and addresses of their own; single denials; and hostile input.

use crate::REGISTRY;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

const TEXTS: &str = include_str!("../../tests/texts/denials.jsonl");
const ID: &str = "/SUBSCRIPTIONS/00000000-0000-4000-8000-000000000001/RESOURCEGROUPS/REGISTRIES/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/FABRIKAM";

/// How many records a batch has, and of ten of them how many are denials.
pub(crate) const IN_A_BATCH: u32 = 100;
const DENIALS: u32 = 3;

/// From how many addresses the denials of one load come.
const ADDRESSES: u32 = 5120;

/// How many different bodies a load has.
const BODIES: u32 = 170;

/// How large hostile bodies are.
const HOSTILE: usize = 1_000_000;

/// Bodies of one kind, and how many records each has.
pub(crate) struct Load {
    pub(crate) name: String,
    pub(crate) bodies: Vec<String>,
    pub(crate) records: u32,
}

/// The address in the project's texts, whose place others take.
const TOLD: &str = "20.1.2.3";

/// The wordings that are also measured alone: what registries and those who pull most often print.
const ALONE: &[&str] = &[
    "sentence",
    "sentence, CorrelationId",
    "answer",
    "kubelet-event",
    "containerd-logfmt",
    "docker-pull",
    "docker-login",
    "acr-task",
    "appservice",
    "aca-json",
    "gha-plain",
    "crlf80",
];

/// Carries a text in a record of an address.
type Wrap = fn(&str, Ipv4Addr, &str) -> Value;

const WRAPS: &[(&str, Wrap)] = &[
    ("resultDescription", |text, address, guid| {
        row(
            (address, guid),
            json!({ "resultDescription": text, "properties": { "loginServer": format!("{REGISTRY}.azurecr.io") } }),
        )
    }),
    ("properties.errorMessage", |text, address, guid| {
        row(
            (address, guid),
            json!({ "resultDescription": "403", "properties": { "errorMessage": text, "userAgent": "docker/24.0.7" } }),
        )
    }),
    ("properties.Log", |text, _, guid| {
        json!({ "time": "2026-11-22T10:00:00Z", "category": "ContainerAppSystemLogs", "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/SHOP/PROVIDERS/MICROSOFT.APP/MANAGEDENVIRONMENTS/SHOP",
            "properties": { "Log": text, "RevisionName": "api--0000007", "Reason": "ContainerTerminated", "Type": "Warning", "TraceId": guid } })
    }),
];

fn row((address, guid): (Ipv4Addr, &str), more: Value) -> Value {
    let mut row = json!({
        "time": clock::Clock::system().now(), "category": "ContainerRegistryLoginEvents", "operationName": "Login", "resultType": "HttpStatusCode",
        "resultDescription": "200", "callerIpAddress": address, "correlationId": guid, "resourceId": ID, "location": "westeurope",
        "identity": "8b1f2e6c-93a7-4c2e-8f70-1b2c3d4e5f6a", "durationMs": "31", "properties": { "userAgent": "docker/24.0.7" },
    });
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        row.extend(more);
    }
    row
}

/// A GUID of its own for a number.
fn guid(number: u32) -> String {
    let hash = u64::from(number)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (high, low) = (hash >> 32, hash & 0xffff_ffff_ffff);
    format!("{high:08x}-0000-4000-8000-{low:012x}")
}

/// The wordings, with their names.
fn wordings() -> anyhow::Result<Vec<(String, String)>> {
    let said = format!(
        "client with IP '{TOLD}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
    );
    let mut all = vec![
        ("sentence".to_owned(), format!("denied: {said}")),
        (
            "sentence, CorrelationId".to_owned(),
            format!("denied: {said} CorrelationId: GUID"),
        ),
        (
            "answer".to_owned(),
            json!({ "errors": [{ "code": "DENIED", "message": said }] }).to_string(),
        ),
    ];
    for line in TEXTS.lines() {
        let known: Value = serde_json::from_str(line)?;
        let denied = known.get("denied").and_then(Value::as_array);
        let (name, text) = (
            known.get("name").and_then(Value::as_str),
            known.get("text").and_then(Value::as_str),
        );
        if let (Some([_]), Some(name), Some(text)) = (denied.map(Vec::as_slice), name, text) {
            all.push((name.to_owned(), text.to_owned()));
        }
    }
    Ok(all)
}

/// Denial number `number` of these wordings, each in its wrapper.
fn denial(ways: &[(String, Wrap)], number: u32) -> Option<Value> {
    let count = u32::try_from(ways.len()).ok().filter(|count| *count > 0)?;
    let (text, wrap) = ways.get(usize::try_from(number % count).ok()?)?;
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(51, 0, 0, 0)) + number % ADDRESSES);
    let id = guid(number);
    let text = text
        .replace(TOLD, &address.to_string())
        .replace("GUID", &id);
    Some(wrap(&text, address, &id))
}

fn served(number: u32) -> Value {
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(20, 61, 11, 0)) + number % 250);
    row(
        (address, &guid(number)),
        json!({ "category": "ContainerRegistryRepositoryEvents", "operationName": "Pull" }),
    )
}

fn batches(name: String, ways: &[(String, Wrap)]) -> Load {
    let mut next = 0..u32::MAX;
    let mut body = |_| {
        let records = (0..IN_A_BATCH).filter_map(|number| {
            let denied = number * DENIALS / 10 != (number + 1) * DENIALS / 10;
            let denied = denied.then(|| denial(ways, next.next()?)).flatten();
            denied.or_else(|| Some(served(number)))
        });
        json!({ "records": records.collect::<Vec<_>>() }).to_string()
    };
    let bodies = (0..BODIES).map(&mut body).collect();
    Load {
        name,
        bodies,
        records: IN_A_BATCH,
    }
}

/// Every load there is.
pub(crate) fn loads() -> anyhow::Result<Vec<Load>> {
    let known = wordings()?;
    let ways = |name: Option<&str>, place: Option<&str>| -> Vec<(String, Wrap)> {
        let wordings = known
            .iter()
            .filter(|(known, _)| name.is_none_or(|name| name == known));
        wordings
            .flat_map(|(_, text)| {
                let wraps = WRAPS
                    .iter()
                    .filter(|(known, _)| place.is_none_or(|place| place == *known));
                wraps.map(|(_, wrap)| (text.clone(), *wrap))
            })
            .collect()
    };
    let mut loads = vec![
        batches(
            "all wordings in all wrappers, mixed".to_owned(),
            &ways(None, None),
        ),
        batches("no denials".to_owned(), &[]),
    ];
    for name in ALONE {
        for (place, _) in WRAPS {
            loads.push(batches(
                format!("{name} in {place}"),
                &ways(Some(name), Some(place)),
            ));
        }
    }
    let newest = ways(
        Some("sentence, CorrelationId"),
        Some("properties.errorMessage"),
    );
    let single = (0..ADDRESSES).filter_map(|number| denial(&newest, number));
    let single = single.map(|record| json!({ "records": [record] }).to_string());
    loads.push(Load {
        name: "one denial a request".to_owned(),
        bodies: single.collect(),
        records: 1,
    });
    loads.extend(hostile());
    Ok(loads)
}

/// Input that would cost a careless reader more than its share.
fn hostile() -> Vec<Load> {
    let names: Vec<String> = (0..80_000)
        .map(|number| format!("\"n{number:06}\":1"))
        .collect();
    let names = format!(
        r#"{{"category":"ContainerRegistryLoginEvents","resourceId":"x","resultDescription":"403","callerIpAddress":"20.1.2.3",{}}}"#,
        names.join(",")
    );
    let text = |unit: &str| json!({ "message": unit.repeat(HOSTILE / unit.len()) }).to_string();
    let nested = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let load = |name: &str, body: String| Load {
        name: format!("hostile: {name}"),
        bodies: vec![body],
        records: 1,
    };
    vec![
        load("80,000 names", names),
        load("braces that never close", text("\\u{")),
        load(
            "addresses on every line",
            text("Request originated from IP 1.2.3.4\r"),
        ),
        load("wraps", text("client\n  with\n# IP\n> '20.1.\n")),
        load(
            "nested arrays",
            format!("[{}]", vec![nested; HOSTILE / 202].join(",")),
        ),
    ]
}

/// A batch of denials of these addresses, as Container Apps tell of them.
pub(crate) fn flood(addresses: impl Iterator<Item = Ipv4Addr>) -> String {
    let record = |address: Ipv4Addr| {
        let text = format!(
            "Failed to pull image \"{REGISTRY}.azurecr.io/prod/api:v1\": denied: client with IP '{address}' is not allowed access"
        );
        json!({ "category": "ContainerAppSystemLogs", "resourceId": "/SUBSCRIPTIONS/S", "properties": { "Log": text } })
    };
    json!({ "records": addresses.map(record).collect::<Vec<_>>() }).to_string()
}
