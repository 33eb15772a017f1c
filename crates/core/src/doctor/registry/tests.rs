//! Tests of `registry`.

use super::*;
use serde_json::json;

#[test]
fn login_events_are_exported_by_name_or_group_and_only_while_enabled() {
    let setting =
        |log: Value| json!({ "properties": { "workspaceId": "/a/b/c/logs", "logs": [log] } });
    for (log, exported) in [
        (json!({ "category": LOGIN_EVENTS, "enabled": true }), true),
        (json!({ "categoryGroup": "allLogs", "enabled": true }), true),
        (json!({ "categoryGroup": "audit", "enabled": true }), true),
        (json!({ "category": LOGIN_EVENTS, "enabled": false }), false),
        (
            json!({ "category": "ContainerRegistryRepositoryEvents", "enabled": true }),
            false,
        ),
    ] {
        assert_eq!(exports_logins(&setting(log.clone())), exported, "{log}");
    }
    let hub = json!({ "properties": { "eventHubAuthorizationRuleId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/hub1/authorizationRules/root" } });
    assert_eq!(destinations(&hub), ["event hub hub1"]);
}
