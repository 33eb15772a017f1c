//! Texts as clients, runtimes and forwarders write them, one cause of trouble each: with the denials that
//! each holds, or none.
//!
//! `tests/texts/denials.jsonl` has one text a line. `denied` and `suspected` list what is found of a
//! registry, as address, registry, repository and reference; a text without both holds nothing.

use doorward_core::intake::delivery;
use doorward_core::intake::denial::{Denial, Kind, Service};
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
struct Text {
    name: String,
    #[serde(rename = "text")]
    written: String,
    #[serde(default)]
    denied: BTreeSet<Found>,
    #[serde(default)]
    suspected: BTreeSet<Found>,
}

/// Address, registry, repository, reference.
type Found = [Option<String>; 4];

fn found(denials: &[Denial], kind: Kind) -> BTreeSet<Found> {
    let of = |denial: &&Denial| denial.kind == kind && denial.service == Service::Acr;
    let told = |denial: &Denial| {
        let ip = denial.ip.map(|ip| ip.to_string());
        let asked = (denial.repository.clone(), denial.reference.clone());
        [ip, denial.registry.clone(), asked.0, asked.1]
    };
    denials.iter().filter(of).map(told).collect()
}

#[test]
fn every_text_holds_what_it_says() {
    let texts = include_str!("../texts/denials.jsonl");
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for line in texts.lines() {
        let text: Text = serde_json::from_str(line).unwrap();
        let denials = delivery::denials(text.written.as_bytes());
        let read = (
            found(&denials, Kind::Denied),
            found(&denials, Kind::Suspected),
        );
        if read != (text.denied, text.suspected) {
            wrong.push(format!("{}: {read:?}", text.name));
        }
        assert!(names.insert(text.name), "{line}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(names.len() > 500);
}
