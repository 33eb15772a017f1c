//! Which names of registries are settled: what was asked there was given, so that it did not refuse.

use super::host_reference::Mention;
use crate::intake::extract::message::positions::Pattern;
use regex::Regex;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

/// How long a line may be to be looked at for its outcome.
const LINE: usize = 2048;

/// A line says that the name in it was served.
static SERVED: Pattern = LazyLock::new(|| {
    Regex::new(concat!(
    r"(?i)downloaded newer image|up to date for|login succeeded|\blogged in\b|using docker image|returns image reference",
    r"|success(?:fully|:)|succeeded|\b(?:pulled|pushed|copied|mirrored|attached|uploaded|downloaded|retrieved)\b",
    r"|already (?:present|exists)|pull complete|push complete|digest: sha256|^verification for it|\b20[01] (?:ok|created)\b|\bresponse 20[01]\b|\bresolved +\|",
    r"|\bdone\b(?: [\d.]+s)?[ \t]*$|[\d.]+s done\b"
    ))
    .ok()
});

/// What is done without the registry.
static LOCAL: Pattern =
    LazyLock::new(|| Regex::new(r"(?i)\b(?:tagged|built|naming to|exporting|saved|loaded)\b").ok());

/// A line says that something went wrong.
static FAILED: Pattern = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:fail\w*|err(?:or)?|denied|cannot|can't|could not|couldn't|unable|not|forbidden|40[13]|refused)\b").ok()
});

/// A line tells the outcome of what was asked above it, without a name.
static OUTCOME: Pattern = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)login succeeded|: digest: sha256:\S+ size|^\W*status: (?:downloaded|image is up to date)",
        r"|^[ \t]*---> [0-9a-f]{6,}|writing manifest to image destination|\bunpacking rootfs|^storing signatures",
        r"|^<[ \t]*http/[\d.]+ 20\d"
    ))
    .ok()
});

/// The end of a step of a build: `#4 DONE 0.4s`.
static STEP_DONE: Pattern = LazyLock::new(|| Regex::new(r"^(#\d{1,6}) (?:DONE|CACHED)\b").ok());

/// Where each mention is settled, if it is: the place in the text that says so.
pub(in crate::intake::extract) fn settled(text: &str, mentions: &[Mention]) -> Vec<Option<usize>> {
    let mut settled = vec![None; mentions.len()];
    if mentions.is_empty() {
        return settled;
    }
    let mut log = Log {
        mentions,
        settled: &mut settled,
        next: 0,
        last: None,
        steps: HashMap::new(),
    };
    let mut from: usize = 0;
    for line in text.split_inclusive('\n') {
        let to = from.saturating_add(line.len());
        log.line(
            crate::intake::extract::text::window::first(line.trim_end(), LINE),
            (from, to),
        );
        from = to;
    }
    log.same_things();
    settled
}

/// A log, read line by line.
struct Log<'l> {
    mentions: &'l [Mention],
    settled: &'l mut [Option<usize>],
    /// The first mention that no line has reached yet.
    next: usize,
    /// Those of the last line that named any, and that are not settled.
    last: Option<Range<usize>>,
    /// The mentions of each step of a build.
    steps: HashMap<String, Vec<usize>>,
}

impl Log<'_> {
    fn line(&mut self, line: &str, (from, to): (usize, usize)) {
        let first = self.next;
        while self
            .mentions
            .get(self.next)
            .is_some_and(|mention| mention.start < to)
        {
            self.next = self.next.saturating_add(1);
        }
        let named = first..self.next;
        let words = self.words(line, from, first);
        let is = |pattern: &Pattern| {
            pattern
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(&words))
        };
        if let Some(step) = step(line).filter(|_| !named.is_empty()) {
            self.steps
                .entry(step.to_owned())
                .or_default()
                .extend(named.clone());
        }
        if named.is_empty() {
            let ended = STEP_DONE
                .as_ref()
                .and_then(|done| done.captures(line))
                .and_then(|done| done.get(1));
            for at in ended
                .and_then(|step| self.steps.remove(step.as_str()))
                .unwrap_or_default()
            {
                self.settle(at, from);
            }
            if is(&OUTCOME)
                && !is(&FAILED)
                && let Some(last) = self.last.take()
            {
                self.settle_alike(last, from);
            }
            return;
        }
        let bare = named.len() == 1 && self.is_bare(line, first);
        if is(&SERVED) && !is(&LOCAL) && !is(&FAILED) {
            named.for_each(|at| self.settle(at, from));
            self.last = None;
        } else if !(bare && self.was_served_before(first)) {
            self.last = Some(first..self.next);
        } else {
            self.settle(first, from);
        }
    }

    /// A line without the names in it, whose words are not the log's.
    fn words<'t>(&self, line: &'t str, from: usize, first: usize) -> Cow<'t, str> {
        let named = self.mentions.get(first..self.next).unwrap_or_default();
        let (mut words, mut at) = (String::new(), 0_usize);
        for mention in named {
            let start = mention.start.saturating_sub(from);
            let end = mention.end.saturating_sub(from);
            words.push_str(line.get(at..start).unwrap_or_default());
            words.push_str("it");
            at = at.max(end);
        }
        if named.is_empty() {
            return Cow::Borrowed(line);
        }
        words.push_str(line.get(at..).unwrap_or_default());
        Cow::Owned(words)
    }

    fn settle(&mut self, at: usize, place: usize) {
        if let Some(settled) = self.settled.get_mut(at) {
            *settled = settled.or(Some(place));
        }
    }

    /// Settles the last of some mentions, and those of the same registry beside it.
    fn settle_alike(&mut self, mentions: Range<usize>, place: usize) {
        let mentions_of = self.mentions.get(mentions.clone()).unwrap_or_default();
        let Some(registry) = mentions_of.last().map(|last| &last.registry) else {
            return;
        };
        for (at, mention) in mentions.zip(mentions_of) {
            if mention.registry == *registry {
                self.settle(at, place);
            }
        }
    }

    /// Whether a line is nothing but the name, as `docker pull` ends.
    fn is_bare(&self, line: &str, at: usize) -> bool {
        let name = self
            .mentions
            .get(at)
            .and_then(|mention| mention.registry.as_deref());
        let mut words = line.split_whitespace().rev();
        let last = words.next().unwrap_or_default();
        // What stands before it may be the time that a log writes.
        let times = words.all(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        times && name.is_some_and(|name| last.to_ascii_lowercase().starts_with(name))
    }

    fn was_served_before(&self, at: usize) -> bool {
        let Some(mention) = self.mentions.get(at) else {
            return false;
        };
        let before = at.saturating_sub(8)..at;
        before.rev().any(|other| {
            let same = self
                .mentions
                .get(other)
                .is_some_and(|other| is_same(other, mention));
            same && self.settled.get(other).is_some_and(Option::is_some)
        })
    }

    /// What is served later settles what was asked of the same before.
    fn same_things(&mut self) {
        let mut images: HashMap<(&str, Option<&str>), usize> = HashMap::new();
        for (mention, settled) in self.mentions.iter().zip(self.settled.iter_mut()).rev() {
            let Some(registry) = mention.registry.as_deref() else {
                continue;
            };
            let image = (registry, mention.repository.as_deref());
            match *settled {
                Some(place) => {
                    images.insert(image, place);
                    images.insert((registry, None), place);
                }
                None => *settled = images.get(&image).copied(),
            }
        }
    }
}

fn is_same(one: &Mention, other: &Mention) -> bool {
    one.registry == other.registry && one.repository == other.repository
}

/// The step of a build that a line belongs to: `#4`.
pub(in crate::intake::extract) fn step(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let end = line.find(' ')?;
    let step = line.get(..end)?;
    let number = step.strip_prefix('#')?;
    let digits =
        !number.is_empty() && number.len() < 7 && number.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::extract::registry::host_reference;

    #[track_caller]
    fn is_settled(text: &str, expected: &[bool]) {
        let mentions = host_reference::all(text);
        let found: Vec<bool> = settled(text, &mentions)
            .iter()
            .map(Option::is_some)
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_was_served_is_settled() {
        for line in [
            "Status: Downloaded newer image for r2.azurecr.io/base:8",
            "Login to r2.azurecr.io: Login Succeeded",
            "Using docker image sha256:4f53 for r2.azurecr.io/ci/build:1 with digest 4f53 ...",
            "Pushed [registry] r2.azurecr.io/sbom/app:1",
            "Pulled: r2.azurecr.io/charts/base:1.0.0",
            "  Normal  Pulled  5s  kubelet  Successfully pulled image \"r2.azurecr.io/ci/build:1\" in 1.2s",
            "$ docker login r2.azurecr.io\nLogin Succeeded",
            "The push refers to repository [r2.azurecr.io/a]\n5f70: Pushed\n1.0: digest: sha256:4f53 size: 1155",
            "#4 [internal] load metadata for r2.azurecr.io/base:8\n#5 x\n#4 DONE 0.4s",
            "INFO[0001] Retrieving image r2.azurecr.io/base:8\nINFO[0003] Unpacking rootfs as cmd RUN requires it.",
            "Verification for r2.azurecr.io/app:1 --",
            "Got response 200 from r2.azurecr.io",
            "Step 1/2 : FROM r2.azurecr.io/base:8\n ---> 4f53cda18c2b",
        ] {
            is_settled(line, &[true]);
        }
        is_settled(
            "INFO[0001] Retrieving image r2.azurecr.io/base:8 from registry r2.azurecr.io\nINFO[0003] Unpacking rootfs as cmd",
            &[true, true],
        );
        is_settled(
            "docker pull r2.azurecr.io/a:1\nStatus: Image is up to date for r2.azurecr.io/a:1\nr2.azurecr.io/a:1",
            &[true, true, true],
        );
    }

    #[test]
    fn what_failed_or_is_local_is_not() {
        for line in [
            "Successfully tagged r1.azurecr.io/app:1",
            "#9 naming to r1.azurecr.io/app:1 done",
            "The push refers to repository [r1.azurecr.io/app]",
            "r1.azurecr.io/app:1 could not be pulled",
            "Logging in to registry: r1.azurecr.io",
            "r1.azurecr.io/app:1",
        ] {
            is_settled(line, &[false]);
        }
        is_settled(
            "Pulled r2.azurecr.io/a:1\nThe push refers to repository [r2.azurecr.io/b]",
            &[true, false],
        );
    }
}
