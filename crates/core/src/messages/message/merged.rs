//! One message that stands for several.

use super::{LOCK_SCREEN, Message, Phase};
use crate::messages::codes;
use crate::messages::prose::cut;
use std::fmt::Write;

/// How many messages one that stands for several shows.
const MOST_SHOWN: usize = 10;

/// The longest text of a merged message, in characters.
const LONGEST: usize = 4_000;

impl Message {
    /// One message that stands for `first` and `others`. Of one matter it says what each says; of several
    /// it lists their headlines.
    #[must_use]
    pub fn merged(first: Self, others: &[Self]) -> Self {
        if others.is_empty() {
            return first;
        }
        let all: Vec<&Self> = std::iter::once(&first).chain(others).collect();
        let count = all.len();
        let severity = all.iter().map(|it| it.severity).max();
        let same = all
            .iter()
            .all(|it| it.matter == first.matter && it.code == first.code);
        let (text, action) = (
            listed(&all, |it| &it.text),
            listed(&all, |it| if same { &it.action } else { &it.headline }),
        );
        let lead = if same {
            format!("{count} times: {}", first.headline)
        } else {
            format!("{count} messages, first: {}", first.headline)
        };
        let merged = Self {
            headline: cut(&lead, LOCK_SCREEN),
            text: cut(&format!("{count} messages: {text}"), LONGEST),
            action: cut(&format!("{count} messages: {action}"), LONGEST),
            severity: severity.unwrap_or(first.severity),
            count,
            buttons: None,
            ..first.clone()
        };
        if same {
            return merged;
        }
        Self {
            code: codes::DIGEST.to_owned(),
            facts: Vec::new(),
            help: Vec::new(),
            link: None,
            until: None,
            registry: None,
            address: None,
            phase: Phase::Opens,
            ..merged
        }
    }
}

/// What they say, each once, and how many are left out.
fn listed(all: &[&Message], says: impl Fn(&Message) -> &String) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for message in all {
        let line = says(message).as_str();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let more = lines.len().saturating_sub(MOST_SHOWN);
    lines.truncate(MOST_SHOWN);
    let mut list = lines.join(" · ");
    if more > 0 {
        // Writing to a text does not fail.
        write!(list, " · and {more} more on the operator page").ok();
    }
    list
}
