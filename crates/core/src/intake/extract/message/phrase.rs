//! Finds the sentence in which a firewall refuses a client by its address, however it was wrapped.
//!
//! Wordings: ACR says `client with IP '…' is not allowed access`, followed by a link that varies and
//! may be missing; Azure SQL and `MySQL` say `Client with IP address '…' is not allowed to …`.

use super::address;
use super::address::Address;
use super::positions::{Pattern, Sights};
use crate::intake::denial::Service;
use crate::intake::extract::text::line_breaks::Cursor;
use crate::intake::extract::text::page::Page;
use crate::intake::extract::text::window;
use regex::Regex;
use std::sync::LazyLock;

/// The sentence, found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::intake::extract) struct Phrase {
    /// Where it begins in the text.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The address it names.
    pub address: Address,
    /// Whose firewall says so.
    pub service: Service,
}

/// How the sentence ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// `is not allowed access`
    Access,
    /// `is not allowed to …`
    To,
    /// It is cut off further on.
    Cut,
    /// It is cut off right after the address, or in it.
    CutAtAddress,
}

/// How many steps a place takes that may begin a sentence, and what stands near one.
const CANDIDATE: usize = 4;
const SENTENCE: usize = 1000;

/// All such sentences in a cleaned text, in order.
pub(in crate::intake::extract) fn all(page: &Page<'_>, sights: &mut Sights<'_>) -> Vec<Phrase> {
    let text = page.text;
    page.pass();
    let mut found: Vec<Phrase> = Vec::new();
    let mut resume = 0;
    for start in memchr::memchr2_iter(b'c', b'C', text.as_bytes()) {
        if start < resume || !begins_word(text, start) {
            continue;
        }
        if !page.work.charge(CANDIDATE) {
            break;
        }
        if let Some(phrase) = at(page, start, sights) {
            resume = phrase.end;
            found.push(phrase);
        }
    }
    found
}

fn begins_word(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    !before.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// The sentence that begins at `start`, if one does.
fn at(page: &Page<'_>, start: usize, sights: &mut Sights<'_>) -> Option<Phrase> {
    let mut cursor = Cursor::new(page, start);
    let mut broken = false;
    for word in ["client", "with", "ip"] {
        if !cursor.word(word) {
            return None;
        }
        broken |= word == "client" && cursor.broke_word();
    }
    let mut ahead = cursor;
    let says_address = ahead.word("address");
    if says_address {
        cursor = ahead;
    }
    cursor.one(|next| next == ':');
    if cursor
        .rest()
        .starts_with(|next: char| next.is_ascii_alphanumeric())
    {
        return None;
    }
    let (address, ends) = address::read_with_end(&mut cursor)?;
    let ending = ending(&mut cursor, broken)?;
    let address = match ending {
        Ending::CutAtAddress if !ends => Address::Hidden,
        Ending::Access | Ending::To | Ending::Cut | Ending::CutAtAddress => address,
    };
    let end = cursor.at();
    page.work.charge(SENTENCE);
    let mut near = Near {
        text: page.text,
        place: (start, end),
        sights,
    };
    let service = near.service(says_address, ending)?;
    Some(Phrase {
        start,
        end,
        address,
        service,
    })
}

/// Reads the rest of the sentence. `client` and `allowed` may not both be broken by a wrap: one of
/// the two is what tells a text worth reading.
fn ending(cursor: &mut Cursor<'_>, client_broken: bool) -> Option<Ending> {
    for word in ["is", "not", "allowed"] {
        let mut ahead = *cursor;
        if !ahead.word(word) {
            let cut = if word == "is" {
                Ending::CutAtAddress
            } else {
                Ending::Cut
            };
            return (!client_broken && cut_off(&ahead)).then_some(cut);
        }
        if word == "allowed" && client_broken && ahead.broke_word() {
            return None;
        }
        *cursor = ahead;
    }
    let mut access = *cursor;
    if access.word("access") {
        *cursor = access;
        let goes_on = cursor
            .rest()
            .starts_with(|next: char| next.is_ascii_alphanumeric());
        return (!goes_on).then_some(Ending::Access);
    }
    let mut to = *cursor;
    if to.word("to") && to.rest().starts_with(char::is_whitespace) {
        return Some(Ending::To);
    }
    cut_off(&access).then_some(Ending::Cut)
}

/// Whether nothing of the sentence's line follows.
fn cut_off(cursor: &Cursor<'_>) -> bool {
    let rest = cursor.rest().trim_start_matches([' ', '\t']);
    rest.is_empty()
        || rest.starts_with(['\n', '…', '"', '\'', '`', ')', '|', '│'])
        || rest.starts_with("...")
}

/// A sentence, and what stands near it.
struct Near<'n, 't> {
    text: &'n str,
    place: (usize, usize),
    sights: &'n mut Sights<'t>,
}

impl Near<'_, '_> {
    /// Whose firewall says so; `None` if it is nobody's that we know.
    fn service(&mut self, says_address: bool, ending: Ending) -> Option<Service> {
        let (start, end) = self.place;
        let after = || window::first(self.text.get(end..).unwrap_or_default(), 300);
        match ending {
            Ending::To => self
                .sql_service()
                .filter(|_| says_address || self.shows(&SQL)),
            Ending::Access => {
                let plain = !says_address && !matches(&TOWARDS, after());
                (plain || self.shows(&ACR)).then_some(Service::Acr)
            }
            Ending::Cut | Ending::CutAtAddress if self.shows(&SQL) => {
                self.sql_service().filter(|_| ends_allowed(self.text, end))
            }
            Ending::Cut | Ending::CutAtAddress => {
                let before = window::between(self.text, 0, start, 400);
                (matches(&LABEL, before) || self.shows(&ACR))
                    .then_some(Service::Acr)
                    .filter(|_| !says_address)
            }
        }
    }

    /// Whether a pattern stands near the sentence.
    fn shows(&mut self, pattern: &'static Pattern) -> bool {
        let (start, end) = self.place;
        self.sights.near(pattern, (start, start), (400, 0))
            || self.sights.near(pattern, (end, end), (0, 300))
    }

    /// The database service whose wording this is.
    fn sql_service(&mut self) -> Option<Service> {
        let after = self.text.get(self.place.1..).unwrap_or_default();
        Some(match () {
            () if self.shows(&MYSQL) => Service::Mysql,
            () if self.shows(&POSTGRES) => Service::Postgresql,
            () if matches(&SERVER, window::first(after, 300)) || self.shows(&SQL) => {
                Service::AzureSql
            }
            () => return None,
        })
    }
}

fn ends_allowed(text: &str, end: usize) -> bool {
    let said = window::between(text, 0, end, 16);
    said.to_ascii_lowercase().ends_with("allowed")
}

fn matches(regex: &Pattern, text: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

/// Signs of a registry near the sentence.
static ACR: Pattern =
    LazyLock::new(|| Regex::new(r"(?i)azurecr\.|aka\.ms/acr|container ?registr|\bacr\b").ok());
/// The sentence goes on to say what the client may not access: then it is not ACR's own.
static TOWARDS: Pattern = LazyLock::new(|| {
    Regex::new(r"(?i)^[ \t]+(?:to|into|for|from|on|in|at|by|via|through|until|within)\b").ok()
});
/// What clients print before the registry's message.
static LABEL: Pattern = LazyLock::new(|| {
    Regex::new(r#"(?i)denied[\s"':,{\[(#>|│*`]*(?:message["']?\s*[:=]\s*["']*)?$"#).ok()
});
static SQL: Pattern = LazyLock::new(|| {
    Regex::new(r"(?i)sqlexception|sqlclient|cannot open server|requested by the login|sp_set_firewall_rule|\b40615\b|sql (?:server|database)|mysql|postgres").ok()
});
static MYSQL: Pattern = LazyLock::new(|| Regex::new(r"(?i)mysql").ok());
static POSTGRES: Pattern = LazyLock::new(|| Regex::new(r"(?i)postgres").ok());
static SERVER: Pattern = LazyLock::new(|| Regex::new(r"(?i)^\W+to\W+access\W+the\W+server").ok());
