//! Tests of `plan`.

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
