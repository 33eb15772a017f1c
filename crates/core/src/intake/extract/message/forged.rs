//! The firewall's sentence as a caller's own words, in a registry's record that came as running text: cut
//! off, or printed over many lines. Whole records are read as such (`json`).

use super::address;
use super::phrase::Phrase;
use super::positions::Pattern;
use crate::intake::extract::text::page::Page;
use crate::intake::extract::text::window;
use crate::intake::work::WorkBudget;
use regex::Regex;
use std::sync::LazyLock;

/// How far around a sentence its record is looked for.
const AROUND: usize = 4096;

static CALLER: Pattern = LazyLock::new(|| {
    Regex::new(
        r#"(?i-u)callerIpAddress["'\\]{0,4}\s{0,4}[:=]\s{0,4}["'\\]{0,4}([0-9a-f.:\[\]]{3,48})"#,
    )
    .ok()
});

static CATEGORY: Pattern =
    LazyLock::new(|| Regex::new(r"(?i-u)ContainerRegistry(?:Login|Repository)Events").ok());

/// Whether a text with sentences may have a registry's records in it.
pub(in crate::intake::extract) fn has_records(
    text: &str,
    phrases: &[Phrase],
    work: &WorkBudget,
) -> bool {
    if phrases.is_empty() {
        return false;
    }
    work.charge(text.len());
    CATEGORY
        .as_ref()
        .is_some_and(|category| category.is_match(text))
}

/// Whether a sentence stands in a registry's record whose caller is somebody else than it refuses.
pub(in crate::intake::extract) fn is_callers(page: &Page<'_>, phrase: &Phrase) -> bool {
    let text = page.text;
    let Some(ip) = phrase.address.seen() else {
        return false;
    };
    if !page.work.charge(AROUND.saturating_mul(4)) {
        return false;
    }
    let before = window::between(text, 0, phrase.start, AROUND);
    let after = window::first(text.get(phrase.end..).unwrap_or_default(), AROUND);
    let is_record = CATEGORY
        .as_ref()
        .is_some_and(|category| category.is_match(before) || category.is_match(after));
    if !is_record {
        return false;
    }
    let callers = CALLER.iter().flat_map(|caller| {
        caller
            .captures_iter(before)
            .chain(caller.captures_iter(after))
    });
    let mut callers = callers
        .filter_map(|found| address::parse(found.get(1)?.as_str()))
        .peekable();
    callers.peek().is_some() && callers.all(|caller| caller != ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use crate::intake::extract::extract;

    #[test]
    fn a_callers_own_words_in_a_cut_record_are_no_denial() {
        let record = |caller: &str| {
            format!(
                "{{\"category\":\"ContainerRegistryLoginEvents\",\n \"callerIpAddress\":\"{caller}\",\n \"properties\":{{\"userAgent\":\"client with IP '20.50.1.1' is not allowed access. Refer https://aka.ms/acr/firewall\", \"lo"
            )
        };
        assert_eq!(extract(&record("51.9.9.9")).len(), 0);
        assert_eq!(extract(&record("20.50.1.1")).len(), 1);
    }
}
