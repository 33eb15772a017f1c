//! What a channel is sent next: one message, or one that stands for several.

use super::{Routes, can_wait};
use crate::ledger::alert::Alert;
use crate::ledger::id::AlertId;
use crate::messages::message::Matter;
use crate::messages::routing::deliveries::{COUNTED, Deliveries};
use jiff::{SignedDuration, Timestamp};

/// After a message, others of the same matter and code wait so long, and become one.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// How many messages one may stand for.
const MOST: usize = 200;

/// A message that waits for a channel.
#[derive(Clone, Debug)]
pub struct Waiting<'a> {
    /// Since when.
    pub since: Timestamp,
    /// The message.
    pub alert: &'a Alert,
    /// How often the channel did not take it.
    pub failures: u32,
    /// When it may be tried again.
    pub not_before: Timestamp,
}

/// What to do for a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing waits.
    Nothing,
    /// Something is due then.
    At(Timestamp),
    /// These are due, as one message: the first leads.
    Send(Vec<AlertId>),
}

/// What is due on `channel` at `now`. Of those that are due the one that failed least comes first, then the
/// oldest, so that one that is never taken holds up no other.
pub fn next(
    waiting: &[Waiting<'_>],
    channel: &str,
    (routes, deliveries): (&Routes, &Deliveries),
    now: Timestamp,
) -> Next {
    let recent = deliveries.recent(channel, now);
    let held = waiting.iter().map(|it| {
        let own = it.not_before.max(now);
        let window = window(it.alert, channel, deliveries).unwrap_or(now);
        let quiet = quiet(it.alert, channel, routes, now).unwrap_or(now);
        let digest = match digest(it.alert, channel, routes) {
            Some(most) => slot(&recent, most).unwrap_or(now),
            None => now,
        };
        (
            own.max(window).max(quiet).max(digest),
            it.failures,
            it.since,
            it,
        )
    });
    let mut held: Vec<_> = held.collect();
    held.sort_by_key(|(due, failures, since, it)| (*due, *failures, *since, it.alert.id));
    let Some((due, _, _, first)) = held.first() else {
        return Next::Nothing;
    };
    if *due > now {
        return Next::At(*due);
    }
    let due: Vec<&Waiting<'_>> = held
        .iter()
        .filter(|(due, ..)| *due <= now)
        .map(|(.., it)| *it)
        .collect();
    Next::Send(together(first, &due, channel, (routes, recent.len())))
}

/// The messages that go with `first`: others of its matter, or all that are too many for an hour.
fn together(
    first: &Waiting<'_>,
    due: &[&Waiting<'_>],
    channel: &str,
    (routes, sent): (&Routes, usize),
) -> Vec<AlertId> {
    let others = due.iter().filter(|it| it.alert.id != first.alert.id);
    // One that was refused before may be refused for what is in it: it goes alone.
    let others = others.filter(|it| it.failures == 0 && first.failures == 0);
    let matter = Matter::of(first.alert);
    let most = digest(first.alert, channel, routes);
    let admission: Vec<_> = others.clone().collect();
    let admission: Vec<_> = admission
        .into_iter()
        .filter(|it| most.is_some() && digest(it.alert, channel, routes) == most)
        .collect();
    let left = most.map(|most| {
        usize::try_from(most)
            .unwrap_or(usize::MAX)
            .saturating_sub(sent)
    });
    let too_many = left.is_some_and(|left| admission.len().saturating_add(1) > left);
    let ids: Vec<AlertId> = if too_many {
        admission.iter().map(|it| it.alert.id).collect()
    } else {
        others
            .filter(|it| {
                !matter.is_alone()
                    && it.alert.code == first.alert.code
                    && Matter::of(it.alert) == matter
            })
            .map(|it| it.alert.id)
            .collect()
    };
    std::iter::once(first.alert.id)
        .chain(ids)
        .take(MOST)
        .collect()
}

fn window(alert: &Alert, channel: &str, deliveries: &Deliveries) -> Option<Timestamp> {
    let thread = deliveries.thread(channel, &Matter::of(alert))?;
    let again = thread.code == alert.code;
    again.then(|| later(thread.at, WINDOW))
}

fn quiet(alert: &Alert, channel: &str, routes: &Routes, now: Timestamp) -> Option<Timestamp> {
    routes.on(alert, channel)?.quiet_until(&alert.code, now)
}

/// How many an hour, where a message may be told together with others.
fn digest(alert: &Alert, channel: &str, routes: &Routes) -> Option<u32> {
    let most = routes.on(alert, channel)?.digest?;
    can_wait(&alert.code).then_some(most)
}

/// When the channel may have another, after so many in an hour.
fn slot(recent: &[Timestamp], most: u32) -> Option<Timestamp> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let over = recent.len().checked_sub(most)?;
    recent.get(over).map(|at| later(*at, COUNTED))
}

fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
