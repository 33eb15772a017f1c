//! Finds a registry's 403 whose message, and with it the address, the client did not print.
//!
//! containerd, HEAD requests and the Azure CLI do so. The same 403 may be a missing role, so that it
//! is only a suspicion; where the text explains it otherwise, it is none.

use super::context::Place;
use super::mention::Mention;
use super::window;
use regex::Regex;
use std::sync::LazyLock;

const BEFORE: usize = 2048;

/// The places of the 403s in a cleaned text that may come from a registry's firewall.
pub(super) fn all(text: &str, mentions: &[Mention]) -> Vec<Place> {
    let mut found: Vec<Place> = Vec::new();
    if mentions.is_empty() {
        return found;
    }
    let Some(status) = STATUS.as_ref() else {
        return found;
    };
    for status in status.find_iter(text) {
        if let Some(place) = at(text, mentions, (status.start(), status.end()))
            && found.last() != Some(&place)
        {
            found.push(place);
        }
    }
    found
}

/// What the text says of the 403 at `from..to`, if it may be a firewall's.
fn at(text: &str, mentions: &[Mention], (from, to): (usize, usize)) -> Option<Place> {
    let before = window::between(text, 0, from, BEFORE);
    let paragraph = paragraph(before);
    let start = from.saturating_sub(paragraph.len());
    let after = window::first(text.get(to..)?, 400);
    let after = after.split_once("\n\n").map_or(after, |(near, _)| near);
    let status = text.get(from..to)?;
    if [paragraph, status, after]
        .iter()
        .any(|part| explained(part))
    {
        return None;
    }
    let first = mentions.partition_point(|mention| mention.start < start);
    let last = mentions.partition_point(|mention| mention.start < to);
    let near: Vec<&Mention> = mentions.get(first..last)?.iter().collect();
    let named = near.last().copied()?;
    let registry = named.registry.clone().filter(|_| !named.data)?;
    let between = text.get(named.end.min(to)..from).unwrap_or_default();
    if names_another(between) || near.iter().any(|other| other.registry != named.registry) {
        return None;
    }
    let of = |pick: fn(&Mention) -> Option<&String>| {
        let mut values = near.iter().rev().filter_map(|mention| pick(mention));
        let value = values.next()?;
        values.all(|other| other == value).then(|| value.clone())
    };
    let repository = of(|mention| mention.repository.as_ref());
    let reference = of(|mention| mention.reference.as_ref()).filter(|_| repository.is_some());
    Some(Place {
        registry: Some(registry),
        repository,
        reference,
        ..Place::default()
    })
}

/// The line that a 403 stands on, and up to three lines that it may have been wrapped from: those
/// without a 403 of their own.
fn paragraph(before: &str) -> &str {
    let mut end = before.len();
    for _ in 0..4_u8 {
        let Some(line_start) = before.get(..end).and_then(|before| before.rfind('\n')) else {
            end = 0;
            break;
        };
        let line = before.get(line_start..).unwrap_or_default();
        if line.contains("azurecr.") {
            return line;
        }
        let above = before.get(..line_start).unwrap_or_default();
        if above.ends_with('\n')
            || above
                .lines()
                .next_back()
                .is_some_and(|line| line.contains("403"))
        {
            return line;
        }
        end = line_start;
    }
    before.get(end..).unwrap_or(before)
}

fn explained(text: &str) -> bool {
    EXPLAINED
        .as_ref()
        .is_some_and(|explained| explained.is_match(text))
        || MESSAGE.as_ref().is_some_and(|message| {
            message
                .captures_iter(text)
                .filter_map(|found| found.get(1))
                .any(|said| {
                    !said.as_str().is_empty() && !said.as_str().eq_ignore_ascii_case("denied")
                })
        })
}

fn names_another(text: &str) -> bool {
    OTHER_HOST.as_ref().is_some_and(|other| {
        other
            .find_iter(text)
            .any(|found| !found.as_str().to_ascii_lowercase().contains("azurecr."))
    })
}

/// How clients print that a registry answered 403.
static STATUS: LazyLock<Option<Regex>> = LazyLock::new(|| {
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
static EXPLAINED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)retrieving permissions failed|AuthorizationFailure|AuthorizationFailed|requested access to the resource is denied",
        r"|does not have (?:permission|authorization|access)|insufficient.?scope|authentication required|\bunauthorized\b|\b401\b",
        r"|aka\.ms/acr/authorization|toomanyrequests|quarantine|client\s+with\s+ip|arm aad token"
    ))
    .ok()
});

/// A body that says what the registry said.
static MESSAGE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#""message"\s*:\s*"([^"]{0,200})"#).ok());

static OTHER_HOST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:https?://|["'\[ ])(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?/"#).ok()
});
