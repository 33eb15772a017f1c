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

/// The registries' records that a text with sentences may have in it.
pub(in crate::intake::extract) struct Records {
    /// Whether one stands there.
    any: bool,
    /// Where the rows of a table of them begin.
    rows: Option<usize>,
}

impl Records {
    pub(in crate::intake::extract) fn of(
        text: &str,
        phrases: &[Phrase],
        work: &WorkBudget,
    ) -> Self {
        if phrases.is_empty() {
            return Self {
                any: false,
                rows: None,
            };
        }
        work.charge(text.len().saturating_mul(2));
        let category = CATEGORY.as_ref();
        Self {
            any: category.is_some_and(|category| category.is_match(text)),
            rows: rows(text),
        }
    }

    /// Whether a sentence stands in a registry's record in the words of its caller.
    pub(in crate::intake::extract) fn are_callers(&self, page: &Page<'_>, phrase: &Phrase) -> bool {
        self.rows.is_some_and(|rows| rows <= phrase.start) || self.any && is_callers(page, phrase)
    }
}

/// Where the rows of a table of such records begin, as queries are exported: after a line of their columns'
/// names and nothing else. None of these columns holds a sentence of the service.
fn rows(text: &str) -> Option<usize> {
    const OTHERS: &[&str] = &["loginserver", "resultdescription", "useragent"];
    let mut from: usize = 0;
    text.split_inclusive('\n').find_map(|line| {
        from = from.saturating_add(line.len());
        let names = memchr::memmem::find(line.as_bytes(), b"ddress").is_some()
            && !line.contains([':', '=', '{']);
        let line = if names {
            line.to_ascii_lowercase()
        } else {
            return None;
        };
        let both = line.contains("calleripaddress") && OTHERS.iter().any(|it| line.contains(it));
        both.then_some(from)
    })
}

/// Whether a sentence stands in a registry's record whose caller is somebody else than it refuses.
fn is_callers(page: &Page<'_>, phrase: &Phrase) -> bool {
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

    #[test]
    fn a_callers_own_words_in_an_exported_table_are_no_denial() {
        let said =
            "client with IP '20.50.1.1' is not allowed access. Refer https://aka.ms/acr/firewall";
        for names in [
            "TimeGenerated [UTC],LoginServer,UserAgent,ResultDescription,CallerIpAddress",
            "callerIpAddress\tuserAgent",
        ] {
            let table = format!("{names}\n\"2026-11-27\",r1.azurecr.io,\"{said}\",200,51.9.9.9\n");
            assert_eq!(extract(&table), [], "{table}");
        }
        let other = format!("Name,Address\nx,{said}\n");
        assert_eq!(extract(&other).len(), 1);
    }
}
