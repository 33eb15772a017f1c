//! Where in a text patterns stand: looked for once, however many places ask what is near them.

use crate::intake::extract::text::page::Page;
use regex::Regex;
use std::sync::LazyLock;

pub(in crate::intake::extract) type Pattern = LazyLock<Option<Regex>>;

/// A part of a text, from and to.
pub(in crate::intake::extract) type Place = (usize, usize);

/// A text, and where the patterns that were asked for stand in it.
pub(in crate::intake::extract) struct Sights<'t> {
    page: &'t Page<'t>,
    known: Vec<(&'static Pattern, Vec<Place>)>,
}

impl<'t> Sights<'t> {
    pub(in crate::intake::extract) fn of(page: &'t Page<'t>) -> Self {
        Self {
            page,
            known: Vec::new(),
        }
    }

    /// Counts work near a place.
    pub(in crate::intake::extract) fn charge(&self, steps: usize) {
        self.page.work.charge(steps);
    }

    /// Where a pattern stands in a range, in order.
    pub(in crate::intake::extract) fn within(
        &mut self,
        pattern: &'static Pattern,
        from: usize,
        to: usize,
    ) -> &[Place] {
        let known = |(known, _): &(&'static Pattern, _)| std::ptr::eq(*known, pattern);
        let index = self.known.iter().position(known).unwrap_or_else(|| {
            self.page.pass();
            let found = match pattern.as_ref() {
                Some(pattern) => pattern
                    .find_iter(self.page.text)
                    .map(|at| (at.start(), at.end())),
                None => return self.known.len(),
            };
            let found = found.collect();
            self.known.push((pattern, found));
            self.known.len().saturating_sub(1)
        });
        let places = self.known.get(index).map(|(_, places)| places.as_slice());
        inside(places.unwrap_or_default(), from, to)
    }

    /// Whether a pattern stands at most `before` bytes before `from`, at most `after` bytes after
    /// `to`, or between.
    pub(in crate::intake::extract) fn near(
        &mut self,
        pattern: &'static Pattern,
        (from, to): Place,
        (before, after): (usize, usize),
    ) -> bool {
        let from = from.saturating_sub(before);
        !self
            .within(pattern, from, to.saturating_add(after))
            .is_empty()
    }
}

/// Those places that begin and end in a range.
pub(in crate::intake::extract) fn inside(places: &[Place], from: usize, to: usize) -> &[Place] {
    let first = places.partition_point(|(start, _)| *start < from);
    let last = places.partition_point(|(_, end)| *end <= to);
    places.get(first..last).unwrap_or_default()
}
