//! Sets that are not made of others: what each kind takes.

use crate::domain::problem::Sink;
use crate::domain::resource_id::ResourceId;
use crate::domain::sets::{External, Kind, Ranges, parse_cidr};
use crate::domain::yaml::{Fields, Item};

pub(super) fn cidrs(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Kind> {
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

pub(super) fn service_tag(
    item: &Item<'_>,
    fields: &mut Fields<'_>,
    sink: &mut Sink<'_>,
) -> Option<Kind> {
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
pub(super) fn path(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
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

pub(super) fn resource(
    item: &Item<'_>,
    wanted: &'static str,
    sink: &mut Sink<'_>,
) -> Option<ResourceId> {
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
pub(super) fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Cidrs { .. } => "cidrs".to_owned(),
        Kind::External(external) => external.to_string(),
        Kind::AnyOf(parts) => {
            let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
            names.join(" or ")
        }
    }
}
