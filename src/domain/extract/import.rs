//! Imports between registries: the message is the source's, the ARM id beside it the target's.

use super::context::{LINE, Scene, one};
use super::mention::Mention;
use super::phrase::Phrase;
use super::window;
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::LazyLock;

impl Scene<'_> {
    /// Whether the message is part of an import between registries, which names the target too.
    pub(super) fn import(&self, phrase: &Phrase) -> bool {
        self.imports && speaks_of_import(window::between(self.text, 0, phrase.start, LINE))
    }

    /// The only registry that the text calls a source.
    pub(super) fn source(&self) -> Option<&Mention> {
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
    pub(super) fn arm_id(&self, from: usize, to: usize) -> Option<String> {
        static ID: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"(?i)/subscriptions/[\w.()-]{1,90}/resourceGroups/[\w.()-]{1,90}/providers/Microsoft\.ContainerRegistry/registries/[a-z0-9]{5,50}").ok()
        });
        let line = window::between(self.text, from, to, LINE);
        let ids: BTreeSet<String> = ID
            .as_ref()?
            .find_iter(line)
            .take(8)
            .map(|id| id.as_str().to_ascii_lowercase())
            .collect();
        one(ids)
    }
}

/// Whether a text speaks of an import at all.
pub(in crate::domain) fn speaks_of_import(text: &str) -> bool {
    static IMPORT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)\bacr import\b|acr_import|importimage|operation registries-").ok()
    });
    IMPORT.as_ref().is_some_and(|import| import.is_match(text))
}

/// Whether an ARM id is that of the registry with this login server.
pub(super) fn targets(arm_id: Option<&str>, registry: &str) -> bool {
    let name = arm_id.and_then(|id| id.rsplit('/').next());
    name.is_some_and(|name| registry.split('.').next() == Some(name))
}
