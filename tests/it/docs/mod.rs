//! The documentation: its links lead somewhere, its pages stay short, and it names every key, kind and code.

mod commands;
mod snippets;

use doorward_core::ledger::event::LedgerEvent;
use doorward_core::policy::advice::Advice;
use doorward_core::policy::verdict::NoteCode;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest that a page may be, in lines.
const LONGEST: usize = 250;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// The files below a folder whose names end with `ending`.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found
}

/// A page without its blocks of code.
fn prose(page: &Path) -> String {
    let text = read(page);
    text.split("```").step_by(2).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &Path) -> Vec<String> {
    let text = prose(page);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let titles = headings.map(|line| line.trim_start_matches('#').trim());
    titles.map(anchor).collect()
}

fn anchor(title: &str) -> String {
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| {
        if c == ' ' {
            '-'
        } else {
            c.to_ascii_lowercase()
        }
    })
    .collect()
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let pages = files(root(), ".md");
    assert!(pages.len() > 10, "{} pages", pages.len());
    let mut broken = Vec::new();
    for page in &pages {
        let text = prose(page);
        for rest in text.split("](").skip(1) {
            let link = rest.split(')').next().unwrap_or_default();
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(path)
            };
            let leads = target.exists()
                && (heading.is_empty() || anchors(&target).iter().any(|it| it == heading));
            if !leads {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn pages_of_the_book_are_linked_and_stay_short() {
    let contents = read("docs/README.md");
    for page in files(&root().join("docs"), ".md") {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        let lines = read(&page).lines().count();
        assert!(lines < LONGEST, "{name} has {lines} lines: split it");
        assert!(
            name == "README.md" || contents.contains(&format!("]({name})")),
            "docs/README.md does not name {name}"
        );
    }
}

/// The names that have no row in a table of the page.
fn without_row<'a>(page: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let page = read(page);
    let names = names.into_iter();
    names
        .filter(|name| !page.contains(&format!("\n| `{name}` |")))
        .collect()
}

#[test]
fn ledger_page_has_a_row_for_every_kind() {
    let missing = without_row("docs/ledger.md", LedgerEvent::KINDS);
    assert!(missing.is_empty(), "{missing:?}");
}

/// The texts between `mark` and the next quotation mark, where they are names; white space does not count.
fn quoted(file: &Path, mark: &str) -> BTreeSet<String> {
    let code: String = read(file).split_whitespace().collect();
    let is_name =
        |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let texts = code.split(mark).skip(1);
    let texts = texts.filter_map(|rest| rest.split('"').next());
    texts.filter(is_name).map(str::to_owned).collect()
}

/// What finds no names must not pass for a page that names them all.
fn assert_found(names: &BTreeSet<String>, known: &[&str]) {
    for name in known {
        assert!(names.contains(*name), "{name} was not found in the code");
    }
}

#[test]
fn messages_page_has_a_row_for_every_code() {
    let mut codes = quoted(Path::new("crates/core/src/messages/codes.rs"), ":&str=\"");
    codes.extend(quoted(
        Path::new("crates/core/src/firewall/drift/mod.rs"),
        "=>\"",
    ));
    codes.extend(quoted(
        Path::new("crates/core/src/firewall/overwritten.rs"),
        "CODE:&str=\"",
    ));
    for file in files(&root().join("src/flow"), ".rs") {
        for mark in [".alert(\"", "tell(app,id,\"", "not_opened(app,grant,\""] {
            codes.extend(quoted(&file, mark));
        }
    }
    assert_found(
        &codes,
        &[
            "ask",
            "foreign_new",
            "evicted",
            "azure_refused",
            "still_denied",
        ],
    );
    codes.extend(NoteCode::ALL.map(|code| code.name().to_owned()));
    codes.extend(Advice::ALL.map(|advice| advice.code().to_owned()));
    let missing = without_row("docs/messages.md", codes.iter().map(String::as_str));
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn configuration_page_names_every_key() {
    let mut keys = BTreeSet::new();
    for file in files(&root().join("src/config"), ".rs") {
        for mark in [
            "take(\"",
            "need(\"",
            "number(\"",
            "duration(\"",
            "list(\"",
            "fields,\"",
        ] {
            keys.extend(quoted(&file, mark));
        }
    }
    assert_found(
        &keys,
        &[
            "listen",
            "max_ttl",
            "drift",
            "keys",
            "allowed_rate",
            "idle_timeout",
        ],
    );
    let page = read("docs/configuration.md");
    let is_absent = |key: &&String| {
        let forms = [format!("`{key}`"), format!(".{key}`")];
        !forms.iter().any(|form| page.contains(form))
    };
    let missing: Vec<&String> = keys.iter().filter(is_absent).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn monitoring_page_has_a_row_for_every_metric() {
    let mut names = BTreeSet::new();
    for file in files(&root().join("src/metrics"), ".rs") {
        names.extend(quoted(&file, "register(\""));
    }
    assert_found(&names, &["deliveries", "circuit", "feed_failing"]);
    let page = read("docs/monitoring.md");
    let is_absent = |name: &&String| {
        let rows = [
            format!("\n| `doorward_{name}` |"),
            format!("\n| `doorward_{name}_total` |"),
        ];
        !rows.iter().any(|row| page.contains(row))
    };
    let missing: Vec<&String> = names.iter().filter(is_absent).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
