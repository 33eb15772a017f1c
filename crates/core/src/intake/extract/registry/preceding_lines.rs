//! What the lines above a message say about the registry that refused.

use super::context::{Place, Scene};
use super::host_reference::Mention;
use crate::intake::extract::message::address::Address;
use crate::intake::extract::text::lines::{LINE, Line};
use crate::intake::extract::text::window;
use regex::Regex;
use std::collections::HashMap;
use std::sync::LazyLock;

impl Scene<'_> {
    /// What the lines above say, up to the message before; else the whole text, if it names one
    /// registry and that is not spoken for by a message about somebody else.
    pub(in crate::intake::extract) fn by_other_lines(&self, index: usize, line: Line) -> Place {
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
            Above::None if masked || self.unsettled > 1 => None,
            Above::None => self.first_free(index),
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
        let start = self.phrases.get(index).map_or(to, |phrase| phrase.start);
        for mention in self
            .within(from, to)
            .filter(|mention| mention.registry.is_some() && self.free(mention, index))
            .filter(|mention| !self.is_settled_before(mention, start))
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
        let own = self.phrases.get(index).map(|phrase| phrase.address);
        self.spoken_for(mention).all(|other| Some(other) == own)
    }

    /// The addresses of the messages on whose lines a mention stands.
    fn spoken_for(&self, mention: &Mention) -> impl Iterator<Item = Address> {
        let near = self
            .phrases
            .partition_point(|phrase| phrase.end < mention.start);
        let both = [near.checked_sub(1), Some(near)];
        both.into_iter().flatten().filter_map(move |near| {
            let line = self.line(near)?;
            let on_line = (line.from..line.to).contains(&mention.start);
            self.phrases
                .get(near)
                .filter(|_| on_line)
                .map(|phrase| phrase.address)
        })
    }

    /// The first mention of a registry that is free for the message `index`.
    fn first_free(&self, index: usize) -> Option<&Mention> {
        let free = self.free.get_or_init(|| {
            let mut free = Free::default();
            for (at, mention) in self.mentions.iter().enumerate() {
                if mention.registry.is_none() || self.is_settled(mention) {
                    continue;
                }
                let mut speakers = self.spoken_for(mention);
                match (speakers.next(), speakers.next()) {
                    (None, _) => {
                        free.for_all = Some(at);
                        break;
                    }
                    (Some(one), None) => _ = free.for_one.entry(one).or_insert(at),
                    (Some(one), Some(other)) if one == other => {
                        _ = free.for_one.entry(one).or_insert(at);
                    }
                    (Some(_), Some(_)) => {}
                }
            }
            free
        });
        let own = self.phrases.get(index)?.address;
        // Those of one address all stand before the first that is free for all.
        let found = free.for_one.get(&own).copied().or(free.for_all)?;
        self.mentions.get(found)
    }
}

/// The first mentions of a registry that no message speaks for, or messages about one address only.
#[derive(Debug, Default)]
pub(in crate::intake::extract) struct Free {
    for_all: Option<usize>,
    for_one: HashMap<Address, usize>,
}

/// What the lines above a message name.
enum Above<'s> {
    None,
    One(&'s Mention),
    Many,
}
