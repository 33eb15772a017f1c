//! Finds a registry's 403 whose message, and with it the address, the client did not print.
//!
//! containerd, HEAD requests and the Azure CLI do so. The same 403 may be a missing role, so that it
//! is only a suspicion; where the text explains it otherwise, it is none.

use super::positions;
use super::positions::{Pattern, inside};
use crate::intake::denial::Attribution;
use crate::intake::extract::registry::context::Place;
use crate::intake::extract::registry::host_reference::Mention;
use crate::intake::extract::text::page::Page;
use crate::intake::extract::text::said::Word;
use crate::intake::extract::text::window;
use regex::Regex;
use std::sync::LazyLock;

const BEFORE: usize = 2048;

/// How often the text is gone over for what explains a 403, and how many steps each 403 takes.
const PASSES: usize = 4;
const STATUS_STEPS: usize = 1200;

/// The places of the 403s in a cleaned text that may come from a registry's firewall.
pub(in crate::intake::extract) fn all(page: &Page<'_>, mentions: &[Mention]) -> Vec<Place> {
    let text = page.text;
    let mut found: Vec<Place> = Vec::new();
    if mentions.is_empty() {
        return found;
    }
    if text.is_ascii() && !WORDS.iter().any(|word| word.is_in(text)) {
        return found;
    }
    let Some(status) = STATUS.as_ref() else {
        return found;
    };
    page.pass();
    let mut statuses = status.find_iter(text).peekable();
    if statuses.peek().is_none() {
        return found;
    }
    page.work.charge(text.len().saturating_mul(PASSES));
    let scene = Surroundings::of(text, mentions);
    for status in statuses {
        if !page.work.charge(STATUS_STEPS) {
            break;
        }
        if let Some(place) = scene.at((status.start(), status.end()))
            && found.last() != Some(&place)
        {
            found.push(place);
        }
    }
    found
}

/// One of these stands in whatever tells of a status 403.
const WORDS: [Word; 3] = [
    Word::new("403", 0),
    Word::new("have", 2),
    Word::new("connectivity", 8),
];

/// A text with what matters around a 403 in it.
struct Surroundings<'t> {
    text: &'t str,
    mentions: &'t [Mention],
    /// Where it says what else the matter was.
    explained: Vec<positions::Place>,
    /// Where it names hosts that are no registries of Azure's own domain.
    others: Vec<positions::Place>,
    /// Where that domain stands.
    domains: Vec<positions::Place>,
}

impl<'t> Surroundings<'t> {
    fn of(text: &'t str, mentions: &'t [Mention]) -> Self {
        const DOMAIN: &str = "azurecr.";
        let place = |found: regex::Match<'_>| (found.start(), found.end());
        let mut explained: Vec<_> = EXPLAINED
            .iter()
            .flat_map(|explained| explained.find_iter(text))
            .map(place)
            .collect();
        let messages = MESSAGE
            .iter()
            .flat_map(|message| message.captures_iter(text));
        explained.extend(messages.filter_map(|found| {
            let said = found.get(1)?.as_str();
            let explains = !said.is_empty() && !said.eq_ignore_ascii_case("denied");
            found.get(0).filter(|_| explains).map(place)
        }));
        explained.sort_unstable();
        let others = OTHER_HOST.iter().flat_map(|other| other.find_iter(text));
        let others = others
            .filter(|found| !found.as_str().to_ascii_lowercase().contains(DOMAIN))
            .map(place);
        let domains = memchr::memmem::find_iter(text.as_bytes(), DOMAIN);
        Self {
            text,
            mentions,
            explained,
            others: others.collect(),
            domains: domains
                .map(|at| (at, at.saturating_add(DOMAIN.len())))
                .collect(),
        }
    }

    /// What the text says of the 403 at `from..to`, if it may be a firewall's.
    fn at(&self, (from, to): (usize, usize)) -> Option<Place> {
        let start = self.paragraph(from);
        let after = window::first(self.text.get(to..)?, 400);
        let after = memchr::memmem::find(after.as_bytes(), b"\n\n").unwrap_or(after.len());
        if !inside(&self.explained, start, to.saturating_add(after)).is_empty() {
            return None;
        }
        let first = self
            .mentions
            .partition_point(|mention| mention.start < start);
        let last = self.mentions.partition_point(|mention| mention.start < to);
        let near = self.mentions.get(first..last)?;
        let named = near.last()?;
        let registry = named.registry.clone().filter(|_| !named.data)?;
        let names_another = !inside(&self.others, named.end.min(to), from).is_empty();
        if names_another || near.iter().any(|other| other.registry != named.registry) {
            return None;
        }
        let of = |pick: fn(&Mention) -> Option<&String>| {
            let mut values = near.iter().rev().filter_map(pick);
            let value = values.next()?;
            values.all(|other| other == value).then(|| value.clone())
        };
        let repository = of(|mention| mention.repository.as_ref());
        let reference = of(|mention| mention.reference.as_ref()).filter(|_| repository.is_some());
        let between = self.text.get(named.start..from).unwrap_or_default();
        let attribution = if between.contains('\n') {
            Attribution::Inferred
        } else {
            Attribution::Stated
        };
        Some(Place {
            attribution: Some(attribution),
            registry: Some(registry),
            repository,
            reference,
            ..Place::default()
        })
    }

    /// Where the line begins that a 403 stands on, with up to three lines that it may have been
    /// wrapped from: those without a 403 of their own.
    fn paragraph(&self, status: usize) -> usize {
        let before = window::between(self.text, 0, status, BEFORE).as_bytes();
        let floor = status.saturating_sub(before.len());
        let mut end = before.len();
        for _ in 0..4_u8 {
            let above = before.get(..end).unwrap_or_default();
            let Some(line) = memchr::memrchr(b'\n', above) else {
                return floor;
            };
            let start = floor.saturating_add(line);
            if !inside(&self.domains, start, status).is_empty() {
                return start;
            }
            let above = above.get(..line).unwrap_or_default();
            let last = memchr::memrchr(b'\n', above).map_or(0, |at| at.saturating_add(1));
            let last = above.get(last..).unwrap_or_default();
            if above.ends_with(b"\n") || memchr::memmem::find(last, b"403").is_some() {
                return start;
            }
            end = line;
        }
        floor.saturating_add(end)
    }
}

/// How clients print that a registry answered 403.
static STATUS: Pattern = LazyLock::new(|| {
    let gap = r"[\s│|>#*]+";
    let says = [
        r"unexpected_(?:http_)?status(?:_code)?(?:_from_[a-z]+_request_to_\S+?)?:?_?403\b",
        r"unexpected_status_from_[a-z]+_request_to_\S+:_?403\b",
        r"response_status(?:_code)?:?_403\b",
        r"invalid_status_code_from_registry_403\b",
        r"returned_(?:an_)?error_status(?:_code)?:?_403\b",
        r"failed_with_status(?:_code)?_?(?:\[[^\]\n]{0,80}\])?:?_?403\b",
        r"status_?code[:=]?_?403\b",
        r"response_code:?_403\b",
        r"received_unexpected_http_status:_403\b",
        r#"azurecr\.[a-z]{2}/(?:v2|oauth2)/[^\s"'>]*["'>]*:_?403\b"#,
        r"don't_have_access_to_registry_['\x22]?[\w.-]+",
        r"connectivity_forbidden_error",
    ];
    let pattern = says
        .join("|")
        .replace("_?", &format!("(?:{gap})?"))
        .replace(
            "connectivity_forbidden_error",
            "connectivity\u{1}forbidden\u{1}error",
        )
        .replace('_', gap)
        .replace('\u{1}', "_");
    Regex::new(&format!("(?i)(?:{pattern})")).ok()
});

/// Other reasons for a 403, or for the failure that the 403 stands in.
static EXPLAINED: Pattern = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)retrieving permissions failed|AuthorizationFailure|AuthorizationFailed|requested access to the resource is denied",
        r"|does not have (?:permission|authorization|access)|insufficient.?scope|authentication required|\bunauthorized\b|\b401\b",
        r"|aka\.ms/acr/authorization|toomanyrequests|quarantine|client\s+with\s+ip|arm aad token"
    ))
    .ok()
});

/// A body that says what the registry said.
static MESSAGE: Pattern = LazyLock::new(|| Regex::new(r#""message"\s*:\s*"([^"]{0,200})"#).ok());

static OTHER_HOST: Pattern = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:https?://|["'\[ ])(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?/"#).ok()
});
