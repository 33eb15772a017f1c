//! Event Grid's push delivery: the handshake that proves an endpoint, headers, retries.
//!
//! <https://learn.microsoft.com/azure/event-grid/delivery-and-retry>,
//! <https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema>,
//! <https://learn.microsoft.com/azure/event-grid/end-point-validation-cloud-events-schema>

use super::event::{Event, Schema};
use super::{Attempt, Delivery, Ending, Endpoint, Next};
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;

/// The waits between attempts; after the last one, twelve hours each.
const WAITS: [u64; 9] = [10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600];
const LATER: u64 = 43_200;
/// By default an event is tried this often, and lives this long.
const ATTEMPTS: usize = 30;
const TIME_TO_LIVE: Duration = Duration::from_hours(24);
/// Statuses after which an event is dropped.
const FINAL: [u16; 4] = [400, 401, 403, 413];
const ORIGIN: &str = "eventgrid.azure.net";

/// Why an endpoint was not accepted, and no event will be sent to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unvalidated {
    /// There was no reply.
    #[error("the endpoint did not answer the handshake")]
    Unreachable,
    /// Only 200 counts.
    #[error("the endpoint answered the handshake with {0} instead of 200")]
    Status(u16),
    /// 200 without the code: Azure would wait ten minutes for somebody to open the validation URL.
    #[error("the endpoint did not echo the validation code")]
    AwaitingManualAction,
    /// No `WebHook-Allowed-Origin` that names Event Grid, or no `WebHook-Allowed-Rate`.
    #[error("the endpoint did not allow deliveries: {0}")]
    NotAllowed(&'static str),
}

/// Makes subscriptions.
#[derive(Clone, Debug)]
pub struct EventGrid {
    endpoint: Endpoint,
    schema: Schema,
    name: String,
    validation_url: String,
}

/// A subscription whose endpoint has passed the handshake.
#[derive(Clone, Debug)]
pub struct Subscription {
    endpoint: Endpoint,
    schema: Schema,
    name: String,
}

impl EventGrid {
    /// Wants to deliver to this endpoint; the subscription is called `denials`.
    pub fn new(endpoint: Endpoint, schema: Schema) -> Self {
        Self {
            endpoint,
            schema,
            name: "denials".to_owned(),
            validation_url: "https://rp-westeurope.eventgrid.azure.net:553/eventsubscriptions/denials/validate?id=00000000&token=simulated".to_owned(),
        }
    }

    /// Names the subscription.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// What the handshake names as `validationUrl`, which an endpoint should leave alone.
    #[must_use]
    pub fn validation_url(mut self, url: &str) -> Self {
        url.clone_into(&mut self.validation_url);
        self
    }

    /// Goes through the handshake.
    pub async fn subscribe(&self) -> Result<Subscription, Unvalidated> {
        match self.schema {
            Schema::EventGrid => self.validate_by_code().await?,
            Schema::CloudEvents => self.validate_by_options().await?,
        }
        Ok(Subscription {
            endpoint: self.endpoint.clone(),
            schema: self.schema,
            name: self.name.clone(),
        })
    }

    async fn validate_by_code(&self) -> Result<(), Unvalidated> {
        let code = uuid::Uuid::new_v4().to_string();
        let data = json!({ "validationCode": code, "validationUrl": self.validation_url });
        let kind = "Microsoft.EventGrid.SubscriptionValidationEvent";
        let event = Event::new(kind, "", self.endpoint.clock.now(), data);
        let body = Value::Array(vec![event.rendered(Schema::EventGrid)]).to_string();
        let name = self.name.to_ascii_uppercase();
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("aeg-event-type", "SubscriptionValidation"),
            ("aeg-subscription-name", &name),
            ("aeg-delivery-count", "0"),
            ("aeg-metadata-version", "1"),
            ("aeg-data-version", "1"),
        ];
        let (reply, _) = self.endpoint.call(Method::POST, &headers, body).await;
        match reply.status {
            None => return Err(Unvalidated::Unreachable),
            Some(200) => {}
            Some(other) => return Err(Unvalidated::Status(other)),
        }
        let echoed = serde_json::from_str::<Value>(&reply.body).unwrap_or_default();
        let echoed = echoed.get("validationResponse").and_then(Value::as_str);
        if echoed == Some(code.as_str()) {
            Ok(())
        } else {
            Err(Unvalidated::AwaitingManualAction)
        }
    }

    async fn validate_by_options(&self) -> Result<(), Unvalidated> {
        let headers = [
            ("webhook-request-origin", ORIGIN),
            ("webhook-request-rate", "120"),
        ];
        let (reply, replied) = self
            .endpoint
            .call(Method::OPTIONS, &headers, String::new())
            .await;
        let said = |name: &str| replied.get(name).and_then(|value| value.to_str().ok());
        match reply.status {
            None => return Err(Unvalidated::Unreachable),
            Some(200..=299) => {}
            Some(other) => return Err(Unvalidated::Status(other)),
        }
        if !matches!(said("webhook-allowed-origin"), Some("*" | ORIGIN)) {
            return Err(Unvalidated::NotAllowed("WebHook-Allowed-Origin"));
        }
        let rate = said("webhook-allowed-rate").unwrap_or_default();
        if rate != "*" && rate.parse::<u32>().is_err() {
            return Err(Unvalidated::NotAllowed("WebHook-Allowed-Rate"));
        }
        Ok(())
    }
}

impl Subscription {
    /// Delivers these events as one batch, again and again as the schedule says. Delivery is at
    /// least once: calling this twice with the same events is what Event Grid may do as well.
    pub async fn deliver(&self, events: &[Event]) -> Delivery {
        self.deliver_as("Notification", events).await
    }

    /// Tells the endpoint that the subscription is gone.
    pub async fn delete(self) -> Delivery {
        let data = json!({ "eventSubscriptionId": format!("/subscriptions/{}/providers/Microsoft.EventGrid/eventSubscriptions/{}", super::super::SUBSCRIPTION, self.name) });
        let kind = "Microsoft.EventGrid.SubscriptionDeletedEvent";
        let event = Event::new(kind, "", self.endpoint.clock.now(), data);
        self.deliver_as("SubscriptionDeletion", &[event]).await
    }

    async fn deliver_as(&self, event_type: &str, events: &[Event]) -> Delivery {
        let rendered: Vec<Value> = events.iter().map(|e| e.rendered(self.schema)).collect();
        let (content_type, body) = match (self.schema, rendered.as_slice()) {
            (Schema::EventGrid, all) => ("application/json", json!(all)),
            (Schema::CloudEvents, [one]) => ("application/cloudevents+json", one.clone()),
            (Schema::CloudEvents, all) => ("application/cloudevents-batch+json", json!(all)),
        };
        let headers = |count: usize| {
            let mut headers = vec![
                ("content-type", format!("{content_type}; charset=utf-8")),
                ("aeg-event-type", event_type.to_owned()),
                ("aeg-subscription-name", self.name.to_ascii_uppercase()),
                ("aeg-delivery-count", count.to_string()),
                ("aeg-metadata-version", "1".to_owned()),
            ];
            match self.schema {
                Schema::EventGrid => headers.push(("aeg-data-version", "2".to_owned())),
                Schema::CloudEvents => headers.push(("webhook-request-origin", ORIGIN.to_owned())),
            }
            if let [event] = events {
                headers.push(("aeg-output-event-id", event.id.clone()));
            }
            headers
        };
        let first = self.endpoint.clock.now();
        let next = |count: usize, attempt: &Attempt, _: &HeaderMap| after(first, count, attempt);
        self.endpoint.insist(&body.to_string(), headers, next).await
    }
}

/// What the schedule says after the attempt with `count` before it.
fn after(first: Timestamp, count: usize, attempt: &Attempt) -> Next {
    let least = match attempt.status {
        Some(200..=204) => return Next::End(Ending::Delivered),
        Some(status) if FINAL.contains(&status) => return Next::End(Ending::Dropped),
        Some(404) => 300,
        Some(408) => 120,
        Some(503) => 30,
        _ => 0,
    };
    let wait = WAITS.get(count).copied().unwrap_or(LATER).max(least);
    let wait = Duration::from_secs(wait);
    let then = clock::add(attempt.at, wait);
    if count.saturating_add(1) >= ATTEMPTS || then > clock::add(first, TIME_TO_LIVE) {
        return Next::End(Ending::GivenUp);
    }
    Next::Wait(wait)
}
