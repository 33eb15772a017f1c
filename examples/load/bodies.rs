//! What senders send: batches in which denials stand among what was served, and single denials.

use crate::{IN_A_BATCH, REGISTRY};
use axum::body::Bytes;
use clock::Clock;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The address of unknown source `number`.
pub(crate) fn unknown_source(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(51, 0, 0, 0)).saturating_add(number))
}

const ID: &str = "/SUBSCRIPTIONS/00000000-0000-4000-8000-000000000001/RESOURCEGROUPS/REGISTRIES/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/CONTOSOPROD";

/// In which words denials come.
#[derive(Clone, Copy)]
pub(crate) enum Words {
    /// A registry's diagnostic record with status 403 and the firewall's message.
    Registry,
    /// A system log of Container Apps that could not pull.
    ContainerApps,
}

pub(crate) fn refused(words: Words, address: Ipv4Addr) -> Value {
    let number = u32::from(address);
    match words {
        Words::Registry => json!({
            "time": Clock::system().now(),
            "category": "ContainerRegistryLoginEvents",
            "operationName": "Login",
            "resultType": "403",
            "resultDescription": format!(
                "denied: client with IP '{address}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
            ),
            "callerIpAddress": address,
            "correlationId": format!("5d7e3f0c-0000-4000-8000-{number:012}"),
            "resourceId": ID,
            "properties": { "loginServer": format!("{REGISTRY}.azurecr.io"), "userAgent": "docker/24.0.7" },
        }),
        Words::ContainerApps => json!({
            "time": Clock::system().now(),
            "category": "ContainerAppSystemLogs",
            "resourceId": "/SUBSCRIPTIONS/00000000-0000-4000-8000-000000000001/RESOURCEGROUPS/SHOP/PROVIDERS/MICROSOFT.APP/MANAGEDENVIRONMENTS/SHOP",
            "properties": { "Log": format!(
                "Container 'api' was terminated with exit code '' and reason 'ImagePullFailure'. Image {REGISTRY}.azurecr.io/prod/api:v1 \
                 not found in registry. ErrorMessage=Image not found or access denied. Error: {{\"errors\":[{{\"code\":\"DENIED\",\
                 \"message\":\"client with IP '{address}' is not allowed access, refer https://aka.ms/acr/firewall to grant access\"}}]}}\n, \
                 GenevaTraceId={number:032x}."
            ), "RevisionName": "api--0000007", "Reason": "ContainerTerminated", "Type": "Warning" },
        }),
    }
}

fn served(number: usize) -> Value {
    json!({
        "time": Clock::system().now(),
        "category": "ContainerRegistryRepositoryEvents",
        "operationName": "Pull",
        "resultType": "HttpStatusCode",
        "resultDescription": "200",
        "callerIpAddress": format!("20.61.11.{}", number % 250),
        "correlationId": format!("3f0c5d7e-0000-4000-8000-{number:012}"),
        "resourceId": ID,
        "properties": { "repository": "prod/api", "tag": "v1", "mediaType": "application/vnd.oci.image.manifest.v1+json" },
    })
}

pub(crate) fn batch(records: &[Value]) -> Bytes {
    json!({ "records": records }).to_string().into()
}

/// Batches of 100 records of which 30 are denials, from 5,000 addresses in all. The denials stand
/// among the others, as they would.
pub(crate) fn mixed_batches(words: Words) -> Arc<Vec<Bytes>> {
    let mut next = 0..5000_u32;
    let mut batches = Vec::new();
    while !next.is_empty() {
        let record = |number: usize| match number % 10 {
            1 | 4 | 7 => next.next().map(|next| refused(words, unknown_source(next))),
            _ => Some(served(number)),
        };
        batches.push(batch(
            &(0..IN_A_BATCH).filter_map(record).collect::<Vec<_>>(),
        ));
    }
    Arc::new(batches)
}

pub(crate) fn single_denials(words: Words) -> Arc<Vec<Bytes>> {
    let addresses = (10_000..15_000).map(unknown_source);
    let each = addresses.map(|address| batch(&[refused(words, address)]));
    Arc::new(each.collect())
}
