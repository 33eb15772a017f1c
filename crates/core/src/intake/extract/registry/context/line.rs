//! What a message's own line, the host right before it and an image above it say.

use super::{
    Attribution, BTreeSet, LINE, LazyLock, Mention, Phrase, Place, Regex, STEP_LINES, Scene,
    name_owner, request_url, served, window,
};

impl Scene<'_> {
    /// The request right before that of its token, which asks for the same repository.
    pub(super) fn asked_for_token(&self, named: &Mention, from: usize) -> Option<&Mention> {
        let token = self.text.get(named.start..named.end)?;
        let before = self.within(from, named.start).next_back()?;
        let same = before.registry == named.registry && before.repository == named.repository;
        (token.contains("/oauth2/") && before.url && same && named.repository.is_some())
            .then_some(before)
    }

    /// The image for which a token was asked: a step of a build or a runtime names it on the line above,
    /// and the error names the token endpoint only.
    pub(super) fn image_above(&self, named: &Mention, from: usize, to: usize) -> Option<&Mention> {
        static TYPED: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"(?i)\blog(?:ging)?[ -]?in(?:to)?\b|registry secret|docker credentials")
                .ok()
        });
        let of_line = |from, to| window::between(self.text, from, to, LINE);
        let is_login = |line: &str| TYPED.as_ref().is_some_and(|typed| typed.is_match(line));
        let line = of_line(from, to).trim_start_matches('\n');
        if is_login(line) {
            return None;
        }
        let step = served::step(line);
        let mut end = from;
        for _ in 0..STEP_LINES {
            let above = of_line(0, end);
            let above = above.trim_end();
            if above.is_empty() {
                return None;
            }
            let start = above
                .rsplit_once('\n')
                .map_or(0, |(before, _)| before.len().saturating_add(1));
            let text = above.get(start..).unwrap_or_default();
            let line_end = end.saturating_sub(of_line(0, end).len().saturating_sub(above.len()));
            end = line_end.saturating_sub(text.len());
            if step.is_some() && served::step(text) != step {
                continue;
            }
            let images = self.within(end, line_end).filter(|mention| {
                mention.registry == named.registry && mention.repository.is_some()
            });
            let images: Vec<&Mention> = images
                .filter(|image| !self.is_settled_before(image, from))
                .collect();
            let asked: BTreeSet<_> = images
                .iter()
                .map(|image| (&image.repository, &image.reference))
                .collect();
            let single = images
                .first()
                .filter(|_| asked.len() == 1 && !is_login(text));
            if single.is_some() || step.is_none() {
                return single.copied();
            }
        }
        None
    }

    /// The registry named right before the message, with nothing between but what clients and the
    /// registry put there: `pinging container registry R: denied: `. Of a copy's two ends it tells neither.
    pub(super) fn named_before(&self, phrase: &Phrase, from: usize) -> Option<&Mention> {
        static COPY: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r#"(?i)^[\s"'`]*(?:to|into|->|=>)[\s"'`]*(?:\w+://)?$"#).ok()
        });
        let mut before = self.within(from, phrase.start).rev();
        let last = before.next().filter(|last| last.registry.is_some())?;
        let between = self.text.get(last.end..phrase.start)?;
        if between.len() > 256 || !request_url::only_frame_words(between) {
            return None;
        }
        let other = before
            .next()
            .filter(|other| other.registry != last.registry);
        let copies = other.is_some_and(|other| {
            let between = self.text.get(other.end..last.start).unwrap_or_default();
            let verb = window::between(self.text, from, other.start, 64).to_ascii_lowercase();
            COPY.as_ref().is_some_and(|copy| copy.is_match(between)) && !verb.contains("push")
        });
        (!copies).then_some(last)
    }

    /// Whether a mention is the prefix of the line that begins at `from`.
    fn is_prefix(&self, mention: &Mention, from: usize, to: usize) -> bool {
        let line = self.text.get(from..to).unwrap_or_default();
        let at = |place: usize| place.saturating_sub(from);
        name_owner::is_prefix(line, (at(mention.start), at(mention.end)))
    }

    /// What the message's own line says; `None` if it names no registry, masked ones neither.
    pub(super) fn by_line(&self, phrase: &Phrase, from: usize, to: usize) -> Option<Place> {
        if let Some(named) = self.named_before(phrase, from) {
            return Some(self.asked_at(named, from, to).graded(Attribution::Stated));
        }
        // `image=` beside a line is that of whoever logs, or may be.
        let shown = |mention: &&Mention| {
            mention.registry.is_some()
                && !name_owner::may_be_loggers(self.text, mention.start, phrase.start)
                && !self.is_prefix(mention, from, phrase.start)
        };
        let before: Vec<&Mention> = self.within(from, phrase.start).filter(shown).collect();
        let after: Vec<&Mention> = self.within(phrase.end, to).filter(shown).collect();
        let mentions = if before.is_empty() { after } else { before };
        let last = mentions.last()?;
        let clause = self.clause(last);
        let whole: BTreeSet<&Option<String>> =
            mentions.iter().map(|mention| &mention.registry).collect();
        let latest: BTreeSet<&Option<String>> = mentions
            .iter()
            .filter(|mention| mention.start >= clause)
            .map(|mention| &mention.registry)
            .collect();
        if whole.len() > 1 && (latest.len() > 1 || last.start >= phrase.end) {
            return Some(Place::default());
        }
        let bare = Mention {
            repository: None,
            reference: None,
            ..(*last).clone()
        };
        Some(self.asked_at(&bare, from, to).graded(Attribution::Stated))
    }
}
