//! `feed` of a source: deliveries that doorward fetches itself.

mod kinds;
mod storage;

pub use kinds::FeedKind;
pub use storage::{BlobFeed, QueueFeed};

use super::options::dimensions;
use super::sections::{RATE_PER_SECOND, enrolled_host, items, leads_to};
use super::values::name;
use super::{Auth, Options, Registry, Secret, Source};
use doorward_core::intake::delivery::Dimensions;
use doorward_core::net::resource_id::ResourceId;
use doorward_core::yaml::problem::Sink;
use doorward_core::yaml::{Fields, Item};
use std::path::Path;
use std::time::Duration;

/// Deliveries that doorward fetches itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Where they come from.
    pub kind: FeedKind,
    /// How often it is asked for news.
    pub every: Duration,
    /// The registries whose denials it tells of.
    pub registries: Vec<ResourceId>,
    /// How long it may be without a record of any kind.
    pub expect_every: Option<Duration>,
    /// The secrets that it is fetched with.
    pub secrets: Vec<Secret>,
}

/// Reads a source that has a `feed`.
pub(super) fn feed_source(
    item: &Item<'_>,
    (enrolled, folder): (&[Registry], &Path),
    sink: &mut Sink<'_>,
) -> Option<Source> {
    let mut fields = item.fields(sink)?;
    let named = fields.need("name", "rules and messages name the source by it", sink);
    let named = named.and_then(|at| name(&at, sink));
    let feed = fields.take("feed");
    let feed = feed.and_then(|at| kinds::read(&at, folder, sink));
    if let Some(auth) = fields.take("auth") {
        let help = "take `auth` out, or `feed` if somebody sends";
        auth.hide(sink);
        auth.error(
            "doorward fetches a feed itself, so nobody has to prove anything",
            help,
            sink,
        );
    }
    let help = "name the registries whose logs are read: `registries: [contosoprod.azurecr.io]`";
    let needed = feed
        .as_ref()
        .is_none_or(|feed| feed.kind == FeedKind::AzureLogs);
    let listed = items(&mut fields, "registries", needed.then_some(help), sink);
    let (hosts, registries) = whose(&listed, enrolled, sink);
    let trust = trusts(&mut fields, item, sink);
    let expect_every = fields.take("expect_every");
    let expect_every = expect_every.map(|at| at.duration(sink));
    let own = fields.take("dimensions");
    let own = own.map_or_else(|| Some(Dimensions::default()), |at| dimensions(&at, sink));
    fields.finish(sink);
    let feed = feed?;
    Some(Source {
        name: named?,
        auth: Auth::Feed(Feed {
            kind: feed.kind,
            every: feed.every,
            secrets: feed.secrets,
            registries,
            expect_every: match expect_every {
                None => None,
                Some(read) => Some(read?),
            },
        }),
        registries: hosts,
        registry: None,
        trust_status_403: trust?,
        rate_per_second: RATE_PER_SECOND,
        max_body_bytes: 0,
        options: Options {
            dimensions: own?,
            ..Options::default()
        },
    })
}

/// The registries whose denials the feed tells of, by host and by id.
fn whose(
    listed: &[Item<'_>],
    enrolled: &[Registry],
    sink: &mut Sink<'_>,
) -> (Vec<String>, Vec<ResourceId>) {
    let (mut hosts, mut registries) = (Vec::new(), Vec::new());
    for item in listed {
        let Some(host) = enrolled_host(item, enrolled, sink) else {
            continue;
        };
        let mut meant = enrolled.iter().filter(|known| leads_to(&host, known));
        let id = meant.next().map(|known| known.id.clone());
        if id.as_ref().is_some_and(|id| registries.contains(id)) {
            let help = "keep one of the two";
            item.error("this registry is there a second time", help, sink);
        }
        registries.extend(id);
        hosts.push(host);
    }
    (hosts, registries)
}

/// `trust_status_403`: whoever leaves it out is told what becomes of the rows.
fn trusts(fields: &mut Fields<'_>, source: &Item<'_>, sink: &mut Sink<'_>) -> Option<bool> {
    if let Some(at) = fields.take("trust_status_403") {
        return at.flag(sink);
    }
    let name = source.field("name");
    name.as_ref().unwrap_or(source).warn(
        "records of a registry's log say 403 and the address, but not that it was the firewall: they are reported and \
         open nothing",
        "write `trust_status_403: true` once you have read docs/feeds.md, else `false`",
        sink,
    );
    Some(false)
}
