//! The extractor against the denial corpus, where the environment has one: messages as they are met
//! in the field, with the denials that each holds.
//!
//! The folder is `../shared/corpus` beside the repository, or what `DOORWARD_CORPUS` names.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers; the figures are its output"
)]

use crate::needs;
use doorward_core::intake::delivery;
use doorward_core::intake::denial::{Denial, Kind, Service};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

fn corpus() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("DOORWARD_CORPUS").map_or(beside, PathBuf::from);
    let found = folder.join("acr-denials.jsonl").is_file();
    if !found {
        needs::skip(&format!("no denial corpus at {}", folder.display()));
    }
    found.then_some(folder)
}

fn records(folder: &std::path::Path, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What a user would feed to the program: the text, or the record as JSON.
fn found_in(record: &Value) -> Vec<Denial> {
    let input = match (&record["text"], &record["record"]) {
        (Value::String(text), _) | (_, Value::String(text)) => text.clone(),
        (_, record) => record.to_string(),
    };
    delivery::denials(input.as_bytes())
}

fn told(denials: &[Denial], of: impl Fn(&Denial) -> bool) -> BTreeSet<Vec<Option<String>>> {
    denials
        .iter()
        .filter(|denial| of(denial))
        .map(|denial| {
            let ip = denial.ip.map(|ip| ip.to_string());
            vec![
                ip,
                denial.registry.clone(),
                denial.repository.clone(),
                denial.reference.clone(),
            ]
        })
        .collect()
}

fn expected(list: &Value, fields: &[&str]) -> BTreeSet<Vec<Option<String>>> {
    let one = |denial: &Value| {
        fields
            .iter()
            .map(|field| denial[*field].as_str().map(str::to_owned))
            .collect()
    };
    list.as_array().into_iter().flatten().map(one).collect()
}

const ASKED: &[&str] = &["ip", "registry", "repository", "reference"];

/// Counts the records of a file for which `right` holds, and prints those for which it does not.
fn count(file: &str, records: &[Value], right: impl Fn(&Value, &[Denial]) -> bool) {
    let wrong: Vec<&Value> = records
        .iter()
        .filter(|record| !right(record, &found_in(record)))
        .collect();
    println!(
        "| {file} | {} | {} |",
        records.len(),
        records.len() - wrong.len()
    );
    for record in &wrong {
        println!(
            "wrong: {} expected {} found {:#?}",
            record["id"],
            record["expect"],
            found_in(record)
        );
    }
    assert!(
        wrong.is_empty(),
        "{file}: {} of {} wrong",
        wrong.len(),
        records.len()
    );
}

#[test]
fn every_denial_of_a_registry_is_found_exactly() {
    let Some(folder) = corpus() else { return };
    for file in ["acr-denials.jsonl", "diag-logs.jsonl"] {
        count(file, &records(&folder, file), |record, found| {
            told(found, |denial| {
                denial.kind == Kind::Denied && denial.service == Service::Acr
            }) == expected(&record["expect"], ASKED)
        });
    }
}

#[test]
fn what_can_be_suspected_is() {
    let Some(folder) = corpus() else { return };
    let records: Vec<Value> = records(&folder, "acr-denials.jsonl")
        .into_iter()
        .filter(|record| !record["suspected"].is_null())
        .collect();
    count("acr-denials.jsonl, suspected", &records, |record, found| {
        let suspected = serde_json::json!([record["suspected"]]);
        told(found, |denial| denial.kind == Kind::Suspected) == expected(&suspected, ASKED)
    });
}

#[test]
fn nothing_that_only_looks_alike_is_found() {
    let Some(folder) = corpus() else { return };
    let file = "look-alikes.jsonl";
    count(file, &records(&folder, file), |_, found| {
        found.iter().all(|denial| denial.service != Service::Acr)
    });
}

#[test]
fn denials_of_other_services_are_named() {
    let Some(folder) = corpus() else { return };
    let file = "other-azure-denials.jsonl";
    count(file, &records(&folder, file), |record, found| {
        let denied = found.iter().filter(|denial| denial.kind == Kind::Denied);
        let told: BTreeSet<Vec<Option<String>>> = denied
            .map(|denial| vec![denial.ip.map(|ip| ip.to_string()), denial.resource.clone()])
            .collect();
        let service =
            |denial: &Denial| serde_json::to_value(denial.service).unwrap() == record["service"];
        told == expected(&record["expect"], &["ip", "resource"]) && found.iter().all(service)
    });
}

/// What a record of the second round is, as bytes.
fn bytes(record: &Value) -> Vec<u8> {
    let hex = |digits: &str| {
        let pairs = (0..digits.len()).step_by(2);
        pairs
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()
    };
    match record {
        _ if record["raw_hex"].is_string() => hex(record["raw_hex"].as_str().unwrap()),
        _ if record["text"].is_string() => record["text"].as_str().unwrap().into(),
        _ if record["body"].is_string() => record["body"].as_str().unwrap().into(),
        _ => record["record"].to_string().into(),
    }
}

#[test]
fn the_second_round_is_found_exactly_but_for_lenient_ones() {
    let Some(folder) = corpus() else { return };
    let file = "field-2.jsonl";
    if !folder.join(file).is_file() {
        return;
    }
    let all = records(&folder, file);
    let (mut right, mut missed, mut wrong) = (0, Vec::new(), Vec::new());
    for record in &all {
        let found = delivery::denials(&bytes(record));
        let found = told(&found, |denial| {
            denial.kind == Kind::Denied && denial.service == Service::Acr
        });
        let good = [&record["expect"], &record["alt"]].into_iter();
        let mut good = good.filter(|list| list.is_array());
        if good.any(|list| expected(list, ASKED) == found) {
            right += 1;
        } else if record["lenient"] == true
            && found.len() < record["expect"].as_array().unwrap().len()
        {
            missed.push(&record["id"]);
        } else {
            wrong.push((&record["id"], found));
        }
    }
    println!(
        "| {file} | {} | {right} right, {} lenient missed, {} wrong |",
        all.len(),
        missed.len(),
        wrong.len()
    );
    println!("missed: {missed:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_answer_without_address_is_no_denial() {
    let Some(folder) = corpus() else { return };
    let other = records(&folder, "other-azure-denials.jsonl");
    let silent: Vec<Value> = other
        .into_iter()
        .filter(|record| record["no_ip"] == true)
        .collect();
    count(
        "other-azure-denials.jsonl, suspected",
        &silent,
        |_, found| found.iter().any(|denial| denial.kind == Kind::Suspected),
    );
}
