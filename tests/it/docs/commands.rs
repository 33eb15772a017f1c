//! Every command that a page shows is one that the program has, with these flags.

use super::{files, prose, read, root};
use std::collections::BTreeSet;
use std::process::Command;

/// The pages that people copy from.
fn pages() -> Vec<std::path::PathBuf> {
    let mut pages = files(&root().join("docs"), ".md");
    pages.extend(files(&root().join("deploy"), ".md"));
    pages.extend(files(&root().join("examples"), ".md"));
    pages.push(root().join("README.md"));
    pages
}

/// The commands that a page shows, from `doorward` on: its indented and fenced lines, and what stands in backticks.
fn commands(page: &std::path::Path) -> BTreeSet<String> {
    let text = read(page);
    let mut found = BTreeSet::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced && line.trim_start().starts_with("doorward ") {
            found.insert(line.trim().to_owned());
        }
    }
    for span in prose(page).split('`').skip(1).step_by(2) {
        if span.starts_with("doorward ") {
            found.insert(span.replace('\n', " "));
        }
    }
    found
}

/// Its words, as a shell would hand them over, without what follows the command and without optional parts.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut optional = 0;
    for word in shell_words(command).into_iter().skip(1) {
        if ["#", "|", "&&", ">", "<", "\\", "||"].contains(&word.as_str()) {
            break;
        }
        optional += word.matches('[').count();
        if optional == 0 {
            words.push(match word.as_str() {
                "ADDRESS" => "20.50.1.4".to_owned(),
                "KIND" => "grants".to_owned(),
                "SHELL" => "bash".to_owned(),
                "COMMAND" => "serve".to_owned(),
                word => word.to_owned(),
            });
        }
        optional -= word.matches(']').count().min(optional);
    }
    words
}

/// Splits at blanks outside of quotes.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_whitespace() => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            }
            (_, c) => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// What the program says against these words, if anything. `--help` at the end lets it read them and do nothing.
fn refusal(words: &[String]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(words)
        .arg("--help")
        .output()
        .unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn refusal_names_an_unknown_command_or_flag() {
    let of = |line| refusal(&words(line));
    assert_eq!(of("doorward ledger show --kind ended   # one"), None);
    assert!(of("doorward ledgers show").is_some());
    assert!(of("doorward ledger show --no-such-flag").is_some());
}

#[test]
fn every_command_of_a_page_is_taken_by_the_program() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        for command in commands(&page) {
            count += 1;
            if let Some(why) = refusal(&words(&command)) {
                let why = why.lines().next().unwrap_or_default().to_owned();
                wrong.push(format!("{}: {command}: {why}", page.display()));
            }
        }
    }
    assert!(count > 60, "only {count} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
