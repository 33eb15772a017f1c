//! Events as Event Grid carries them, in either of its schemas.
//!
//! <https://learn.microsoft.com/azure/event-grid/event-schema>,
//! <https://learn.microsoft.com/azure/event-grid/cloud-event-schema>

use super::super::model::Registry;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The schema that events are delivered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// EventGridSchema: always an array.
    EventGrid,
    /// CloudEvents 1.0: an object, or an array where there are several.
    CloudEvents,
}

/// An event, in whichever schema it will be delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id: the same in every delivery of it.
    pub id: String,
    /// The resource that it comes from.
    pub topic: String,
    /// What it is about.
    pub subject: String,
    /// Its type.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// Its content.
    pub data: Value,
}

impl Event {
    /// An event with a new id.
    pub fn new(kind: &str, subject: &str, at: Timestamp, data: Value) -> Self {
        let subscription = super::super::SUBSCRIPTION;
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            topic: format!("/subscriptions/{subscription}"),
            subject: subject.to_owned(),
            kind: kind.to_owned(),
            at,
            data,
        }
    }

    /// `Microsoft.Resources.ResourceWriteSuccess`: somebody changed this registry.
    pub fn registry_changed(registry: &Registry, by: &str, at: Timestamp) -> Self {
        let id = registry.id();
        let data = json!({
            "authorization": { "scope": id, "action": "Microsoft.ContainerRegistry/registries/write", "evidence": { "role": "Contributor" } },
            "claims": { "name": by, "appid": "04b07795-8ddb-461a-bbee-02f9e1bf7b46" },
            "correlationId": uuid::Uuid::new_v4().to_string(),
            "httpRequest": { "clientRequestId": uuid::Uuid::new_v4().to_string(), "clientIpAddress": "20.8.8.8", "method": "PATCH", "url": format!("https://management.azure.com{id}?api-version=2021-08-01-preview") },
            "resourceProvider": "Microsoft.ContainerRegistry", "resourceUri": id,
            "operationName": "Microsoft.ContainerRegistry/registries/write", "status": "Succeeded",
            "subscriptionId": registry.subscription, "tenantId": super::super::TENANT,
        });
        Self::new("Microsoft.Resources.ResourceWriteSuccess", &id, at, data)
    }

    /// `Microsoft.ContainerRegistry.ImagePushed`: an event that never holds a denial.
    pub fn image_pushed(registry: &Registry, repository: &str, tag: &str, at: Timestamp) -> Self {
        let data = json!({
            "id": uuid::Uuid::new_v4().to_string(), "timestamp": at.to_string(), "action": "push",
            "target": { "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "size": 3023, "repository": repository, "tag": tag },
            "request": { "id": uuid::Uuid::new_v4().to_string(), "host": registry.login_server, "method": "PUT", "useragent": "docker/28.3.0" },
        });
        let subject = format!("{repository}:{tag}");
        Self {
            topic: registry.id(),
            ..Self::new(
                "Microsoft.ContainerRegistry.ImagePushed",
                &subject,
                at,
                data,
            )
        }
    }

    pub(super) fn rendered(&self, schema: Schema) -> Value {
        match schema {
            Schema::EventGrid => json!({
                "id": self.id, "topic": self.topic, "subject": self.subject, "data": self.data, "eventType": self.kind,
                "eventTime": self.at.to_string(), "dataVersion": "2", "metadataVersion": "1",
            }),
            Schema::CloudEvents => json!({
                "id": self.id, "source": self.topic, "subject": self.subject, "data": self.data, "type": self.kind,
                "time": self.at.to_string(), "specversion": "1.0",
            }),
        }
    }
}
