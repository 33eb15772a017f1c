//! The list of registries.

use super::Registry;
use super::approvals::of_registry;
use super::drift::drift;
use super::sections::{items, unique};
use super::values::host;
use doorward_core::approvals::Approvals;
use doorward_core::net::resource_id::{REGISTRY, ResourceId};
use doorward_core::yaml::problem::Sink;
use doorward_core::yaml::{Fields, Item};

/// How many entries a Premium registry takes
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-skus>).
const MAX_ENTRIES: u32 = 200;
/// How many of these places are kept for people, unless the file says otherwise.
const RESERVE: u32 = 10;
/// How many questions an hour are sent about a registry, unless the file says otherwise.
const QUESTIONS_PER_HOUR: u32 = 30;
/// How many grants an hour a registry may have, unless the file says otherwise.
pub const GRANTS_PER_HOUR: u32 = 60;
/// How many unknown sources a registry may have in ten minutes, unless the file says otherwise.
const MAX_UNKNOWN_ADDRESSES: u32 = 200;
/// `registries`.
pub(super) fn registries(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Vec<Registry> {
    let help = "enrol the registries that may be opened, each by its `id`";
    let mut registries: Vec<Registry> = Vec::new();
    for item in items(fields, "registries", Some(help), sink) {
        let hosts: Vec<String> = registries
            .iter()
            .flat_map(|other| other.hosts.clone())
            .collect();
        let Some(registry) = registry(&item, &hosts, sink) else {
            continue;
        };
        let ids: Vec<&ResourceId> = registries.iter().map(|other| &other.id).collect();
        let at = item.field("id").unwrap_or(item);
        unique(&ids, &&registry.id, &at, sink);
        registries.push(registry);
    }
    registries
}

fn registry(item: &Item<'_>, taken: &[String], sink: &mut Sink<'_>) -> Option<Registry> {
    let mut fields = item.fields(sink)?;
    let id = fields.need("id", "copy it from `az acr show --query id`", sink);
    let id = id.and_then(|item| {
        let id: ResourceId = item.parsed("", sink)?;
        id.of_type(REGISTRY)
            .map_err(|error| item.error(error.to_string(), "", sink))
            .ok()
    });
    let mut hosts = Vec::new();
    let listed = fields.take("hosts").and_then(|hosts| hosts.list(sink));
    for item in listed.unwrap_or_default() {
        if let Some(host) = host(&item, sink) {
            unique(taken, &host, &item, sink);
            unique(&hosts, &host, &item, sink);
            hosts.push(host);
        }
    }
    let mut number = |name, default, most| {
        let item = fields.take(name);
        item.map_or(Some(default), |item| item.number(1, most, sink))
    };
    let max_entries = number("max_entries", MAX_ENTRIES, 1_000);
    let questions_per_hour = number("questions_per_hour", QUESTIONS_PER_HOUR, 10_000);
    let grants_per_hour = number("grants_per_hour", GRANTS_PER_HOUR, 10_000);
    let max_unknown_addresses = number("max_unknown_addresses", MAX_UNKNOWN_ADDRESSES, 100_000);
    let reserve = fields.take("reserved_entries");
    let reserve = reserve.map_or_else(
        || max_entries.map(|most| RESERVE.min(most / 10)),
        |item| item.number(0, max_entries?.saturating_sub(1), sink),
    );
    let ownership_tags = fields.take("ownership_tags");
    let places = [("none", false), ("tags", true)];
    let ownership_tags = ownership_tags.map_or(Some(false), |at| at.word(&places, sink));
    let approvals = fields.take("approvals");
    let approvals = approvals.map_or_else(|| Some(Approvals::none()), |at| of_registry(&at, sink));
    let drift = drift(&mut fields, sink);
    fields.finish(sink);
    Some(Registry {
        id: id?,
        hosts,
        max_entries: max_entries?,
        reserve: reserve?,
        ownership_tags: ownership_tags?,
        approvals: approvals?,
        questions_per_hour: usize::try_from(questions_per_hour?).ok()?,
        grants_per_hour: usize::try_from(grants_per_hour?).ok()?,
        max_unknown_addresses: usize::try_from(max_unknown_addresses?).ok()?,
        drift: drift?,
    })
}
