//! Sets that are not made of others: what each kind takes.

use super::remote_sets::web_url;
use crate::sets::sources::geo::{Wanted, is_country, parse_asn};
use crate::sets::sources::github_meta::USUAL_URL;
use crate::sets::{External, Kind, MetaFrom, Ranges, TagsFrom, WebUrl, parse_cidr};
use crate::yaml::problem::Sink;
use crate::yaml::{Fields, Item};

pub(in crate::policy) fn cidrs(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Kind> {
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

/// `service_tag: NAME`, from Microsoft's weekly file (`service-tags.json` unless `file` names another),
/// or with `source: arm` from Azure. One never stands in for the other.
pub(in crate::policy) fn service_tag(
    item: &Item<'_>,
    fields: &mut Fields<'_>,
    sink: &mut Sink<'_>,
) -> Option<Kind> {
    let tag = item.text(sink).map(str::to_owned);
    let source = fields.take("source");
    let words = [("file", false), ("arm", true)];
    let arm = match &source {
        Some(source) => source.word(&words, sink)?,
        None => false,
    };
    let from = if arm {
        tags_of_azure(fields, sink)?
    } else {
        TagsFrom::File(file_or("service-tags.json", fields, sink)?)
    };
    Some(Kind::External(External::ServiceTag { from, tag: tag? }))
}

/// Which subscription and region are asked for the service tags.
fn tags_of_azure(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<TagsFrom> {
    let help = "name a subscription that doorward may read, as in `subscription: 00000000-0000-0000-0000-000000000000`";
    let subscription = fields.need("subscription", help, sink);
    let help =
        "name any region; it says which version of the list is told, as in `location: westeurope`";
    let location = fields.need("location", help, sink);
    let mut plain = |item: &Item<'_>| {
        let text = item.text(sink)?;
        let good = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        if text.chars().all(good) {
            return Some(text.to_ascii_lowercase());
        }
        let help = "write letters, digits and `-`";
        item.error(format!("`{text}` is not such a name"), help, sink);
        None
    };
    let subscription = subscription.as_ref().and_then(&mut plain);
    let location = location.as_ref().and_then(&mut plain);
    Some(TagsFrom::Arm {
        subscription: subscription?,
        location: location?,
    })
}

/// `country: [CH, DE]`, from the database `geo.mmdb` unless `file` names another.
pub(in crate::policy) fn country(
    item: &Item<'_>,
    fields: &mut Fields<'_>,
    sink: &mut Sink<'_>,
) -> Option<Kind> {
    let codes = each(item, "write at least one country", sink, |text| {
        let code = is_country(text).then(|| text.to_ascii_uppercase());
        let help = "write its ISO 3166-1 code, such as `CH`; quote `\"NO\"` if you like";
        code.ok_or_else(|| (format!("`{text}` is no code of a country"), help))
    });
    let file = file_or("geo.mmdb", fields, sink)?;
    let wanted = Wanted::Countries(codes?);
    Some(Kind::External(External::Geo { file, wanted }))
}

/// `asn: [64496, AS64511]`, from the database `asn.mmdb` unless `file` names another.
pub(in crate::policy) fn asn(
    item: &Item<'_>,
    fields: &mut Fields<'_>,
    sink: &mut Sink<'_>,
) -> Option<Kind> {
    let numbers = each(item, "write at least one number", sink, |text| {
        let help = "write it as `64496` or `AS64496`";
        parse_asn(text).ok_or_else(|| {
            let what = format!("`{text}` is no number of an autonomous system");
            (what, help)
        })
    });
    let file = file_or("asn.mmdb", fields, sink)?;
    let wanted = Wanted::Systems(numbers?);
    Some(Kind::External(External::Geo { file, wanted }))
}

/// `github_meta: actions`, from a `file`, from an `url`, or from GitHub itself.
pub(in crate::policy) fn github_meta(
    item: &Item<'_>,
    fields: &mut Fields<'_>,
    sink: &mut Sink<'_>,
) -> Option<Kind> {
    let key = item.text(sink).map(str::to_owned);
    let from = match (fields.take("file"), fields.take("url")) {
        (Some(file), None) => MetaFrom::File(path(&file, sink)?),
        (None, Some(url)) => MetaFrom::Web(web_url(&url, sink)?),
        (None, None) => MetaFrom::Web(WebUrl::parse(USUAL_URL).ok()?),
        (Some(_), Some(url)) => {
            let help = "write one of the two: they never stand in for each other";
            url.error("this set has a `file` as well", help, sink);
            return None;
        }
    };
    Some(Kind::External(External::GithubMeta { from, key: key? }))
}

/// Each text of a list or the one in its place, read, sorted, once each.
fn each<T: Ord>(
    item: &Item<'_>,
    empty: &str,
    sink: &mut Sink<'_>,
    read: impl Fn(&str) -> Result<T, (String, &'static str)>,
) -> Option<Vec<T>> {
    let items = item.each();
    if items.is_empty() {
        item.error("this list is empty", empty, sink);
        return None;
    }
    let mut values = Vec::new();
    for item in &items {
        match read(item.text(sink)?) {
            Ok(value) => values.push(value),
            Err((what, help)) => item.error(what, help, sink),
        }
    }
    let whole = values.len() == items.len();
    values.sort();
    values.dedup();
    whole.then_some(values)
}

fn file_or(usual: &str, fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<String> {
    match fields.take("file") {
        Some(file) => path(&file, sink),
        None => Some(usual.to_owned()),
    }
}

/// A file beside the policy: relative, and not outside its folder.
pub(in crate::policy) fn path(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
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

/// What a set without a name is called.
pub(in crate::policy) fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Cidrs { .. } => "cidrs".to_owned(),
        Kind::External(external) => external.to_string(),
        Kind::AnyOf(parts) => {
            let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
            names.join(" or ")
        }
    }
}
