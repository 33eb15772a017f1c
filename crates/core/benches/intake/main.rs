//! How fast deliveries are read: batches, every wording that is known in every wrapper, and hostile input,
//! beside `serde_json`'s `Value` of the same bytes, and when the input doubles. Ratios of one run are what
//! counts; a machine's own speed is not.
//!
//! `cargo bench -p doorward-core --bench intake` takes some minutes once it is built; with a word behind
//! `--` only the tables whose name has it: `batches`, `wordings`, `hostile`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark's output is its figures, and one that stumbles has failed"
)]

mod batches;
mod hostile;
mod wordings;

use batches::{Kind, body};
use doorward_core::intake::delivery::denials as parse_document;
use doorward_core::intake::delivery::{Head, read};
use hostile::{HOSTILE, Make};
use std::hint::black_box;
use std::time::{Duration, Instant};

const MEGABYTE: usize = 1 << 20;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |table: &str| {
        let mut words = asked
            .iter()
            .filter(|word| !word.starts_with('-'))
            .peekable();
        words.peek().is_none() || words.any(|word| word == table)
    };
    if wanted("batches") {
        all_batches();
    }
    if wanted("wordings") {
        wordings::table();
    }
    if wanted("hostile") {
        all_hostile();
    }
}

fn all_batches() {
    println!("1 MB of diagnostic records; `reports` is how many denials were found\n");
    println!("| batch | records | reports | read MB/s | serde_json MB/s | ratio | ns a record |");
    println!("|---|---|---|---|---|---|---|");
    for (name, kind, every) in [
        ("no denials", Kind::Answered, 1),
        ("1 % status 403", Kind::Row, 100),
        ("33 % status 403", Kind::Row, 3),
        ("100 % status 403", Kind::Row, 1),
        ("1 % messages", Kind::Message, 100),
        ("33 % messages", Kind::Message, 3),
        ("100 % messages", Kind::Message, 1),
    ] {
        batch(name, kind, every);
    }
    ceiling();
}

fn all_hostile() {
    println!("\nhostile input; `growth` is the time for 2 MB by that for 1 MB\n");
    println!("| input | read MB/s | growth | document MB/s | growth | of serde_json |");
    println!("|---|---|---|---|---|---|");
    for (name, make) in HOSTILE {
        hostile(name, *make);
    }
}

/// What one pass over the same bytes costs that finds nothing: no reader can be faster.
fn ceiling() {
    let (body, _) = body(Kind::Answered, 1);
    let (pass, theirs) = beside(
        || memchr::memchr(0, body.as_bytes()),
        || serde_json::from_slice::<serde_json::Value>(body.as_bytes()).is_ok(),
    );
    println!(
        "| memchr of an absent byte | | | {:.0} | {:.0} | {:.1} | |",
        speed(&body, pass),
        speed(&body, theirs),
        theirs.as_secs_f64() / pass.as_secs_f64(),
    );
}

fn batch(name: &str, kind: Kind, every: usize) {
    let (body, number) = body(kind, every);
    let head = Head::of([("content-type", "application/json")]);
    let delivery = read(&head, body.as_bytes()).unwrap();
    assert_eq!(delivery.records, number);
    let (ours, theirs) = beside(
        || read(&head, body.as_bytes()).unwrap().reports.len(),
        || serde_json::from_slice::<serde_json::Value>(body.as_bytes()).is_ok(),
    );
    println!(
        "| {name} | {number} | {} | {:.0} | {:.0} | {:.1} | {:.0} |",
        delivery.reports.len(),
        speed(&body, ours),
        speed(&body, theirs),
        theirs.as_secs_f64() / ours.as_secs_f64(),
        ours.as_secs_f64() * 1e9 / f64::from(u32::try_from(number).unwrap()),
    );
}

fn hostile(name: &str, make: Make) {
    let (one, two) = (make(MEGABYTE), make(2 * MEGABYTE));
    let head = Head::default();
    let read = |body: &str| read(&head, body.as_bytes()).is_ok();
    let (delivered, twice) = beside(|| read(&one), || read(&two));
    let document = |body: &str| parse_document(body.as_bytes()).len();
    let (parsed, parsed_twice) = beside(|| document(&one), || document(&two));
    let text = serde_json::from_str::<serde_json::Value>(&one).is_err();
    let quoted = serde_json::Value::from(one.as_str()).to_string();
    let json = if text { &quoted } else { &one };
    let (value, _) = beside(
        || serde_json::from_str::<serde_json::Value>(json).is_ok(),
        || (),
    );
    println!(
        "| {name} | {:.0} | {:.2} | {:.0} | {:.2} | {:.3} |",
        speed(&one, delivered),
        twice.as_secs_f64() / delivered.as_secs_f64(),
        speed(&one, parsed),
        parsed_twice.as_secs_f64() / parsed.as_secs_f64(),
        value.as_secs_f64() / delivered.as_secs_f64(),
    );
}

fn speed(body: &str, took: Duration) -> f64 {
    let size = f64::from(u32::try_from(body.len()).unwrap());
    size / 1e6 / took.as_secs_f64()
}

/// The least time that each takes, in turns, so that what else the machine does meets both.
fn beside<A, B>(one: impl FnMut() -> A, other: impl FnMut() -> B) -> (Duration, Duration) {
    beside_for(Duration::from_millis(1500), one, other)
}

/// The same for so long at most.
fn beside_for<A, B>(
    most: Duration,
    mut one: impl FnMut() -> A,
    mut other: impl FnMut() -> B,
) -> (Duration, Duration) {
    let (mut least, mut least_other) = (Duration::MAX, Duration::MAX);
    let begun = Instant::now();
    let mut rounds = 0;
    while rounds < 3 || rounds < 60 && begun.elapsed() < most {
        let start = Instant::now();
        black_box(one());
        least = least.min(start.elapsed());
        let start = Instant::now();
        black_box(other());
        least_other = least_other.min(start.elapsed());
        rounds += 1;
    }
    (least, least_other)
}
