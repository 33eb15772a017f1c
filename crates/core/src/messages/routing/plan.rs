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
mod tests {
    use super::*;
    use crate::ledger::event::LedgerEvent;
    use crate::messages::channels::samples::asked;
    use crate::messages::routing::Route;
    use crate::policy::Hours;
    use crate::state::State;
    use uuid::Uuid;

    const CHANNEL: &str = "chat";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// An alert of its own, or of one matter with others.
    fn alert(number: u128, code: &str, address: u8) -> Alert {
        let mut alert = asked("a");
        alert.id = AlertId(Uuid::from_u128(number));
        alert.request = None;
        alert.code = code.to_owned();
        alert.address = Some([20, 1, 2, address].into());
        alert
    }

    fn told(state: &mut State, alerts: &[Alert]) {
        for it in alerts {
            state.apply(at(0), &LedgerEvent::Alerted(it.clone()));
        }
    }

    fn next_of(state: &State, routes: &Routes, now: Timestamp) -> Next {
        let waiting: Vec<Waiting<'_>> = state
            .outbox
            .values()
            .map(|(since, alert)| Waiting {
                since: *since,
                alert,
                failures: 0,
                not_before: at(0),
            })
            .collect();
        next(&waiting, CHANNEL, (routes, &state.deliveries), now)
    }

    fn deliver(state: &mut State, now: Timestamp, ids: &[AlertId]) {
        for alert in ids {
            let channel = CHANNEL.to_owned();
            let what = LedgerEvent::Delivered {
                alert: *alert,
                channel,
                receipt: None,
            };
            state.apply(now, &what);
        }
    }

    fn sent(next: Next) -> Vec<AlertId> {
        match next {
            Next::Send(ids) => ids,
            other => panic!("{other:?}"),
        }
    }

    fn route(route: Route) -> Routes {
        Routes {
            routes: vec![Route {
                to: vec![CHANNEL.to_owned()],
                ..route
            }],
            all: Vec::new(),
        }
    }

    #[test]
    fn messages_of_one_matter_wait_for_the_window_and_become_one() {
        let (mut state, routes) = (State::default(), Routes::default());
        told(&mut state, &[alert(1, "alert", 1)]);
        let first = sent(next_of(&state, &routes, at(0)));
        deliver(&mut state, at(0), &first);
        told(
            &mut state,
            &[
                alert(2, "alert", 1),
                alert(3, "alert", 1),
                alert(4, "alert", 9),
            ],
        );
        // Another address is another matter.
        let other = sent(next_of(&state, &routes, at(1)));
        assert_eq!(other, [AlertId(Uuid::from_u128(4))]);
        deliver(&mut state, at(1), &other);
        assert_eq!(next_of(&state, &routes, at(1)), Next::At(at(60)));
        let both = sent(next_of(&state, &routes, at(60)));
        assert_eq!(both.len(), 2);
        deliver(&mut state, at(60), &both);
        assert_eq!(next_of(&state, &routes, at(60)), Next::Nothing);
        assert_eq!(state.deliveries.recent(CHANNEL, at(60)).len(), 3);
    }

    #[test]
    fn messages_past_the_rate_become_one_and_questions_do_not_wait() {
        let routes = route(Route {
            digest: Some(2),
            ..Route::default()
        });
        let mut state = State::default();
        let many: Vec<Alert> = (1..=5).map(|it| alert(it.into(), "alert", it)).collect();
        told(&mut state, &many);
        let all = sent(next_of(&state, &routes, at(0)));
        assert_eq!(all.len(), 5);
        deliver(&mut state, at(0), &all);
        told(&mut state, &[alert(6, "alert", 6)]);
        let one = sent(next_of(&state, &routes, at(10)));
        assert_eq!(one.len(), 1);
        deliver(&mut state, at(10), &one);
        told(&mut state, &[alert(7, "alert", 7)]);
        assert_eq!(next_of(&state, &routes, at(20)), Next::At(at(3_600)));
        told(&mut state, &[alert(8, "ask", 8)]);
        assert_eq!(
            sent(next_of(&state, &routes, at(20))),
            [AlertId(Uuid::from_u128(8))]
        );
    }

    #[test]
    fn quiet_hours_hold_a_message_back() {
        let routes = route(Route {
            quiet_hours: Hours::daily("00:00", "01:00", "UTC").ok(),
            ..Route::default()
        });
        let mut state = State::default();
        told(&mut state, &[alert(1, "alert", 1)]);
        assert_eq!(next_of(&state, &routes, at(30)), Next::At(at(3_600)));
        assert_eq!(sent(next_of(&state, &routes, at(3_600))).len(), 1);
    }
}
