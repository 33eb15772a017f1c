//! Reads words of a message across the places where something wrapped it.
//!
//! A wrap may fall anywhere, inside a word too. After it the line may begin with what every line of
//! that log begins with: blanks, a comment's `# `, a quote's `> `, a box's `│ `, a time, the name of
//! a container or of a host.

use super::page::Page;
use super::window;
use regex::Regex;
use std::sync::LazyLock;

/// How much of a line may be leader, and how many lines a wrap may skip.
const LEADER: usize = 200;
const LINES: usize = 3;

/// How many blanks and how much markup may stand between two words on a line.
const BLANKS: usize = 1024;

/// How much of a line before a wrap is looked at for what the next one begins with, too.
const BEFORE: usize = 1024;

/// A place in a text.
#[derive(Clone, Copy)]
pub(in crate::intake::extract) struct Cursor<'t> {
    page: &'t Page<'t>,
    rest: &'t str,
    /// Whether a wrap inside a word was read over since [`Cursor::word`] last began.
    broken: bool,
}

impl<'t> Cursor<'t> {
    /// The place `at` bytes into the page's text.
    pub(in crate::intake::extract) fn new(page: &'t Page<'t>, at: usize) -> Self {
        Self {
            page,
            rest: page.from(at),
            broken: false,
        }
    }

    /// How many bytes into the text this place is.
    pub(in crate::intake::extract) fn at(&self) -> usize {
        self.place(self.rest)
    }

    /// Where in the text an end of it begins.
    fn place(&self, rest: &str) -> usize {
        self.page.text.len().saturating_sub(rest.len())
    }

    /// What follows.
    pub(in crate::intake::extract) fn rest(&self) -> &'t str {
        self.rest
    }

    /// The next character, if it is one of those.
    pub(in crate::intake::extract) fn one(
        &mut self,
        accept: impl Fn(char) -> bool,
    ) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next().filter(|next| accept(*next))?;
        self.rest = characters.as_str();
        Some(next)
    }

    /// The next character, if it is one of those, even after a wrap.
    pub(in crate::intake::extract) fn one_across(
        &mut self,
        accept: impl Fn(char) -> bool,
    ) -> Option<char> {
        if let Some(next) = self.one(&accept) {
            return Some(next);
        }
        let rest = self.over_wrap(&accept)?;
        self.rest = rest;
        self.broken = true;
        self.one(accept)
    }

    /// Reads `word` (lower-case letters), in any case, with blanks or a wrap before it.
    /// Returns whether all of it was there; a word cut off leaves the cursor at the cut.
    pub(in crate::intake::extract) fn word(&mut self, word: &str) -> bool {
        let Some(first) = word.chars().next() else {
            return true;
        };
        self.gap(|next| next.eq_ignore_ascii_case(&first));
        self.broken = false;
        self.letters(word)
    }

    /// Reads `word` from here on, without anything before it.
    pub(in crate::intake::extract) fn letters(&mut self, word: &str) -> bool {
        word.chars().all(|letter| {
            self.one_across(|next| next.eq_ignore_ascii_case(&letter))
                .is_some()
        })
    }

    /// Whether a wrap fell inside the word read last.
    pub(in crate::intake::extract) fn broke_word(&self) -> bool {
        self.broken
    }

    /// Skips what may stand between two words: blanks, markup, and a wrap before one of `accept`.
    pub(in crate::intake::extract) fn gap(&mut self, accept: impl Fn(char) -> bool) {
        self.blanks();
        if !self.rest.starts_with(&accept)
            && let Some(rest) = self.over_wrap(&accept)
        {
            self.rest = rest;
        }
    }

    /// Skips blanks and markup on the line.
    pub(in crate::intake::extract) fn blanks(&mut self) {
        if !self.at_gap() {
            return;
        }
        let begun = self.rest.len();
        for _ in 0..LEADER {
            let trimmed = trim_first(self.rest, BLANKS, |next| {
                matches!(next, ' ' | '\t' | '+' | '*' | '_' | '`')
            });
            let after = tag(trimmed).unwrap_or(trimmed);
            let skipped = self.rest.len().saturating_sub(after.len());
            self.page.work.charge(skipped.saturating_add(1));
            self.rest = after;
            if skipped == 0 || begun.saturating_sub(after.len()) >= BLANKS {
                return;
            }
        }
    }

    /// Whether what may stand between two words could begin here: blanks, markup, or a wrap.
    pub(in crate::intake::extract) fn at_gap(&self) -> bool {
        let gap = |next: u8| {
            let mark = matches!(
                next,
                b'+' | b'*' | b'_' | b'`' | b'<' | b'|' | b'#' | b'\\' | b'='
            );
            mark || matches!(next, b' ' | b'\t' | b'\n') || !next.is_ascii()
        };
        self.rest.bytes().next().is_some_and(gap)
    }

    /// What follows the wrap that stands here, if one does and one of `accept` comes after it.
    fn over_wrap(&self, accept: impl Fn(char) -> bool) -> Option<&'t str> {
        if !self.at_gap() {
            return None;
        }
        let border = |c: char| {
            matches!(
                c,
                ' ' | '\t' | '│' | '┃' | '║' | '|' | '#' | '*' | '\\' | '='
            )
        };
        let line_end = trim_first(self.rest, LEADER, border);
        let skipped = self.rest.len().saturating_sub(line_end.len());
        self.page.work.charge(skipped.saturating_add(1));
        let mut next = line_end.strip_prefix('\n')?;
        for _ in 0..LINES {
            let plain = trim_first(next, LEADER, leads);
            let trimmed = |rest: usize| trim_first(self.page.from(rest), LEADER, leads);
            let skipped = next.len().saturating_sub(plain.len());
            self.page.work.charge(skipped.saturating_add(8));
            let goes_on = |rest: &&'t str| rest.starts_with(&accept);
            let known = self.known_leader(next).map(trimmed);
            let shared = || self.shared_leader(next).map(trimmed);
            // A line that begins with a time is not to be read as one that begins with digits.
            let bare = || Some(plain).filter(|_| known.is_none());
            let found = known
                .filter(goes_on)
                .or_else(|| shared().filter(goes_on))
                .or_else(|| bare().filter(goes_on));
            if found.is_some() {
                return found.filter(|rest| next.len().saturating_sub(rest.len()) <= LEADER);
            }
            next = plain.strip_prefix('\n')?;
        }
        None
    }

    /// Where the known leader of a line ends.
    fn known_leader(&self, next: &'t str) -> Option<usize> {
        self.page.known(self.place(next), || {
            let (rest, looked) = known_leader(next);
            self.page.work.charge(looked);
            rest.map(|rest| self.place(rest))
        })
    }

    /// Where `next` goes on behind what it has in common with the beginning of the line that the cursor
    /// is on, digits aside, up to the end of a word; `None` if that is nothing to know a line by.
    fn shared_leader(&self, next: &'t str) -> Option<usize> {
        self.page.shared(self.at(), self.place(next), || {
            let before = window::between(self.page.text, 0, self.at(), BEFORE);
            let line = memchr::memrchr(b'\n', before.as_bytes())
                .and_then(|end| before.get(end.saturating_add(1)..))
                .unwrap_or(before);
            let length = common_leader(line, next);
            let looked = line.len().min(LEADER).saturating_add(8);
            self.page.work.charge(looked);
            let leader = next.get(..length)?;
            let tells = |c: char| c.is_alphabetic() || matches!(c, '[' | '#' | '|');
            let tells = leader.contains(tells);
            tells.then(|| self.place(next).saturating_add(length))
        })
    }
}

/// How much of the beginning of `next` is that of `line`, digits aside, up to the end of a word.
fn common_leader(line: &str, next: &str) -> usize {
    let (mut here, mut there) = (line, next);
    let mut leader_end = next;
    for _ in 0..LEADER {
        let digit = |c: char| c.is_ascii_digit();
        let (a, b) = (
            trim_first(here, LEADER, digit),
            trim_first(there, LEADER, digit),
        );
        let digits = a.len() < here.len() && b.len() < there.len();
        if !digits {
            let mut a = here.chars();
            let mut b = there.chars();
            match (a.next(), b.next()) {
                (Some(one), Some(other)) if one == other && one != '\n' => {
                    (here, there) = (a.as_str(), b.as_str());
                    if !one.is_alphanumeric() {
                        leader_end = there;
                    }
                    continue;
                }
                _ => break,
            }
        }
        (here, there) = (a, b);
    }
    next.len().saturating_sub(leader_end.len())
}

/// A text without the characters of a kind that it begins with, of which at most `most` bytes go.
fn trim_first(text: &str, most: usize, kind: impl Fn(char) -> bool) -> &str {
    let head = window::first(text, most);
    let trimmed = head.trim_start_matches(kind);
    let skipped = head.len().saturating_sub(trimmed.len());
    text.get(skipped..).unwrap_or_default()
}

/// Characters that lines are led in by, in comments, quotes, boxes, lists and patches.
fn leads(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t'
            | '#'
            | '>'
            | '|'
            | '│'
            | '┃'
            | '║'
            | '┆'
            | '▏'
            | '▕'
            | '*'
            | '+'
            | ';'
            | '/'
            | '\\'
            | '~'
            | '·'
            | '•'
    )
}

/// A mark-up tag that may stand between words: `<br/>`, `</b>`, `<span class="x">`.
fn tag(text: &str) -> Option<&str> {
    const NAMES: &[&str] = &[
        "br", "b", "i", "em", "strong", "code", "span", "p", "div", "wbr", "pre", "tt", "font",
        "mark", "kbd",
    ];
    let inside = text.strip_prefix('<')?;
    let name = inside.strip_prefix('/').unwrap_or(inside);
    let end = name.bytes().take(80).position(|byte| byte == b'>')?;
    let (name, rest) = name.split_at_checked(end)?;
    let name = name.split([' ', '/']).next().unwrap_or_default();
    NAMES
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
        .then(|| rest.strip_prefix('>'))?
}

/// `next` without the leaders that logs put before every line, `None` if there are none; and how much
/// was looked at.
fn known_leader(next: &str) -> (Option<&str>, usize) {
    static KNOWN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r"^(?-u:[ \t]*(?:",
            // times
            r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?Z|[+-]\d\d:?\d\d| UTC)?",
            // what GitLab puts behind it: the number and kind of the stream
            r"(?: [0-9a-f]{2}[OE]\+?)?",
            r"|\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?",
            // journald and syslog: time, host, program
            r"|[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)? [\w.-]+ [\w./@-]+(?:\[\d+\])?:",
            // container runtimes and kubelet
            r"|(?:stdout|stderr) [FP]",
            r"|[EWIF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w.-]+:\d+\]",
            // compose, build steps, agents, workflow commands, a tag in brackets
            r"|[\w.-]+ +\|",
            r"|#\d+ (?:\d+\.\d+)?",
            r"|##\[\w+\]|::\w+(?u:[^:\n]{0,80})::",
            r"|\[[\w./ :-]{0,40}[A-Za-z:][\w./ :-]{0,40}\]",
            r"|(?:remote|stderr|stdout|ERROR|WARN|INFO|error|warning):",
            r")[ \t]*)+"
        ))
        .ok()
    });
    let head = window::first(next, LEADER);
    let line = head.trim_start_matches([' ', '\t']).as_bytes();
    let blanks = head.len().saturating_sub(line.len()).saturating_add(1);
    let Some(begins) = line.first() else {
        return (None, blanks);
    };
    if !matches!(begins, b'[' | b'#' | b':') {
        // A time, a name before a bar, a word before a colon; or a container's stream.
        let in_word = begins.is_ascii_alphanumeric() || matches!(begins, b'_' | b'.' | b'-');
        let end = memchr::memchr3(b':', b'|', b'\n', line);
        let marked = end.is_some_and(|end| line.get(end) != Some(&b'\n'));
        if !in_word || !(marked || line.starts_with(b"std")) {
            return (None, blanks);
        }
    }
    let found = KNOWN.as_ref().and_then(|known| known.find(head));
    let length = found.map_or(0, |found| found.end());
    let rest = next.get(length..).filter(|_| length > 0);
    (rest, LEADER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::work::WorkBudget;

    #[track_caller]
    fn reads(text: &str) {
        let work = WorkBudget::unlimited();
        let page = Page::new(text, &work);
        let mut cursor = Cursor::new(&page, text.find("client").unwrap());
        for word in ["client", "with", "ip"] {
            assert!(cursor.word(word), "{word} in {text}");
        }
    }

    #[test]
    fn words_are_read_across_wraps() {
        reads("client with IP");
        reads("CLIENT WITH\tIP".replace("CLIENT", "client").as_str());
        reads("client\nwith\n\nIP");
        reads("# client with\n#    IP");
        reads("> client\n> with\n> IP");
        reads("│ client wi    │\n│ th IP        │");
        reads("    client with\n    IP");
        reads("2025-02-01T10:00:00.1234567Z client with\n2025-02-01T10:00:00.1234599Z IP");
        reads("2025-02-01T10:00:00.1Z ##[error]client\n2025-02-01T10:00:00.1Z ##[error]with IP");
        reads("web-1  | client with\nweb-1  | IP");
        reads(
            "Feb 01 10:00:00 build-7 dockerd[812]: client\nFeb 01 10:00:00 build-7 dockerd[812]: with IP",
        );
        reads("[pod/api-7f9/api] client with\n[pod/api-7f9/api] IP");
        reads("api-7f9 api client\napi-7f9 api with IP");
        reads(
            "E0201 10:00:00.123456    1234 pull.go:12] client with\nE0201 10:00:00.123457    1234 pull.go:12] IP",
        );
        reads("#12 9.871 client with\n#12 10.02 IP");
        reads("client <b>with</b><br/>IP");
        reads("client+with+IP");
        reads("\"client with\\\n  \\ IP");
        reads("client wi=\nth IP");
    }

    #[test]
    fn other_words_are_not() {
        let work = WorkBudget::unlimited();
        let page = Page::new("client\nwithout IP", &work);
        let mut cursor = Cursor::new(&page, 0);
        assert!(cursor.word("client") && cursor.word("with"));
        assert!(!cursor.word("ip"));
    }

    #[test]
    fn the_leaders_are_known() {
        assert_eq!(known_leader("12:00:01 x").0, Some("x"));
        assert_eq!(known_leader("no leader").0, None);
    }
}
