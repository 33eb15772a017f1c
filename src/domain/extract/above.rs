//! What the lines above a message say about the registry that refused.

use super::context::{LINE, Line, Place, Scene};
use super::mention::Mention;
use super::window;
use regex::Regex;
use std::sync::LazyLock;

impl Scene<'_> {
    /// What the lines above say, up to the message before; else the whole text, if it names one
    /// registry and that is not spoken for by a message about somebody else.
    pub(super) fn by_other_lines(&self, index: usize, line: Line) -> Place {
        if self.asked.is_empty() {
            return Place::default();
        }
        let masked = self.within(line.from, line.to).next().is_some();
        let above = if masked {
            self.line_above(index, line.from)
        } else {
            self.block_above(index, line.from)
        };
        let found = match above {
            Above::One(mention) => Some(mention),
            Above::Many => None,
            Above::None if masked || self.asked.len() > 1 => None,
            Above::None => self
                .mentions
                .iter()
                .find(|mention| mention.registry.is_some() && self.free(mention, index)),
        };
        match found {
            Some(mention) => {
                let bare = Mention {
                    repository: None,
                    reference: None,
                    ..mention.clone()
                };
                self.asked_at(&bare, line.from, line.to)
            }
            None => Place::default(),
        }
    }

    fn line_above(&self, index: usize, from: usize) -> Above<'_> {
        let before = window::between(self.text, 0, from, LINE);
        let lines = before.trim_end();
        let line = lines.rsplit_once('\n').map_or(lines, |(_, line)| line);
        let end = from.saturating_sub(before.len().saturating_sub(lines.len()));
        self.only(index, end.saturating_sub(line.len()), end)
    }

    /// The nearest block of lines above that names a registry.
    fn block_above(&self, index: usize, from: usize) -> Above<'_> {
        static OUTCOME: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(
                r"(?i)\n[ \t]*\n|succeeded|success|complete|digest: sha256|status: (?:downloaded|image is up to date)[^\n]*",
            )
            .ok()
        });
        let mut to = from;
        let mut floor = self.end_before(index);
        for back in 0..4_usize {
            let block = window::between(self.text, floor, to, LINE);
            let start = OUTCOME
                .as_ref()
                .and_then(|outcome| outcome.find_iter(block).last())
                .map_or(0, |found| found.end());
            let block_from = to.saturating_sub(block.len().saturating_sub(start));
            let found = self.only(index, block_from, to);
            if !matches!(found, Above::None) {
                return found;
            }
            if start == 0 {
                floor = self.end_before(index.saturating_sub(back).saturating_sub(1));
            }
            to = block_from;
        }
        Above::None
    }

    /// The registry that a range names, but for what stands on the line of somebody else's message.
    fn only(&self, index: usize, from: usize, to: usize) -> Above<'_> {
        let mut found = Above::None;
        for mention in self
            .within(from, to)
            .filter(|mention| mention.registry.is_some() && self.free(mention, index))
        {
            found = match found {
                Above::One(known) if known.registry != mention.registry => return Above::Many,
                Above::None | Above::One(_) | Above::Many => Above::One(mention),
            };
        }
        found
    }

    /// Whether a mention stands on no line of a message about another address.
    fn free(&self, mention: &Mention, index: usize) -> bool {
        let near = self
            .phrases
            .partition_point(|phrase| phrase.end < mention.start);
        let own = self.phrases.get(index).map(|phrase| phrase.address);
        [near.checked_sub(1), Some(near)]
            .into_iter()
            .flatten()
            .filter_map(|near| self.phrases.get(near))
            .all(|phrase| {
                let line = self.line(phrase);
                Some(phrase.address) == own || mention.start < line.from || mention.start >= line.to
            })
    }
}

/// What the lines above a message name.
enum Above<'s> {
    None,
    One(&'s Mention),
    Many,
}
