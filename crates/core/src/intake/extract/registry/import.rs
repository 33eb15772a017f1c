//! Imports between registries: the message is the source's, the ARM id beside it the target's.

use super::context::{Scene, one};
use super::host_reference::Mention;
use crate::intake::extract::message::phrase::Phrase;
use crate::intake::extract::message::positions;
use crate::intake::extract::message::positions::Pattern;
use crate::intake::extract::text::lines::LINE;
use crate::intake::extract::text::said::Word;
use crate::intake::extract::text::window;
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

impl Scene<'_> {
    /// Whether the message is part of an import between registries, which names the target too.
    pub(in crate::intake::extract) fn import(&self, phrase: &Phrase) -> bool {
        let from = phrase.start.saturating_sub(LINE);
        !positions::inside(&self.imports, from, phrase.start).is_empty()
    }

    /// The only registry that the text calls a source.
    pub(in crate::intake::extract) fn source(&self) -> Option<&Mention> {
        let mut sources = self.mentions.iter().take(64).filter(|mention| {
            let before = window::between(self.text, 0, mention.start, 32).to_ascii_lowercase();
            mention.registry.is_some() && before.contains("source")
        });
        let first = sources.next()?;
        sources
            .all(|other| other.registry == first.registry)
            .then_some(first)
    }

    /// The ARM id of a registry on the message's line, lower-case.
    pub(in crate::intake::extract) fn arm_id(&self, from: usize, to: usize) -> Option<String> {
        let from = from.max(to.saturating_sub(LINE));
        let ids: BTreeSet<String> = positions::inside(&self.ids, from, to)
            .iter()
            .take(8)
            .filter_map(|(start, end)| self.text.get(*start..*end))
            .map(str::to_ascii_lowercase)
            .collect();
        one(ids)
    }
}

static IMPORT: Pattern = LazyLock::new(|| {
    Regex::new(r"(?i)\bacr import\b|acr_import|importimage|operation registries-").ok()
});

/// Whether words that an import is told by may stand in a text.
fn may_speak_of_import(text: &str) -> bool {
    const WORDS: [Word; 2] = [Word::new("import", 1), Word::new("registries-", 10)];
    !text.is_ascii() || WORDS.iter().any(|word| word.is_in(text))
}

/// Whether a text speaks of an import at all.
pub(crate) fn speaks_of_import(text: &str) -> bool {
    may_speak_of_import(text) && IMPORT.as_ref().is_some_and(|import| import.is_match(text))
}

const SUBSCRIPTIONS: Word = Word::new("/subscriptions/", 3);

/// Where a text has the ARM ids of registries.
pub(in crate::intake::extract) fn ids(text: &str) -> Vec<positions::Place> {
    static ID: Pattern = LazyLock::new(|| {
        Regex::new(r"(?i)/subscriptions/[\w.()-]{1,90}/resourceGroups/[\w.()-]{1,90}/providers/Microsoft\.ContainerRegistry/registries/[a-z0-9]{5,50}").ok()
    });
    if text.is_ascii() && !SUBSCRIPTIONS.is_in(text) {
        return Vec::new();
    }
    let found = ID.iter().flat_map(|id| id.find_iter(text));
    found.map(|id| (id.start(), id.end())).collect()
}

/// Where a text speaks of an import.
pub(in crate::intake::extract) fn places(text: &str) -> Vec<positions::Place> {
    if !may_speak_of_import(text) {
        return Vec::new();
    }
    let found = IMPORT.iter().flat_map(|import| import.find_iter(text));
    found.map(|import| (import.start(), import.end())).collect()
}

/// Whether an ARM id is that of the registry with this login server.
pub(in crate::intake::extract) fn targets(arm_id: Option<&str>, registry: &str) -> bool {
    let name = arm_id.and_then(|id| id.rsplit('/').next());
    name.is_some_and(|name| registry.split('.').next() == Some(name))
}
