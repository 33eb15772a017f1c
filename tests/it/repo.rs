//! The repository about itself.

use std::fs;
use std::path::{Path, PathBuf};

/// The longest that a file of the program may be; tables of tests in folders of their own aside.
const LONGEST: usize = 450;

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(found.len() > 10, "{folder} is empty");
    found
}

#[test]
fn the_core_does_no_io_and_reads_no_clock() {
    let banned = [
        "async fn",
        ".await",
        "tokio::",
        "sqlx::",
        "axum::",
        "reqwest::",
        "std::fs",
        "std::env",
        "::now()",
    ];
    for (path, text) in sources("src/domain") {
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        for word in banned {
            assert!(!code.contains(word), "{} has `{word}`", path.display());
        }
    }
}

#[test]
fn the_service_has_no_way_to_the_simulated_azure() {
    for folder in [
        "src/domain",
        "src/flow",
        "src/azure",
        "src/auth",
        "src/http",
        "src/store",
        "src/config",
    ] {
        for (path, text) in sources_or_few(folder) {
            assert!(
                !text.contains("crate::sim"),
                "{} uses the simulated Azure",
                path.display()
            );
        }
    }
}

fn sources_or_few(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    sources("src")
        .into_iter()
        .filter(|(path, _)| path.starts_with(&root))
        .collect()
}

#[test]
fn files_say_what_they_are_for_and_stay_short() {
    for (path, text) in sources("src") {
        assert!(
            text.starts_with("//!"),
            "{} does not say what it is for",
            path.display()
        );
        if path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let lines = text.lines().count();
        assert!(
            lines <= LONGEST,
            "{} has {lines} lines: split it",
            path.display()
        );
    }
}

#[test]
fn decisions_see_one_policy_and_are_written_down_as_of_what_they_saw() {
    let read = |file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/flow")
            .join(file);
        fs::read_to_string(path).unwrap()
    };
    // A policy that changes between two looks would leave a verdict without the limits of its rule.
    for file in [
        "triage/mod.rs",
        "triage/follow_up.rs",
        "batch.rs",
        "shadow.rs",
    ] {
        for look in ["app.policy.load", "app.sets.load", "app.owns("] {
            assert!(!read(file).contains(look), "{file} has `{look}`");
        }
    }
    for file in ["orders.rs", "respond.rs", "uses.rs", "help.rs"] {
        assert!(
            !read(file).contains(".append("),
            "{file} writes down what others may have overtaken"
        );
        assert!(
            !read(file).contains(".append_new("),
            "{file} writes down what others may have overtaken"
        );
    }
}
