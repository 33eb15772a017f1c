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
fn core_does_no_io_and_reads_no_clock() {
    let banned = [
        "async fn",
        ".await;",
        ".await?",
        "std::fs",
        "std::env",
        "std::net::Tcp",
        "::now()",
    ];
    for (path, text) in sources("crates/core/src") {
        let code = code(&text);
        for word in banned {
            assert!(!code.contains(word), "{} has `{word}`", path.display());
        }
    }
    let manifest = read("crates/core/Cargo.toml");
    for dependency in ["tokio", "sqlx", "axum", "reqwest", "tracing", "clock"] {
        let line = format!("\n{dependency}.workspace");
        assert!(
            !manifest.contains(&line),
            "the core depends on {dependency}"
        );
    }
}

/// What each part of the service may use; `ARCHITECTURE.md` draws the same arrows.
const ARROWS: [(&str, &[&str]); 11] = [
    ("secret", &[]),
    ("metrics", &[]),
    ("traces", &["azure"]),
    ("store", &[]),
    ("azure", &["secret"]),
    ("config", &["secret", "azure", "store"]),
    ("auth", &["azure", "config"]),
    (
        "flow",
        &["auth", "azure", "config", "metrics", "store", "traces"],
    ),
    ("http", &["auth", "flow", "metrics", "store"]),
    (
        "server",
        &[
            "auth", "azure", "config", "flow", "http", "metrics", "store", "traces",
        ],
    ),
    ("demo", &["config", "flow", "http", "server", "store"]),
];

#[test]
fn imports_follow_the_arrows() {
    for (path, text) in sources("src") {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let within = path.strip_prefix(&root).unwrap().with_extension("");
        let part = within.iter().next().unwrap().to_str().unwrap();
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == part) else {
            assert!(
                ["cli", "lib", "main"].contains(&part),
                "{part} has no arrows"
            );
            continue;
        };
        for used in code(&text).split("crate::").skip(1) {
            let end = used.find(|c: char| !c.is_alphanumeric() && c != '_');
            let used = &used[..end.unwrap_or(used.len())];
            let known = ARROWS.iter().any(|(name, _)| *name == used);
            assert!(
                used == part || !known && used != "cli" || allowed.contains(&used),
                "{} uses {used}",
                path.display()
            );
        }
    }
}

#[test]
fn only_the_demonstration_and_the_command_line_know_the_simulated_azure() {
    for (path, text) in sources("src") {
        let demo = path.components().any(|part| part.as_os_str() == "demo");
        let cli = path.ends_with("cli/mod.rs");
        assert!(
            demo || cli || !code(&text).contains("doorward_sim"),
            "{} uses the simulated Azure",
            path.display()
        );
    }
}

/// A file without its comments.
fn code(text: &str) -> String {
    let lines = text.lines();
    let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn files_say_what_they_are_for_and_stay_short() {
    let all = ["src", "crates/core/src", "crates/sim/src"].into_iter();
    for (path, text) in all.flat_map(sources) {
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
    let read = |file: &str| read(&format!("src/flow/{file}"));
    // A policy that changes between two looks would leave a verdict without the limits of its rule.
    for file in [
        "decide/triage/mod.rs",
        "decide/triage/follow_up.rs",
        "decide/batch.rs",
        "decide/shadow.rs",
    ] {
        for look in ["app.policy.load", "app.sets.load", "app.owns("] {
            assert!(!read(file).contains(look), "{file} has `{look}`");
        }
    }
    for file in [
        "orders/mod.rs",
        "orders/pauses.rs",
        "respond/mod.rs",
        "usage.rs",
        "effectiveness.rs",
    ] {
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
