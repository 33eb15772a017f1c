//! The sets of a policy: definitions by name, in any order and any file, resolved to whole sets.

use super::remote_sets::{refresh_policy, resource, web_url};
use super::set_kinds::{asn, cidrs, country, describe, github_meta, path, service_tag};
use crate::sets::{AddressSet, AzureKind, External, Kind, parse_cidr};
use crate::yaml::problem::{Place, Sink, did_you_mean};
use crate::yaml::{Fields, Item, Value, all_of, one_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The kinds that a set can be of, beside those that are [resources of Azure](AzureKind); exactly one
/// is written.
const KINDS: [&str; 8] = [
    "cidrs",
    "cidrs_file",
    "service_tag",
    "country",
    "asn",
    "github_meta",
    "http",
    "any_of",
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
pub(in crate::policy) struct Definitions<'a, 's> {
    pub(in crate::policy) sinks: &'s mut [Sink<'a>],
    named: BTreeMap<String, Definition<'a>>,
    done: BTreeMap<String, Option<Arc<AddressSet>>>,
    path: Vec<String>,
    used: BTreeSet<String>,
}

impl<'a, 's> Definitions<'a, 's> {
    /// None so far; problems of file `n` go to the sink at `n`.
    pub(in crate::policy) fn new(sinks: &'s mut [Sink<'a>]) -> Self {
        Self {
            sinks,
            named: BTreeMap::new(),
            done: BTreeMap::new(),
            path: Vec::new(),
            used: BTreeSet::new(),
        }
    }

    /// Adds the sets that a file defines.
    pub(in crate::policy) fn add(&mut self, file: usize, sets: &Item<'a>) {
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
    pub(in crate::policy) fn resolve(&mut self) -> BTreeMap<String, Arc<AddressSet>> {
        let names: Vec<String> = self.named.keys().cloned().collect();
        for name in &names {
            self.by_name(name);
        }
        let whole =
            |(name, set): (&String, &Option<Arc<AddressSet>>)| Some((name.clone(), set.clone()?));
        self.done.iter().filter_map(whole).collect()
    }

    /// The definitions that no rule and no other set uses, as warnings.
    pub(in crate::policy) fn warn_of_unused(&mut self) {
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
    pub(in crate::policy) fn all(
        &mut self,
        file: usize,
        item: &Item<'a>,
    ) -> Option<Vec<Arc<AddressSet>>> {
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
        let kinds: Vec<&str> = AzureKind::ALL
            .map(AzureKind::name)
            .into_iter()
            .chain(KINDS)
            .collect();
        let written: Vec<&str> = kinds
            .iter()
            .copied()
            .filter(|kind| fields.has(kind))
            .collect();
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
        let refresh_policy = refresh_policy(kind.as_ref(), &mut fields, sink);
        let clean = fields.finish(sink);
        if written.is_empty() && clean {
            let help = format!("write {}", one_of(&kinds));
            item.error("this does not say what the set is made of", help, sink);
        }
        let kind = kind?;
        let name = name.map_or_else(|| describe(&kind), str::to_owned);
        let mut set = AddressSet::new(name, kind, except?);
        set.refresh_policy = refresh_policy;
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
        if let Some(item) = fields.take("country") {
            return country(&item, fields, sink);
        }
        if let Some(item) = fields.take("asn") {
            return asn(&item, fields, sink);
        }
        if let Some(item) = fields.take("github_meta") {
            return github_meta(&item, fields, sink);
        }
        if let Some(item) = fields.take("http") {
            return Some(Kind::External(External::Http(web_url(&item, sink)?)));
        }
        for kind in AzureKind::ALL {
            if let Some(item) = fields.take(kind.name()) {
                let id = resource(&item, kind, sink)?;
                return Some(Kind::External(External::Azure(kind, id)));
            }
        }
        let item = fields.take("any_of")?;
        Some(Kind::AnyOf(self.all(file, &item)?))
    }
}
