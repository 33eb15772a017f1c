//! The sets of a policy: definitions by name, in any order and any file, resolved to whole sets.

use crate::domain::problem::{Place, Sink, did_you_mean};
use crate::domain::resource_id::{NAT_GATEWAY, PUBLIC_IP_ADDRESS, PUBLIC_IP_PREFIX, ResourceId};
use crate::domain::sets::{AddressSet, External, Kind, Ranges, parse_cidr};
use crate::domain::yaml::{Fields, Item, Value, all_of, one_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The kinds that a set can be of; exactly one is written.
const KINDS: [&str; 7] = [
    "cidrs",
    "cidrs_file",
    "nat_gateway",
    "public_ip",
    "public_ip_prefix",
    "service_tag",
    "any_of",
];
/// Kinds of the language that are to come.
const LATER: [&str; 13] = [
    "subnet",
    "agent_pool",
    "azure_firewall",
    "aks_egress",
    "github_meta",
    "app_service_egress",
    "container_app_egress",
    "country",
    "asn",
    "http",
    "fresh",
    "max_size",
    "max_change",
];
/// How deep sets may stand in each other.
const DEPTH: usize = 16;
/// How many sets may be looked at for one address.
const SIZE: usize = 10_000;

/// A definition as it stands in a file.
struct Definition<'a> {
    file: usize,
    file_name: &'a str,
    item: Item<'a>,
    key: &'a Place,
}

/// All definitions, and what has been made of them so far.
pub(super) struct Definitions<'a, 's> {
    pub(super) sinks: &'s mut [Sink<'a>],
    named: BTreeMap<String, Definition<'a>>,
    done: BTreeMap<String, Option<Arc<AddressSet>>>,
    path: Vec<String>,
    used: BTreeSet<String>,
}

impl<'a, 's> Definitions<'a, 's> {
    /// None so far; problems of file `n` go to the sink at `n`.
    pub(super) fn new(sinks: &'s mut [Sink<'a>]) -> Self {
        Self {
            sinks,
            named: BTreeMap::new(),
            done: BTreeMap::new(),
            path: Vec::new(),
            used: BTreeSet::new(),
        }
    }

    /// Adds the sets that a file defines.
    pub(super) fn add(&mut self, file: usize, sets: &Item<'a>) {
        let Some(sink) = self.sinks.get_mut(file) else {
            return;
        };
        for (key, item) in sets.entries(sink) {
            let Some(name) = key.text(sink) else {
                continue;
            };
            if !name
                .chars()
                .all(|letter| letter.is_alphanumeric() || "-_.".contains(letter))
            {
                let help = "use letters, digits, `-`, `_` and `.`";
                key.error(format!("`{name}` is no name for a set"), help, sink);
            } else if let Some(first) = self.named.get(name) {
                let what = format!(
                    "there is another set `{name}` ({}:{})",
                    first.file_name, first.key.line
                );
                key.error(what, "give one of the two another name", sink);
            } else {
                let definition = Definition {
                    file,
                    file_name: sink.file(),
                    item,
                    key: key.place(),
                };
                self.named.insert(name.to_owned(), definition);
            }
        }
    }

    /// Resolves every definition; those that cannot be are reported and left out.
    pub(super) fn resolve(&mut self) -> BTreeMap<String, Arc<AddressSet>> {
        let names: Vec<String> = self.named.keys().cloned().collect();
        for name in &names {
            self.by_name(name);
        }
        let whole =
            |(name, set): (&String, &Option<Arc<AddressSet>>)| Some((name.clone(), set.clone()?));
        self.done.iter().filter_map(whole).collect()
    }

    /// The definitions that no rule and no other set uses, as warnings.
    pub(super) fn warn_of_unused(&mut self) {
        for (name, definition) in &self.named {
            if let (false, Some(sink)) = (
                self.used.contains(name),
                self.sinks.get_mut(definition.file),
            ) {
                let what = format!("nothing uses the set `{name}`");
                sink.warn(
                    definition.key,
                    &definition.item.path,
                    what,
                    "use it in a rule, or take it out",
                );
            }
        }
    }

    fn by_name(&mut self, name: &str) -> Option<Arc<AddressSet>> {
        if let Some(done) = self.done.get(name) {
            return done.clone();
        }
        let definition = self.named.get(name)?;
        let (file, item) = (definition.file, definition.item.clone());
        self.path.push(name.to_owned());
        let set = self.define(file, &item, Some(name));
        self.path.pop();
        self.done.insert(name.to_owned(), set.clone());
        set
    }

    /// The sets that a condition, `any_of` or `except` names or writes out; `None` if any is wrong.
    pub(super) fn all(&mut self, file: usize, item: &Item<'a>) -> Option<Vec<Arc<AddressSet>>> {
        let items = item.each();
        if items.is_empty() {
            let sink = self.sinks.get_mut(file)?;
            item.error(
                "this list is empty",
                "name a set, or leave the field out",
                sink,
            );
            return None;
        }
        let sets: Vec<Option<Arc<AddressSet>>> =
            items.iter().map(|item| self.one(file, item)).collect();
        sets.into_iter().collect()
    }

    fn one(&mut self, file: usize, item: &Item<'a>) -> Option<Arc<AddressSet>> {
        if let Value::Map(_) = item.node.value {
            return self.define(file, item, None);
        }
        let sink = self.sinks.get_mut(file)?;
        let name = item.text(sink)?;
        if !self.named.contains_key(name) {
            let help = if parse_cidr(name).is_ok() {
                format!("write `{{ cidrs: [{name}] }}`")
            } else {
                did_you_mean(name, self.named.keys().map(String::as_str))
                    .unwrap_or_else(|| "define it under `sets`, in this file or another".to_owned())
            };
            item.error(format!("there is no set `{name}`"), help, sink);
            return None;
        }
        if let Some(start) = self.path.iter().position(|on| on == name) {
            let round: Vec<&str> = self.path.iter().skip(start).map(String::as_str).collect();
            let what = format!(
                "the set `{name}` contains itself: {} -> {name}",
                round.join(" -> ")
            );
            item.error(what, "take one of them out", sink);
            return None;
        }
        self.used.insert(name.to_owned());
        self.by_name(name)
    }

    /// Reads one definition.
    fn define(
        &mut self,
        file: usize,
        item: &Item<'a>,
        name: Option<&str>,
    ) -> Option<Arc<AddressSet>> {
        let sink = self.sinks.get_mut(file)?;
        let mut fields = item.fields(sink)?;
        let written: Vec<&str> = KINDS.into_iter().filter(|kind| fields.has(kind)).collect();
        if written.len() > 1 {
            let what = format!(
                "a set is of one kind, and this one is of {}",
                all_of(&written)
            );
            item.error(what, "join several sets with `any_of: [.., ..]`", sink);
            return None;
        }
        let kind = self.kind(file, &mut fields);
        let except = match fields.take("except") {
            Some(except) => self.all(file, &except),
            None => Some(Vec::new()),
        };
        let sink = self.sinks.get_mut(file)?;
        let later = fields.not_yet(&LATER, sink);
        let clean = fields.finish(sink);
        if written.is_empty() && clean && !later {
            let help = format!("write {}", one_of(&KINDS));
            item.error("this does not say what the set is made of", help, sink);
        }
        let kind = kind?;
        let name = name.map_or_else(|| describe(&kind), str::to_owned);
        let set = AddressSet::new(name, kind, except?);
        if set.depth > DEPTH || set.size > SIZE {
            let help = "write it flatter, or with fewer parts";
            item.error("these sets stand too deep in each other", help, sink);
            return None;
        }
        Some(Arc::new(set))
    }

    /// Takes the field that says what the set is made of.
    fn kind(&mut self, file: usize, fields: &mut Fields<'a>) -> Option<Kind> {
        let sink = self.sinks.get_mut(file)?;
        if let Some(item) = fields.take("cidrs") {
            return cidrs(&item, sink);
        }
        if let Some(item) = fields.take("cidrs_file") {
            let path = path(&item, sink)?;
            return Some(Kind::External(External::CidrsFile(path)));
        }
        if let Some(item) = fields.take("service_tag") {
            return service_tag(&item, fields, sink);
        }
        if let Some(item) = fields.take("nat_gateway") {
            let id = resource(&item, NAT_GATEWAY, sink)?;
            return Some(Kind::External(External::NatGateway(id)));
        }
        if let Some(item) = fields.take("public_ip") {
            let id = resource(&item, PUBLIC_IP_ADDRESS, sink)?;
            return Some(Kind::External(External::PublicIp(id)));
        }
        if let Some(item) = fields.take("public_ip_prefix") {
            let id = resource(&item, PUBLIC_IP_PREFIX, sink)?;
            return Some(Kind::External(External::PublicIpPrefix(id)));
        }
        let item = fields.take("any_of")?;
        Some(Kind::AnyOf(self.all(file, &item)?))
    }
}

fn cidrs(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Kind> {
    let items = item.each();
    if items.is_empty() {
        item.error("this list is empty", "write at least one CIDR", sink);
        return None;
    }
    let mut networks = Vec::new();
    for item in &items {
        match parse_cidr(item.text(sink)?) {
            Ok(network) => networks.push(network),
            Err(error) => item.error(error.to_string(), "", sink),
        }
    }
    if networks.len() < items.len() {
        return None;
    }
    let ranges = Ranges::new(networks);
    let hash = ranges.hash();
    Some(Kind::Cidrs { ranges, hash })
}

fn service_tag(item: &Item<'_>, fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<Kind> {
    let tag = item.text(sink).map(str::to_owned);
    if let Some(source) = fields.take("source")
        && source.text(sink)? != "file"
    {
        let help = "write `source: file`, and under `file` the name of Microsoft's weekly JSON";
        source.error("service tags come from a file so far", help, sink);
    }
    let help = "name Microsoft's weekly JSON, as in `file: ServiceTags_Public.json`";
    let file = fields.need("file", help, sink)?;
    let file = path(&file, sink)?;
    Some(Kind::External(External::ServiceTag { file, tag: tag? }))
}

/// A file beside the policy: relative, and not outside its folder.
fn path(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?;
    let outside = |part: &str| part == "..";
    if text.starts_with('/') || text.split('/').any(outside) {
        let help = "name it relative to the policy folder, and keep it in there";
        item.error(
            format!("`{text}` lies outside the policy folder"),
            help,
            sink,
        );
        return None;
    }
    Some(text.to_owned())
}

fn resource(item: &Item<'_>, wanted: &'static str, sink: &mut Sink<'_>) -> Option<ResourceId> {
    let id: ResourceId = item.parsed("", sink)?;
    match id.of_type(wanted) {
        Ok(id) => Some(id),
        Err(error) => {
            item.error(error.to_string(), "", sink);
            None
        }
    }
}

/// What a set without a name is called.
fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Cidrs { .. } => "cidrs".to_owned(),
        Kind::External(external) => external.to_string(),
        Kind::AnyOf(parts) => {
            let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
            names.join(" or ")
        }
    }
}
