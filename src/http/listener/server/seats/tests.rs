//! Seats by address, with no socket behind them.

use super::seat::{FREE_REQUESTS, REQUEST_EVERY};
use super::*;

const LIMITS: Limits = Limits {
    connections: 16,
    per_address: 4,
    ..Limits::DEFAULT
};

fn seats() -> Arc<Seats> {
    Seats::new(LIMITS, vec!["10.0.0.0/8".parse().unwrap()])
}

fn peer(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A seat for whoever has waited for its turn.
fn sit(seats: &Arc<Seats>, one: &str, now: Instant) -> Result<Permit, Wait> {
    seats.seat(peer(one), true, now)
}

fn many(seats: &Arc<Seats>, peers: &[&str], each: usize, now: Instant) -> Vec<Permit> {
    let all = peers.iter().flat_map(|one| std::iter::repeat_n(one, each));
    all.map(|one| sit(seats, one, now).unwrap()).collect()
}

fn is_taken(seat: &Permit) -> bool {
    seat.taken.is_cancelled()
}

fn later(now: Instant, seconds: u64) -> Instant {
    now + Duration::from_secs(seconds)
}

#[test]
fn one_address_has_its_share_and_takes_its_own_oldest_idle_seat() {
    let (seats, now) = (seats(), Instant::now());
    let one = many(&seats, &["51.1.1.1"], 4, now);
    let other = many(&seats, &["51.1.1.2"], 1, now);
    one[0].begin(now);
    let more = sit(&seats, "::ffff:51.1.1.1", later(now, 1)).unwrap();
    let taken: Vec<bool> = one.iter().map(is_taken).collect();
    assert_eq!(taken, [false, true, false, false]);
    assert!(!is_taken(&other[0]) && !is_taken(&more));
}

#[test]
fn an_ipv6_network_counts_as_one_address() {
    let (seats, now) = (seats(), Instant::now());
    let addresses = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"];
    let one = many(&seats, &addresses, 1, now);
    let _more = sit(&seats, "2001:db8::5", now).unwrap();
    assert!(is_taken(&one[0]));
    let _other = sit(&seats, "2001:db8:0:1::1", now).unwrap();
    assert_eq!(one.iter().filter(|seat| is_taken(seat)).count(), 1);
}

#[test]
fn trusted_proxies_have_no_share_of_their_own() {
    let (seats, now) = (seats(), Instant::now());
    let proxy = many(&seats, &["10.0.0.1"], 16, now);
    assert!(!proxy.iter().any(is_taken));
}

#[test]
fn where_all_are_full_the_oldest_idle_of_the_peer_that_holds_most_goes() {
    let (seats, now) = (seats(), Instant::now());
    let few = many(&seats, &["51.1.1.1"], 1, now);
    let most = many(&seats, &["51.1.1.2"], 4, later(now, 1));
    let mut rest = many(&seats, &["51.1.1.3", "51.1.1.4"], 3, now);
    rest.extend(many(&seats, &["51.1.1.5"], 1, now));
    // Twelve unknown sources: what is left is kept for those who are known.
    let _new = sit(&seats, "51.1.1.9", later(now, 2)).unwrap();
    assert!(is_taken(&most[0]) && !is_taken(&few[0]));
    assert!(!rest.iter().any(is_taken));
}

#[test]
fn known_senders_have_a_reserve_that_unknown_sources_do_not_touch() {
    let (seats, now) = (seats(), Instant::now());
    let known = sit(&seats, "52.1.1.1", now).unwrap();
    known.begin(now);
    known.prove(true, now);
    known.end(true, now);
    let hostile = ["51.1.1.1", "51.1.1.2", "51.1.1.3"];
    let unknown_sources = many(&seats, &hostile, 4, now);
    for held in &unknown_sources {
        held.begin(now);
    }
    // All at work: an unknown source is turned away, whoever is known is not.
    assert!(sit(&seats, "51.1.1.4", now).is_err());
    let _again = sit(&seats, "52.1.1.1", now).unwrap();
    assert!(!is_taken(&known) && !unknown_sources.iter().any(is_taken));
    // An hour later nothing is known any more.
    let hour = later(now, 3600);
    assert!(!seats.table().is_known(peer("52.1.1.1"), hour));
}

#[test]
fn requests_of_unknown_sources_hold_a_seat_for_a_second_and_those_of_senders_to_their_end() {
    let (seats, now) = (seats(), Instant::now());
    let hostile = ["51.1.1.1", "51.1.1.2", "51.1.1.3"];
    let unknown_sources = many(&seats, &hostile, 4, now);
    for held in &unknown_sources {
        held.begin(now);
    }
    unknown_sources[0].prove(false, now);
    // Its three others may go after a second, itself may not.
    assert!(sit(&seats, "51.1.1.4", now).is_err());
    let later = later(now, 1);
    let _new = sit(&seats, "51.1.1.4", later).unwrap();
    let gone = unknown_sources.iter().filter(|seat| is_taken(seat)).count();
    assert_eq!((gone, is_taken(&unknown_sources[0])), (1, false));
    for _ in 0..20 {
        drop(sit(&seats, "51.1.1.1", later));
    }
    assert!(!is_taken(&unknown_sources[0]));
}

#[test]
fn newcomers_take_seats_at_a_pace_and_each_peer_at_its_own() {
    let (seats, now) = (seats(), Instant::now());
    let arrive = |one: &str| seats.seat(peer(one), false, now);
    let one = many(&seats, &["51.1.1.1"], 4, now);
    // The first at once, the others one after the other; each of four seats lasts for the grace.
    let first = arrive("51.1.1.1").unwrap();
    assert!(is_taken(&one[0]));
    for number in 1..=8 {
        let turn = now + GRACE / 4 * number;
        assert_eq!(arrive("51.1.1.1").unwrap_err(), Wait::Turn(turn));
    }
    assert!(!is_taken(&first));
    drop(arrive("51.1.1.2").unwrap());
    assert_eq!(one.iter().filter(|seat| is_taken(seat)).count(), 1);
}

#[test]
fn a_seat_that_is_given_back_is_free() {
    let (seats, now) = (seats(), Instant::now());
    drop(many(&seats, &["51.1.1.1", "51.1.1.2"], 4, now));
    let table = seats.table();
    assert!(table.seats.is_empty() && table.by_peer.is_empty());
}

#[test]
fn requests_of_a_connection_that_proves_nothing_are_answered_at_a_pace() {
    let (seats, now) = (seats(), Instant::now());
    let unknown_source = sit(&seats, "51.1.1.1", now).unwrap();
    let free = (0..=FREE_REQUESTS).filter_map(|_| unknown_source.turn(now));
    assert_eq!(free.count(), 0);
    assert_eq!(unknown_source.turn(now), Some(now + REQUEST_EVERY));
    assert_eq!(unknown_source.turn(now), Some(now + REQUEST_EVERY * 2));
    assert_eq!(unknown_source.turn(later(now, 1)), None);
    // A proxy's connections are many people's, and a sender may be as quick as its source lets it.
    let proxy = sit(&seats, "10.0.0.1", now).unwrap();
    let sender = sit(&seats, "51.1.1.2", now).unwrap();
    sender.begin(now);
    sender.prove(true, now);
    assert!((0..100).all(|_| proxy.turn(now).is_none() && sender.turn(now).is_none()));
}

#[test]
fn what_is_known_of_peers_is_bounded() {
    let now = Instant::now();
    let mut table = Table::default();
    for number in 0..2_000_u32 {
        let peer = std::net::Ipv4Addr::from(number);
        table.know(peer.into(), now);
    }
    assert_eq!(table.known.len(), MOST_KNOWN);
}

#[test]
fn a_connection_has_its_time_for_a_first_request_for_idling_and_in_all() {
    let (seats, now) = (seats(), Instant::now());
    let seat = sit(&seats, "51.1.1.1", now).unwrap();
    let first = now + LIMITS.headers;
    assert_eq!(seat.due(now), Due::At(first));
    assert_eq!(seat.due(first), Due::Timeout);
    assert_eq!(seat.turn(now), None);
    seat.begin(now);
    let busy = later(now, 30);
    assert_eq!(seat.due(busy), Due::At(busy + LIMITS.idle));
    seat.end(false, busy);
    assert_eq!(seat.due(busy), Due::At(busy + LIMITS.idle));
    assert_eq!(seat.due(busy + LIMITS.idle), Due::Idle);
    seat.begin(busy);
    assert_eq!(seat.due(now + LIMITS.age), Due::Old);
}
