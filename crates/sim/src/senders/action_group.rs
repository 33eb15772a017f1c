//! An action group's webhook: the common alert schema of a log alert ("Log Alerts V2"), and its
//! few retries, after which it leaves the endpoint alone for a while.
//!
//! <https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-payload-samples>,
//! <https://learn.microsoft.com/azure/azure-monitor/alerts/action-groups>

use super::super::model::Registry;
use super::super::wire::lock;
use super::{Attempt, Delivery, Ending, Endpoint, Next};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The waits before the retries, in seconds.
const WAITS: [u64; 5] = [5, 20, 5, 40, 5];
/// Statuses that are retried, beside calls without a reply.
const RETRIED: [u16; 4] = [408, 429, 503, 504];
/// For how long nothing is sent to an endpoint that failed.
const SILENCE: Duration = Duration::from_mins(15);

/// What an alert says about its rule's condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is met.
    Fired,
    /// It no longer is.
    Resolved,
}

/// A log alert, for one combination of its dimensions' values.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its instance's id.
    pub id: String,
    /// The rule's name.
    pub rule: String,
    /// Whether it has fired or was resolved.
    pub condition: Condition,
    /// The columns that the rule splits by, with their values.
    pub dimensions: Vec<(String, String)>,
    /// The resource that the rule watches.
    pub target: String,
    /// When it fired.
    pub at: Timestamp,
    /// Free properties of the rule.
    pub custom_properties: Map<String, Value>,
}

impl Alert {
    /// A rule over `ContainerRegistryLoginEvents` with status 403, split by caller, login server
    /// and resource id, has found this caller at this registry.
    pub fn refused(registry: &Registry, caller: IpAddr, at: Timestamp) -> Self {
        let dimensions = [
            ("CallerIpAddress", caller.to_string()),
            ("LoginServer", registry.login_server.clone()),
            ("_ResourceId", registry.id().to_ascii_lowercase()),
        ];
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            rule: "registry-denials".to_owned(),
            condition: Condition::Fired,
            dimensions: dimensions
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            target: registry.id().to_ascii_lowercase(),
            at,
            custom_properties: Map::new(),
        }
    }

    /// The body that is posted.
    pub fn rendered(&self) -> Value {
        let condition = match self.condition {
            Condition::Fired => "Fired",
            Condition::Resolved => "Resolved",
        };
        let dimensions: Vec<Value> = self
            .dimensions
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        let subscription = super::super::SUBSCRIPTION;
        let at = self.at.to_string();
        let from = self
            .at
            .checked_sub(Duration::from_mins(5))
            .unwrap_or(self.at);
        let link = "https://api.loganalytics.io/v1/subscriptions/query?query=simulated";
        let mut essentials = json!({
            "alertId": format!("/subscriptions/{subscription}/providers/Microsoft.AlertsManagement/alerts/{}", self.id),
            "alertRule": self.rule, "severity": "Sev3", "signalType": "Log", "monitorCondition": condition,
            "monitoringService": "Log Alerts V2", "alertTargetIDs": [self.target], "configurationItems": [self.target],
            "originAlertId": self.id, "firedDateTime": at, "description": "callers refused by a registry",
            "essentialsVersion": "1.0", "alertContextVersion": "1.0",
        });
        if let (Condition::Resolved, Some(essentials)) =
            (self.condition, essentials.as_object_mut())
        {
            essentials.insert("resolvedDateTime".to_owned(), at.clone().into());
        }
        json!({
            "schemaId": "azureMonitorCommonAlertSchema",
            "data": {
                "essentials": essentials,
                "alertContext": {
                    "properties": {}, "conditionType": "LogQueryCriteria",
                    "condition": {
                        "windowSize": "PT5M",
                        "allOf": [{
                            "searchQuery": "ContainerRegistryLoginEvents | where ResultDescription == \"403\"",
                            "metricMeasureColumn": null, "targetResourceTypes": "['Microsoft.ContainerRegistry/registries']",
                            "operator": "GreaterThan", "threshold": "0", "timeAggregation": "Count",
                            "dimensions": dimensions, "metricValue": 1.0,
                            "failingPeriods": { "numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1 },
                            "linkToSearchResultsUI": "https://portal.azure.com#simulated",
                            "linkToFilteredSearchResultsUI": "https://portal.azure.com#simulated",
                            "linkToSearchResultsAPI": link, "linkToFilteredSearchResultsAPI": link,
                        }],
                        "windowStartTime": from.to_string(), "windowEndTime": at,
                    },
                },
                "customProperties": self.custom_properties,
            },
        })
    }
}

/// A webhook of an action group. It sends no headers of one's own: a shared key stands in the URL's
/// query. A secure webhook carries a token, which is the endpoint's `authorization` header here.
#[derive(Clone, Debug)]
pub struct ActionGroup {
    endpoint: Endpoint,
    silent_until: Arc<Mutex<Timestamp>>,
}

impl ActionGroup {
    /// Sends to this endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        let silent_until = Arc::new(Mutex::new(Timestamp::MIN));
        Self {
            endpoint,
            silent_until,
        }
    }

    /// Posts an alert, and retries where action groups do.
    pub async fn send(&self, alert: &Alert) -> Delivery {
        let now = self.endpoint.clock.now();
        if now < *lock(&self.silent_until) {
            return Delivery {
                attempts: Vec::new(),
                ending: Ending::Silenced,
            };
        }
        let headers = |_| vec![("content-type", "application/json; charset=utf-8".to_owned())];
        let body = alert.rendered().to_string();
        let delivery = self.endpoint.insist(&body, headers, after).await;
        if delivery.ending == Ending::GivenUp {
            let until = clock::add(self.endpoint.clock.now(), SILENCE);
            *lock(&self.silent_until) = until;
        }
        delivery
    }
}

fn after(count: usize, attempt: &Attempt, _: &HeaderMap) -> Next {
    match attempt.status {
        Some(200..=299) => Next::End(Ending::Delivered),
        Some(status) if !RETRIED.contains(&status) => Next::End(Ending::Dropped),
        _ => match WAITS.get(count) {
            Some(seconds) => Next::Wait(Duration::from_secs(*seconds)),
            None => Next::End(Ending::GivenUp),
        },
    }
}
