//! The lists of a configuration: registries and sources; and its links.

use super::auth::auth_of;
use super::drift::drift;
use super::feed::feed_source;
use super::options::options;
use super::values::{host, name, secret};
use super::{Auth, Links, Registry, Source};
use doorward_core::net::resource_id::{REGISTRY, ResourceId};
use doorward_core::policy::verdict::Approvals;
use doorward_core::yaml::problem::{Sink, did_you_mean};
use doorward_core::yaml::{Fields, Item};
use std::path::Path;
use std::time::Duration;

/// How many entries a Premium registry takes
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-skus>).
const MAX_ENTRIES: u32 = 200;
/// How many of these places are kept for people, unless the file says otherwise.
const RESERVE: u32 = 10;
/// How many grants an hour a registry may have, unless the file says otherwise.
pub const GRANTS_PER_HOUR: u32 = 60;
/// How many unknown sources a registry may have in ten minutes, unless the file says otherwise.
const MAX_UNKNOWN_ADDRESSES: u32 = 200;
/// How many requests a second a source may make, unless the file says otherwise.
pub(super) const RATE_PER_SECOND: u32 = 50;
/// How large a body may be, unless the file says otherwise.
const MAX_BODY: u32 = 4 << 20;
/// How long a request can be answered, unless the file says otherwise.
const LINKS_VALID_FOR: Duration = Duration::from_hours(24);

/// `links`.
pub(super) fn links(fields: &mut Fields<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<Links> {
    let help = "links are signed: add `links: { key: { env: DOORWARD_LINK_KEY } }`, and set the variable to `openssl rand -base64 32`";
    let mut fields = fields.need("links", help, sink)?.fields(sink)?;
    let key = fields.need("key", help, sink);
    let valid_for = fields.take("valid_for");
    let valid_for = valid_for.map_or(Some(LINKS_VALID_FOR), |at| at.duration(sink));
    fields.finish(sink);
    Some(Links {
        key: secret(&key?, folder, sink)?,
        valid_for: valid_for?,
    })
}

/// The items of a list that must not be empty, or may.
pub(super) fn items<'a>(
    fields: &mut Fields<'a>,
    name: &'static str,
    needed: Option<&str>,
    sink: &mut Sink<'_>,
) -> Vec<Item<'a>> {
    let item = match needed {
        Some(help) => fields.need(name, help, sink),
        None => fields.take(name),
    };
    let Some(item) = item else {
        return Vec::new();
    };
    let items = item.list(sink).unwrap_or_default();
    if let (Some(help), true) = (needed, item.is_empty_list()) {
        item.error("this list is empty", help, sink);
    }
    items
}

/// Reports a value that an earlier item of the list has too.
pub(super) fn unique<T: PartialEq>(all: &[T], one: &T, item: &Item<'_>, sink: &mut Sink<'_>) {
    if all.contains(one) {
        item.error("this is there a second time", "keep one of the two", sink);
    }
}

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
    let kinds = [("none", Approvals::None), ("link", Approvals::Link)];
    let approvals = approvals.map_or(Some(Approvals::None), |at| at.word(&kinds, sink));
    let drift = drift(&mut fields, sink);
    fields.finish(sink);
    Some(Registry {
        id: id?,
        hosts,
        max_entries: max_entries?,
        reserve: reserve?,
        ownership_tags: ownership_tags?,
        approvals: approvals?,
        grants_per_hour: usize::try_from(grants_per_hour?).ok()?,
        max_unknown_addresses: usize::try_from(max_unknown_addresses?).ok()?,
        drift: drift?,
    })
}

/// `sources`; their registries must be among those enrolled.
pub(super) fn sources(
    fields: &mut Fields<'_>,
    enrolled: (&[Registry], &Path),
    sink: &mut Sink<'_>,
) -> Vec<Source> {
    let help = "name who may report denials; without a source doorward hears nobody";
    let mut sources: Vec<Source> = Vec::new();
    for item in items(fields, "sources", Some(help), sink) {
        let Some(source) = source(&item, enrolled, sink) else {
            continue;
        };
        let names: Vec<&String> = sources.iter().map(|other| &other.name).collect();
        let at = item.field("name").unwrap_or(item);
        unique(&names, &&source.name, &at, sink);
        sources.push(source);
    }
    sources
}

fn source(
    item: &Item<'_>,
    (enrolled, folder): (&[Registry], &Path),
    sink: &mut Sink<'_>,
) -> Option<Source> {
    let mut fields = item.fields(sink)?;
    if fields.has("feed") {
        return feed_source(item, (enrolled, folder), sink);
    }
    let named = fields.need("name", "it stands in the path: /events/{name}", sink);
    let named = named.and_then(|at| name(&at, sink));
    let help = "say how the sender proves itself: `auth: { kind: shared_key, keys: [{ env: NAME }] }`; or let doorward fetch: `feed: { kind: azure_logs }`";
    let auth = fields.need("auth", help, sink);
    let auth = auth.and_then(|at| auth_of(&at, folder, sink));
    let listed = fields.take("registries").and_then(|at| at.list(sink));
    let mut registries = Vec::new();
    for item in listed.unwrap_or_default() {
        registries.extend(enrolled_host(&item, enrolled, sink));
    }
    if let (Some(Auth::CiToken { .. }), true) = (&auth, registries.is_empty()) {
        let help =
            "name the registries that these jobs use: `registries: [contosoprod.azurecr.io]`";
        item.error(
            "a source of CI jobs names the registries that they may speak of",
            help,
            sink,
        );
    }
    let registry = fields.take("registry");
    let meant = registry
        .as_ref()
        .and_then(|at| enrolled_host(at, enrolled, sink));
    if let (Some(at), Some(host)) = (&registry, &meant)
        && !registries.is_empty()
        && !registries.contains(host)
    {
        let what = format!(
            "`{host}` is meant by events that the source's `registries` do not let it name"
        );
        at.error(what, "add it to `registries`, or take it out here", sink);
    }
    let trust = trust_status_403(&mut fields, (item, auth.as_ref()), sink);
    let mut number = |name, default, least, most| {
        let item = fields.take(name);
        item.map_or(Some(default), |item| item.number(least, most, sink))
    };
    let rate_per_second = number("rate_per_second", RATE_PER_SECOND, 1, 100_000);
    let max_body_bytes = number("max_body_bytes", MAX_BODY, 1 << 10, 64 << 20);
    let options = options(&mut fields, sink);
    fields.finish(sink);
    Some(Source {
        name: named?,
        auth: auth?,
        registries,
        registry: meant,
        trust_status_403: trust?,
        rate_per_second: rate_per_second?,
        max_body_bytes: usize::try_from(max_body_bytes?).ok()?,
        options: options?,
    })
}

/// `trust_status_403`. Whether a source is sent diagnostic records is seen only when they come; whoever
/// left the option out is told beforehand what becomes of them. Jobs send what a client printed.
fn trust_status_403(
    fields: &mut Fields<'_>,
    (source, auth): (&Item<'_>, Option<&Auth>),
    sink: &mut Sink<'_>,
) -> Option<bool> {
    if let Some(at) = fields.take("trust_status_403") {
        return at.flag(sink);
    }
    if !matches!(auth, None | Some(Auth::CiToken { .. })) {
        let name = source.field("name");
        name.as_ref().unwrap_or(source).warn(
            "a resource log of Azure says 403 and the address, but not that it was the firewall: diagnostic \
             records and log alerts that come here are reported and open nothing",
            "write `trust_status_403: true` on the source that is sent them, once you have read docs/azure.md, \
             and `false` on every other",
            sink,
        );
    }
    Some(false)
}

/// A host that leads to an enrolled registry.
pub(super) fn enrolled_host(
    item: &Item<'_>,
    enrolled: &[Registry],
    sink: &mut Sink<'_>,
) -> Option<String> {
    let host = host(item, sink)?;
    if enrolled.iter().any(|registry| leads_to(&host, registry)) {
        return Some(host);
    }
    let known: Vec<String> = enrolled
        .iter()
        .flat_map(|registry| {
            registry
                .hosts
                .iter()
                .cloned()
                .chain([login_server(registry)])
        })
        .collect();
    let help = did_you_mean(&host, known.iter().map(String::as_str)).unwrap_or_else(|| {
        "enrol it under `registries`, or add it to the `hosts` of its registry".to_owned()
    });
    item.error(
        format!("`{host}` leads to no enrolled registry"),
        help,
        sink,
    );
    None
}

/// Whether a host is one of the registry's: a custom domain, or a login server or data endpoint made
/// of its name, which Azure may follow with a hash (`contosoprod-abc123.azurecr.io`).
pub(super) fn leads_to(host: &str, registry: &Registry) -> bool {
    if registry.hosts.iter().any(|known| known == host) {
        return true;
    }
    let name = registry.id.name().to_ascii_lowercase();
    let (label, rest) = host.split_once('.').unwrap_or((host, ""));
    let hashed = label
        .strip_prefix(&name)
        .is_some_and(|rest| rest.starts_with('-'));
    (label == name || hashed) && rest.contains("azurecr.")
}

fn login_server(registry: &Registry) -> String {
    format!("{}.azurecr.io", registry.id.name().to_ascii_lowercase())
}
