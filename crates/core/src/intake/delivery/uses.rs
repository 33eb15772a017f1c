//! Finds signs of use: rows of a registry's own log in which an address that a grant waits for logged in
//! or pulled.
//!
//! This is a pass of its own beside the reading of denials, made only while a grant waits. A body in
//! which none of the addresses stands, or no status of success, is left after one scan; only what is
//! left is parsed, and only records in the form of Azure's diagnostic settings count.

use super::records;
use super::records::Body;
use super::{Head, is_diagnostic};
use crate::intake::document::Value;
use crate::intake::extract::record;
use crate::intake::extract::record::Fields;
use crate::intake::work::WorkBudget;
use aho_corasick::AhoCorasick;
use jiff::Timestamp;
use memchr::memmem;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// The most signs that one delivery gives.
const MOST: usize = 1000;

/// An address that a registry's log shows at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The address.
    pub address: Ipv4Addr,
    /// When.
    pub at: Timestamp,
    /// The registry's ARM id, lower-case, where the record names it.
    pub resource_id: Option<String>,
    /// Its login server, where the record names it.
    pub login_server: Option<String>,
}

/// The uses of these addresses that a delivery tells of, the earliest first.
pub fn read(head: &Head, body: &[u8], addresses: &BTreeSet<Ipv4Addr>) -> Vec<Use> {
    if !may_tell(body, addresses) {
        return Vec::new();
    }
    let Ok(Body::Json(records)) =
        records::read(&head.media_type(), body, &WorkBudget::for_body(body.len()))
    else {
        return Vec::new();
    };
    let rows = records.good.iter().filter_map(|(_, row)| row_of(row));
    let watched = rows.filter(|one| addresses.contains(&one.address));
    let mut found: Vec<Use> = watched.take(MOST).collect();
    found.sort_by_key(|one| one.at);
    found
}

/// Whether one of the addresses and a status of success stand in the body at all.
fn may_tell(body: &[u8], addresses: &BTreeSet<Ipv4Addr>) -> bool {
    let success = ["\"200\"", "\"201\"", ":200", ":201", ": 200", ": 201"];
    let succeeded = |status: &str| memmem::find(body, status.as_bytes()).is_some();
    if addresses.is_empty() || !success.iter().any(|status| succeeded(status)) {
        return false;
    }
    let texts = addresses.iter().map(Ipv4Addr::to_string);
    AhoCorasick::new(texts).is_ok_and(|any| any.is_match(body))
}

/// A row of `ContainerRegistryLoginEvents` or `ContainerRegistryRepositoryEvents` with status 200 or 201
/// (<https://learn.microsoft.com/azure/container-registry/monitor-container-registry-reference>).
fn row_of(row: &Value<'_>) -> Option<Use> {
    let object = row.as_object().filter(|_| is_diagnostic(row))?;
    let fields = Fields::of(object);
    let category = fields.text(&["category", "Type"])?.to_ascii_lowercase();
    let known = [
        "containerregistryloginevents",
        "containerregistryrepositoryevents",
    ];
    if !known.contains(&category.as_str()) || !fields.succeeded() {
        return None;
    }
    let about = record::about(&fields)?;
    let address = fields.text(&["callerIpAddress"])?;
    let IpAddr::V4(address) = record::caller(&address)?.to_canonical() else {
        return None;
    };
    Some(Use {
        address,
        at: about.at?,
        resource_id: about.resource_id,
        login_server: about.login_server,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const HOST: &str = "contosoprod.azurecr.io";

    fn row(category: &str, status: &str, address: &str) -> Value {
        json!({
            "time": "2026-11-22T12:00:00Z", "category": category, "operationName": "Pull", "resultType": "HttpStatusCode",
            "resourceId": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/CONTOSOPROD",
            "resultDescription": status, "callerIpAddress": address, "properties": { "loginServer": HOST },
        })
    }

    fn uses(rows: &[Value]) -> Vec<String> {
        let body = json!({ "records": rows }).to_string();
        let waits = [Ipv4Addr::new(20, 1, 2, 3)].into();
        let head = Head::of([("content-type", "application/json")]);
        let found = read(&head, body.as_bytes(), &waits);
        let told = found.iter().map(|one| {
            assert_eq!(one.login_server.as_deref(), Some(HOST));
            one.address.to_string()
        });
        told.collect()
    }

    #[test]
    fn a_login_or_a_pull_with_success_is_a_use() {
        for category in [
            "ContainerRegistryLoginEvents",
            "ContainerRegistryRepositoryEvents",
        ] {
            for status in ["200", "201"] {
                let told = uses(&[row(category, status, "20.1.2.3")]);
                assert_eq!(told, ["20.1.2.3"], "{category} {status}");
            }
        }
    }

    #[test]
    fn nothing_else_is() {
        let login = "ContainerRegistryLoginEvents";
        for not in [
            row(login, "403", "20.1.2.3"),
            row(login, "401", "20.1.2.3"),
            row(login, "200", "20.1.2.4"),
            // The address is within a longer one.
            row(login, "200", "120.1.2.3"),
            row("StorageRead", "200", "20.1.2.3"),
            json!({ "message": "20.1.2.3 was here", "status": "200" }),
        ] {
            let other = row(login, "200", "8.8.8.8");
            assert!(uses(&[not.clone(), other]).is_empty(), "{not}");
        }
    }
}
