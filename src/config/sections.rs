//! The list of sources, and how lists are read.

use super::auth::auth_of;
use super::feed::feed_source;
use super::options::options;
use super::values::{host, name};
use super::{Auth, Registry, Source};
use doorward_core::yaml::problem::{Sink, did_you_mean};
use doorward_core::yaml::{Fields, Item};
use std::path::Path;

/// How many requests a second a source may make, unless the file says otherwise.
pub(super) const RATE_PER_SECOND: u32 = 50;
/// How large a body may be, unless the file says otherwise.
const MAX_BODY: u32 = 4 << 20;
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
