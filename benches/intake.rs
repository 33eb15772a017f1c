//! How fast deliveries are read: beside `serde_json`'s `Value` of the same bytes, and when the input
//! doubles. Ratios of one run are what counts; a machine's own speed is not.
//!
//! `cargo bench --bench intake` takes about a minute once it is built.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark's output is its figures, and one that stumbles has failed"
)]

use doorward_core::intake::delivery::denials as parse_document;
use doorward_core::intake::delivery::{Head, read};
use std::hint::black_box;
use std::time::{Duration, Instant};

const MEGABYTE: usize = 1 << 20;

/// What a record of a batch tells.
#[derive(Clone, Copy)]
enum Kind {
    /// Status 200.
    Answered,
    /// Status 403, without the firewall's message: as Azure exports it.
    Row,
    /// Status 403, with the message.
    Message,
}

fn main() {
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

/// A batch in which each of so many records is of a kind, and how many records it has.
fn body(kind: Kind, every: usize) -> (String, usize) {
    let mut body = String::from("{\"records\":[");
    let mut number: usize = 0;
    while body.len() < MEGABYTE {
        if number > 0 {
            body.push(',');
        }
        let kind = if number.is_multiple_of(every) {
            kind
        } else {
            Kind::Answered
        };
        body.push_str(&record(number, kind));
        number += 1;
    }
    body.push_str("]}");
    (body, number)
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

/// A record as Azure Monitor exports it, with a user agent as Docker sends it.
fn record(number: usize, kind: Kind) -> String {
    let (status, message) = match kind {
        Kind::Answered => ("200", ""),
        Kind::Row => ("403", ""),
        Kind::Message => (
            "403",
            r#","message":"denied: client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.""#,
        ),
    };
    let hash = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (minute, second) = (number / 60 % 60, number % 60);
    let (third, fourth) = (number / 250 % 250, number % 250);
    format!(
        r#"{{"time":"2026-11-22T10:{minute:02}:{second:02}.1234567Z","resourceId":"/SUBSCRIPTIONS/00000000-1111-2222-3333-444444444444/RESOURCEGROUPS/REGISTRIES/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/CONTOSOPROD","category":"ContainerRegistryRepositoryEvents","operationName":"Pull","operationVersion":"","resultType":"HttpStatusCode","resultDescription":"{status}","durationMs":"{}","callerIpAddress":"20.61.{third}.{fourth}","correlationId":"{hash:016x}-1d2c-4f6e","location":"westeurope","identity":"8b1f2e6c-93a7-4c2e-8f70-1b2c3d4e5f6a","properties":{{"loginServer":"contosoprod.azurecr.io","repository":"team{}/app","tag":"v1.{}","digest":"sha256:{hash:016x}{:016x}{:016x}{:016x}","mediaType":"application/vnd.oci.image.manifest.v1+json","size":"{}","userAgent":"docker/24.0.7 go/go1.20.10 git-commit/311b9ff kernel/6.5.0-1017-azure os/linux arch/amd64 UpstreamClient(Docker-Client/24.0.7 \\(linux\\))"{message}}}}}"#,
        number % 97,
        number % 12,
        number % 300,
        hash.rotate_left(13),
        hash.rotate_left(29),
        hash.rotate_left(47),
        1000 + number,
    )
}

type Make = fn(usize) -> String;

/// Inputs that would cost a careless reader more than their share.
const HOSTILE: &[(&str, Make)] = &[
    ("nested arrays", |size| {
        let depth = 100;
        let one = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        format!("[{}]", vec![one; size / (2 * depth + 2)].join(","))
    }),
    ("JSON in JSON in JSON", |size| {
        let mut text = "client with IP '20.1.2.3' is not allowed access".to_owned();
        for _ in 0..6 {
            text = serde_json::json!({ "message": text }).to_string();
        }
        format!(
            "[{}]",
            vec![text.clone(); size / (text.len() + 1)].join(",")
        )
    }),
    ("escapes of escapes", |size| {
        format!(
            "{{\"log\":\"{}\"}}",
            r"\\\\u0063\\u005c\u005c".repeat(size / 22)
        )
    }),
    ("wraps", |size| {
        "client\n  with\n# IP\n> '20.1.\n".repeat(size / 31)
    }),
    ("near-misses", |size| {
        "client with IP '20.1.2.3' is not allowed; ".repeat(size / 42)
    }),
    ("near-misses in records", |size| {
        let one = r#"{"category":"ContainerRegistryLoginEvents","resourceId":"x","message":"client with IP '20.1.2.3' is now allowed"}"#;
        format!(
            "{{\"records\":[{}]}}",
            vec![one; size / (one.len() + 1)].join(",")
        )
    }),
    ("hosts without a sentence", |size| {
        "https://fabrikam.azurecr.io/v2/a/manifests/v1: 403 ".repeat(size / 51)
    }),
    ("sentences", |size| {
        "denied: client with IP '20.1.2.3' is not allowed access.\n".repeat(size / 57)
    }),
    ("sentences below a registry", |size| {
        let said = "denied: client with IP '20.1.2.3' is not allowed access.\n";
        format!("https://fabrikam.azurecr.io/\n{}", said.repeat(size / 57))
    }),
    ("sentences of many addresses", |size| {
        let said = |number: usize| {
            let (third, fourth) = (number / 250 % 250, number % 250);
            format!(
                "fabrikam.azurecr.io client with IP '20.1.{third}.{fourth}' is not allowed access\n\
                 client with IP '20.2.{third}.{fourth}' is not allowed access\n"
            )
        };
        (0..size / 130).map(said).collect()
    }),
    ("sentences on one line", |size| {
        "client with IP '20.1.2.3' is not allowed access {".repeat(size / 49)
    }),
    ("vaults", |size| {
        "Client address: 20.1.2.3 vault: abc; ".repeat(size / 37)
    }),
    ("quotes and brackets", |size| "[{\"'`<&%".repeat(size / 8)),
    ("braces that never close", |size| "\\u{".repeat(size / 3)),
    ("commands that never end", |size| "␛]".repeat(size / 4)),
    ("addresses on every line", |size| {
        "Request originated from IP 1.2.3.4\r".repeat(size / 35)
    }),
    ("addresses that never end", |size| {
        "client with ip '1.2.3.4\n".repeat(size / 24)
    }),
    ("sentences without an address", |size| {
        "client with ip\n".repeat(size / 15)
    }),
    ("words before line ends", |size| "no\n".repeat(size / 3)),
    ("hosts in hosts", |size| "x.io/".repeat(size / 5)),
    ("a record of many names", |size| {
        let names: Vec<String> = (0..size / 13)
            .map(|number| format!("\"n{number:06}\":1"))
            .collect();
        format!(
            r#"{{"category":"ContainerRegistryLoginEvents","resourceId":"x","resultDescription":"403","callerIpAddress":"20.1.2.3","properties":{{{}}}}}"#,
            names.join(",")
        )
    }),
    ("pairs that name nothing", |size| {
        let one = r#"{"name":"a","value":"client with IP '20.1.2.3' is not allowed access"}"#;
        format!("[{}]", vec![one; size / (one.len() + 1)].join(","))
    }),
];

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
fn beside<A, B>(mut one: impl FnMut() -> A, mut other: impl FnMut() -> B) -> (Duration, Duration) {
    let (mut least, mut least_other) = (Duration::MAX, Duration::MAX);
    let begun = Instant::now();
    let mut rounds = 0;
    while rounds < 3 || rounds < 60 && begun.elapsed() < Duration::from_millis(1500) {
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
