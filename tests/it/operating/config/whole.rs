//! A configuration in which everything is said.

use crate::operating::{REGISTRY, sound};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A configuration in which everything is said.
pub(super) fn whole(folder: &Path) -> Value {
    let mut config = sound(folder);
    let secret = json!({ "file": folder.join("link") });
    fs::create_dir(folder.join("candidate")).unwrap();
    let more = json!({
        "admin_token": secret, "metrics": "127.0.0.1:0", "public_url": "https://doorward.contoso.com", "wait_for_database": "10m",
        "policies": { "dir": folder.join("policies"), "shadow": folder.join("candidate") }, "mode": "observe",
        "trusted_proxies": ["10.0.0.0/8"],
        "connections": { "max": 64, "max_per_address": 8, "idle_timeout": "61s", "write_timeout": "11s", "max_age": "2h" },
        "max_ttl": "5h", "max_event_age": "31m", "dedup_window": "16m", "decline_cooldown": "17m",
        "propagation_grace": "3m", "shutdown_timeout": "12s", "ownership_tag_key": secret,
    });
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    config["links"]["valid_for"] = json!("25h");
    config["azure"] = azure(folder, &secret);
    config["registries"] = registries();
    let host = "contosoprod.azurecr.io";
    let auths = [
        json!({ "kind": "shared_key", "keys": [secret, secret], "query": true }),
        json!({
            "kind": "entra_token", "tenant_id": "22222222-0000-4000-8000-000000000002", "audience": "api://doorward",
            "app_id": "event_grid", "role": "Sender",
        }),
        json!({
            "kind": "ci_token", "provider": "gitlab", "issuer": "https://gitlab.contoso.com", "audience": ["one", "two"],
            "claims": { "namespace_path": ["contoso/a", "contoso/b"] },
        }),
        json!({ "kind": "signature", "keys": [secret] }),
    ];
    let source = |(index, auth): (usize, &Value)| {
        json!({
            "name": format!("s{index}"), "auth": auth, "registries": [host], "registry": host, "trust_status_403": true,
            "rate_per_second": 51, "max_body_bytes": 5000, "expect_every": "2h",
            "dimensions": { "address": ["Client"], "registry": ["Server"], "resource": ["Id"] },
            "event_grid": { "subscription": "denials" },
            "cloud_events": { "allowed_origins": ["grid.example"], "allowed_rate": 600 },
        })
    };
    config["sources"] = auths.iter().enumerate().map(source).collect();
    config["channels"]
        .as_array_mut()
        .unwrap()
        .extend(more_channels(&secret));
    config["routes"] = routes();
    config["sign_in"] = json!({
        "issuer": "https://login.microsoftonline.com/22222222-0000-4000-8000-000000000002/v2.0", "client_id": "doorward",
        "client_secret": secret, "roles": ["doorward.approver"], "groups": ["platform"], "subject": "oid",
        "session": { "idle": "30m", "max": "8h" },
    });
    config["approvers"] = approvers();
    let sources = config["sources"].as_array_mut().unwrap();
    sources.extend(feeds(&secret).map(|(name, feed)| {
        json!({
            "name": name, "feed": feed, "registries": [host], "trust_status_403": true, "expect_every": "1h",
        })
    }));
    config
}

/// A feed of each kind.
fn feeds(secret: &Value) -> [(&'static str, Value); 3] {
    [
        ("log", json!({ "kind": "azure_logs", "every": "2m" })),
        (
            "queue",
            json!({
                "kind": "storage_queue", "every": "11s", "account": "contosodenials", "endpoint": "https://queue.example/denials",
                "key": secret, "queue": "denials", "visibility_timeout": "3m", "max_dequeues": 7,
            }),
        ),
        (
            "archive",
            json!({
                "kind": "blob", "every": "2m", "account": "contosologs", "endpoint": "https://blob.example/logs",
                "sas": secret, "container": ["logins", "events"], "prefix": "resourceId=",
            }),
        ),
    ]
}

fn registries() -> Value {
    json!([{
        "id": REGISTRY, "hosts": ["images.contoso.com"], "max_entries": 100, "reserved_entries": 9, "grants_per_hour": 61,
        "max_unknown_addresses": 201, "questions_per_hour": 12, "ownership_tags": "tags", "restore_foreign": true,
        "drift": {
            "every": "6m", "ours_missing": "restore", "foreign_new": "accept", "foreign_gone": "accept", "replaced": "accept",
            "default_action": "accept", "public_access": "accept", "sku": "accept", "registry": "accept",
        },
        "approvals": { "strength": "sign_in", "count": 2, "by": ["platform"], "reason": "required", "max": "4h" },
    }])
}

fn approvers() -> Value {
    json!([{
        "name": "Platform on call", "slack": "U0123", "entra": "33333333-0000-4000-8000-000000000003",
        "tenant_id": "22222222-0000-4000-8000-000000000002", "issuer": "https://accounts.example", "subject": "42",
        "mail": "oncall@contoso.com", "groups": ["platform"], "ci": ["oncall"],
    }])
}

fn azure(folder: &Path, secret: &Value) -> Value {
    json!({
        "cloud": "usgov", "resource_manager": "https://management.example/", "authority": "https://login.example/",
        "scope": "https://management.example/.default", "api_version": "2025-04-01", "read_api_version": "2021-08-01-preview",
        "ca_file": folder.join("ca.pem"),
        "credential": { "kind": "client_secret", "tenant_id": "t", "client_id": "c", "secret": secret },
    })
}

fn routes() -> Value {
    json!([
        {
            "when": { "code": ["ask"], "severity": ["critical"], "registry": ["*prod*"], "rule": ["a*"], "kind": ["denied"] },
            "to": ["terminal"], "digest": "20/h", "remind": "10m",
            "quiet_hours": { "from": "20:00", "to": "07:00", "zone": "Europe/Zurich" },
            "escalate": { "after": "20m", "to": ["bot"] },
        },
        { "to": ["hook"] },
    ])
}

/// A channel of each kind.
fn more_channels(secret: &Value) -> Vec<Value> {
    let fallback = json!({ "to": "terminal", "after": "10m" });
    vec![
        json!({ "name": "terminal", "kind": "log", "questions_per_hour": 31 }),
        json!({
            "name": "hook", "kind": "webhook", "url": secret, "sign": secret, "authorization": secret,
            "template": "discord", "params": { "room": "ops" }, "fallback": fallback,
        }),
        json!({ "name": "bot", "kind": "slack", "token": secret, "channel": "C0123", "signing_secret": secret, "url": "https://slack.example/api" }),
        json!({ "name": "cards", "kind": "teams", "url": secret }),
        json!({ "name": "pager", "kind": "pagerduty", "routing_key": secret, "url": "https://pager.example/" }),
        json!({
            "name": "mail", "kind": "email", "smtp": "smtps://doorward@mail.contoso.com:465", "password": secret,
            "from": "doorward@contoso.com", "to": ["platform@contoso.com"],
        }),
    ]
}
