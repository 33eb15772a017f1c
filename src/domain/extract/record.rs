//! Reads an Azure diagnostic record of a registry: who was answered what, asking for what.
//!
//! Source of the shape: <https://learn.microsoft.com/azure/container-registry/monitor-container-registry-reference>.
//! Exported records and Log Analytics rows name the same things in different cases.

use super::{address, mention};
use crate::domain::denial::{Denial, Kind, Service};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::net::IpAddr;

/// A row that says that a registry answered 403.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::domain) struct Refusal {
    pub denial: Denial,
    pub login_server: Option<String>,
    pub resource_id: Option<String>,
    pub identity: Option<String>,
    pub user_agent: Option<String>,
    pub at: Option<Timestamp>,
}

/// A JSON object whose fields are looked up in any case, at its top and in its `properties`.
pub(in crate::domain) struct Fields<'v> {
    top: &'v Map<String, Value>,
    properties: Option<Cow<'v, Map<String, Value>>>,
}

impl<'v> Fields<'v> {
    pub(in crate::domain) fn of(top: &'v Map<String, Value>) -> Self {
        let properties = field(top, "properties").and_then(|properties| match properties {
            Value::Object(properties) => Some(Cow::Borrowed(properties)),
            Value::String(text) if text.trim_start().starts_with('{') => {
                serde_json::from_str(text).ok().map(Cow::Owned)
            }
            Value::String(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_) => None,
        });
        Self { top, properties }
    }

    /// The first of these fields that is there, as text. `<nil>` and the like are nothing.
    pub(in crate::domain) fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| {
            let inside = self
                .properties
                .as_deref()
                .and_then(|properties| field(properties, name));
            [field(self.top, name), inside]
                .into_iter()
                .flatten()
                .find_map(text_of)
        })
    }

    fn refused(&self) -> bool {
        let names = [
            "resultDescription",
            "resultType",
            "resultSignature",
            "statusCode",
            "httpStatusCode",
            "status",
        ];
        names.iter().any(|name| {
            let inside = self
                .properties
                .as_deref()
                .and_then(|properties| field(properties, name));
            [field(self.top, name), inside]
                .into_iter()
                .flatten()
                .filter_map(text_of)
                .any(|status| is_403(&status))
        })
    }
}

fn is_403(status: &str) -> bool {
    status
        .trim()
        .strip_prefix("403")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '.', ':', ';']))
}

/// A field by its name in any case.
pub(in crate::domain) fn field<'v>(
    object: &'v Map<String, Value>,
    name: &str,
) -> Option<&'v Value> {
    object.get(name).or_else(|| {
        object
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

pub(in crate::domain) fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let nothing = ["", "<nil>", "nil", "null", "-", "n/a"];
    (!nothing
        .iter()
        .any(|nothing| text.eq_ignore_ascii_case(nothing)))
    .then_some(text)
}

/// The refusal that a record tells of, if it is a registry's record with status 403.
pub(in crate::domain) fn refusal(record: &Map<String, Value>) -> Option<Refusal> {
    let fields = Fields::of(record);
    let resource_id = fields
        .text(&["resourceId", "_ResourceId", "resource_id", "ResourceUri"])
        .and_then(|id| registry_id(&id));
    let login_server = fields
        .text(&["loginServer"])
        .and_then(|host| login_server(&host));
    let category = fields
        .text(&["category", "Type"])
        .map(|category| category.to_ascii_lowercase());
    let address = fields.text(&["callerIpAddress"]);
    let ours = match category.as_deref() {
        Some(category) if category.starts_with("containerregistry") => true,
        Some(category) if category.starts_with("azurediagnostics") => resource_id.is_some(),
        Some(_) => false,
        None => address.is_some() && (login_server.is_some() || resource_id.is_some()),
    };
    if !ours || !fields.refused() {
        return None;
    }
    let repository = fields
        .text(&["repository"])
        .and_then(|name| mention::repository_name(&name));
    let reference = fields
        .text(&["tag", "digest"])
        .and_then(|reference| mention::reference_name(&reference))
        .filter(|_| repository.is_some());
    Some(Refusal {
        denial: Denial {
            kind: Kind::Suspected,
            service: Service::Acr,
            ip: address.as_deref().and_then(caller),
            registry: login_server.clone(),
            repository,
            reference,
            resource: resource_id.clone(),
        },
        login_server,
        resource_id,
        identity: fields.text(&["identity"]),
        user_agent: fields.text(&["userAgent"]),
        at: time(&fields),
    })
}

/// A caller's address as records write it, its port aside.
pub(in crate::domain) fn caller(text: &str) -> Option<IpAddr> {
    address::parse(text)
}

/// When a record says that it happened.
pub(in crate::domain) fn time(fields: &Fields<'_>) -> Option<Timestamp> {
    let names = [
        "time",
        "TimeGenerated",
        "eventTime",
        "eventTimestamp",
        "timestamp",
        "TimeGenerated [UTC]",
    ];
    fields.text(&names).and_then(|text| text.parse().ok())
}

/// A registry's ARM id, lower-case; `None` if it is another resource's. Ids of what belongs to a
/// registry count as the registry's.
pub(in crate::domain) fn registry_id(id: &str) -> Option<String> {
    let id = id.trim().to_ascii_lowercase();
    let (before, name) = id.split_once("/providers/microsoft.containerregistry/registries/")?;
    let name = name.split(['/', '?']).next()?;
    let valid = before.starts_with("/subscriptions/")
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    valid.then(|| format!("{before}/providers/microsoft.containerregistry/registries/{name}"))
}

/// A login server as a record names it, lower-case, its endpoints mapped to it.
pub(in crate::domain) fn login_server(host: &str) -> Option<String> {
    let host = host.trim().to_ascii_lowercase();
    let bare = host
        .strip_prefix("https://")
        .unwrap_or(&host)
        .trim_end_matches('/');
    let plausible = bare.contains('.')
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    if !plausible {
        return None;
    }
    match mention::all(bare).as_slice() {
        [] => Some(bare.to_owned()),
        [only] => only.registry.clone(),
        _ => None,
    }
}
