//! `connections`: how many, and how long, a listener bears with.

use doorward_core::yaml::Fields;
use doorward_core::yaml::problem::Sink;
use std::time::Duration;

/// What each listener bears with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// How many are open at once.
    pub max: usize,
    /// How many of them one address may have: an IPv4 address, or an IPv6 /64.
    pub max_per_address: usize,
    /// How long an HTTP/2 connection may be without requests.
    pub idle_timeout: Duration,
    /// How long a peer may take to read what is written to it.
    pub write_timeout: Duration,
    /// How long a connection may last.
    pub max_age: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            max: 512,
            max_per_address: 128,
            idle_timeout: Duration::from_mins(1),
            write_timeout: Duration::from_secs(10),
            max_age: Duration::from_hours(1),
        }
    }
}

/// The fewest that leave room for a reserve.
const FEWEST: u32 = 16;
/// More than any system gives out without being told to.
const MOST: u32 = 100_000;

/// `connections`.
pub(super) fn connections(fields: &mut Fields<'_>, sink: &mut Sink<'_>) -> Option<Connections> {
    let usual = Connections::default();
    let Some(item) = fields.take("connections") else {
        return Some(usual);
    };
    let mut fields = item.fields(sink)?;
    let mut number = |name, usual, least| {
        let item = fields.take(name);
        let number = item.map(|item| item.number(least, MOST, sink));
        number.map_or(Some(usual), |number| usize::try_from(number?).ok())
    };
    let max = number("max", usual.max, FEWEST);
    let of_one = usual.max_per_address.min(max.unwrap_or(usual.max));
    let max_per_address = number("max_per_address", of_one, 1);
    let mut duration = |name, usual| {
        let item = fields.take(name);
        item.map_or(Some(usual), |item| item.duration(sink))
    };
    let idle_timeout = duration("idle_timeout", usual.idle_timeout);
    let write_timeout = duration("write_timeout", usual.write_timeout);
    let max_age = duration("max_age", usual.max_age);
    fields.finish(sink);
    Some(Connections {
        max: max?,
        max_per_address: max_per_address?,
        idle_timeout: idle_timeout?,
        write_timeout: write_timeout?,
        max_age: max_age?,
    })
}
