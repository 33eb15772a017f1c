//! What a source's sender does in its own way: names in alerts, Event Grid, the handshake.

use doorward_core::intake::delivery::Dimensions;
use doorward_core::yaml::duration::Show;
use doorward_core::yaml::problem::Sink;
use doorward_core::yaml::{Fields, Item};
use std::time::Duration;

/// Who may ask in the CloudEvents handshake, unless the file says otherwise
/// (<https://learn.microsoft.com/azure/event-grid/end-point-validation-cloud-events-schema>).
const EVENT_GRID: &str = "eventgrid.azure.net";

/// The least that `expect_every` may be: a sender collects and tries again for some minutes.
const OFTEN_EXPECTED: Duration = Duration::from_mins(1);

/// How long a name may be.
const LONGEST: usize = 128;

/// What a source's sender does in its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The names in log alerts of what was refused, where.
    pub dimensions: Dimensions,
    /// The only Event Grid subscription that may deliver, in any case.
    pub subscription: Option<String>,
    /// The origins that the CloudEvents handshake gives leave to, in any case; `*` for every one.
    pub allowed_origins: Vec<String>,
    /// How many requests a minute the handshake gives leave to, where that is not the source's rate.
    pub allowed_rate: Option<u32>,
    /// How often the sender speaks at least: beyond that, its silence is an alarm.
    pub expect_every: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dimensions: Dimensions::default(),
            subscription: None,
            allowed_origins: vec![EVENT_GRID.to_owned()],
            allowed_rate: None,
            expect_every: None,
        }
    }
}

/// Takes `dimensions`, `event_grid`, `cloud_events` and `expect_every` out of a source.
pub(super) fn options(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<Options> {
    let mut options = Options::default();
    let mut read = true;
    if let Some(item) = fields.take("dimensions") {
        let found = dimensions(&item, sink);
        read &= found.is_some();
        options.dimensions = found.unwrap_or_default();
    }
    if let Some(item) = fields.take("event_grid") {
        let found = event_grid(&item, sink);
        read &= found.is_some();
        options.subscription = found;
    }
    if let Some(item) = fields.take("cloud_events") {
        read &= cloud_events(&item, &mut options, sink).is_some();
    }
    if let Some(item) = fields.take("expect_every") {
        let every = item.duration(sink);
        if every.is_some_and(|every| every < OFTEN_EXPECTED) {
            let help = format!("write {} or more", Show(OFTEN_EXPECTED));
            item.error("a source is not expected to speak that often", help, sink);
        }
        read &= every.is_some();
        options.expect_every = every;
    }
    read.then_some(options)
}

pub(super) fn dimensions(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Dimensions> {
    let mut fields = item.fields(sink)?;
    let mut list = |name| {
        let item = fields.take(name);
        item.map_or(Some(Vec::new()), |item| names(&item, sink))
    };
    let (address, registry, resource) = (list("address"), list("registry"), list("resource"));
    fields.finish(sink);
    Some(Dimensions {
        address: address?,
        registry: registry?,
        resource: resource?,
    })
}

fn event_grid(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let mut fields = item.fields(sink)?;
    let help = "name the event subscription that delivers here, as Azure shows its name";
    let subscription = fields.need("subscription", help, sink);
    fields.finish(sink);
    name(&subscription?, sink)
}

fn cloud_events(item: &Item<'_>, options: &mut Options, sink: &mut Sink<'_>) -> Option<()> {
    let mut fields = item.fields(sink)?;
    let (origins, rate) = (fields.take("allowed_origins"), fields.take("allowed_rate"));
    fields.finish(sink);
    if let Some(origins) = origins {
        options.allowed_origins = names(&origins, sink)?;
    }
    if let Some(rate) = rate {
        options.allowed_rate = Some(rate.number(1, 1_000_000, sink)?);
    }
    Some(())
}

/// A list of names that is not empty.
fn names(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Vec<String>> {
    let items = item.list(sink)?;
    if items.is_empty() {
        item.error(
            "this list is empty",
            "name one, or leave the list out",
            sink,
        );
        return None;
    }
    let read: Vec<Option<String>> = items.iter().map(|item| name(item, sink)).collect();
    read.into_iter().collect()
}

fn name(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?.trim();
    if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
        let what = format!("a name has 1 to {LONGEST} characters, in one line");
        item.error(what, "", sink);
        return None;
    }
    Some(text.to_owned())
}
