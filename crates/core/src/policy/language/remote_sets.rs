//! What sets that come over the network take: ids, URLs, and how they are kept up to date.

use crate::net::resource_id::{ResourceId, WrongType};
use crate::sets::{AzureKind, External, Kind, RefreshPolicy, WebUrl};
use crate::yaml::problem::Sink;
use crate::yaml::{Fields, Item};
use std::time::Duration;

/// As often as a source may be asked, and as seldom as anybody would call it refreshing.
const PERIODS: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(7 * 24));
/// The most percent that `max_refresh_change` may say.
const LARGEST_CHANGE: u32 = 10_000;
/// The most networks that a list from the web may have.
const LARGEST_SIZE: u32 = 200_000;

/// The id of a resource of this kind.
pub(in crate::policy) fn resource(
    item: &Item<'_>,
    kind: AzureKind,
    sink: &mut Sink<'_>,
) -> Option<ResourceId> {
    let id: ResourceId = item.parsed("", sink)?;
    if kind.types().iter().any(|wanted| id.is_type(wanted)) {
        return Some(id);
    }
    let wrong = WrongType {
        found: id.provider_type().to_owned(),
        id: id.to_string(),
        wanted: kind.types().first().copied().unwrap_or_default(),
    };
    let help = if id.is_type("Microsoft.App/managedEnvironments") {
        "name the app: the address of an environment (`staticIp`) is where requests come in, not where apps send from"
    } else {
        ""
    };
    item.error(wrong.to_string(), help, sink);
    None
}

/// An https URL. It may hold a secret, which no message shows.
pub(in crate::policy) fn web_url(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<WebUrl> {
    match WebUrl::parse(item.text(sink)?) {
        Ok(url) => Some(url),
        Err(error) => {
            let help = "write it as `https://host/path`";
            item.error(error.to_string(), help, sink);
            None
        }
    }
}

/// Takes `refresh`, `max_refresh_change` and `max_size`, which only make sense for what they are about.
pub(in crate::policy) fn refresh_policy(
    kind: Option<&Kind>,
    fields: &mut Fields<'_>,
    sink: &mut Sink<'_>,
) -> RefreshPolicy {
    let external = match kind {
        Some(Kind::External(external)) => Some(external),
        Some(Kind::Cidrs { .. } | Kind::AnyOf(_)) | None => None,
    };
    let mut refresh_policy = RefreshPolicy::default();
    if let Some(item) = fields.take("refresh") {
        refresh_policy.refresh = period(&item, sink);
        let help = "write it in the set that is loaded";
        fits(kind, external.is_some(), &item, help, sink);
    }
    if let Some(item) = fields.take("max_refresh_change") {
        refresh_policy.max_refresh_change = percent(&item, sink);
        let help = "leave it out: what a person wrote needs nobody to confirm it";
        let remote = external.is_some_and(|external| !external.in_file());
        fits(kind, remote, &item, help, sink);
    }
    if let Some(item) = fields.take("max_size") {
        refresh_policy.max_size = item.number(1, LARGEST_SIZE, sink);
        let web = matches!(external, Some(External::Http(_)));
        fits(
            kind,
            web,
            &item,
            "it bounds lists from the web (`http`)",
            sink,
        );
    }
    refresh_policy
}

/// Reports a field that says nothing about a set of this kind.
fn fits(kind: Option<&Kind>, fits: bool, item: &Item<'_>, help: &str, sink: &mut Sink<'_>) {
    if kind.is_some() && !fits {
        item.error("this says nothing about a set of this kind", help, sink);
    }
}

fn period(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Duration> {
    let period = item.duration(sink)?;
    if (PERIODS.0..=PERIODS.1).contains(&period) {
        return Some(period);
    }
    let help = "write at least `1m` and at most `7d`";
    item.error("nothing is refreshed so often, or so seldom", help, sink);
    None
}

/// `50%`.
fn percent(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<u32> {
    let text = item.text(sink)?;
    let number = text
        .strip_suffix('%')
        .and_then(|number| number.trim_end().parse().ok());
    if let Some(number) = number.filter(|number| (1..=LARGEST_CHANGE).contains(number)) {
        return Some(number);
    }
    let help = "write how much of it may go or come at once, as in `50%`";
    item.error(format!("`{text}` is not a part of a whole"), help, sink);
    None
}
