//! Goes over raw JSON at the speed of memory for the places where a denial could be.
//!
//! [`crate::intake::extract::may_hold_denial`] bears wraps and escapes, which takes many comparisons for each byte.
//! This tells of every character that could be part of either. A string without such a character
//! has its words whole, so that of each saying that is known any one word will do to miss it, and
//! three letters of that word: those that ordinary records never have. Vector instructions find
//! all of them in one pass.

use aho_corasick::packed::{Config, Searcher};
use std::sync::LazyLock;

/// What a place in a text calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Letters of a word, or a character that could hide letters: the record needs a closer look.
    Word,
    /// The digits 403.
    Status,
    /// The record has to be read as JSON to know what it says: an escape that only a parser undoes, a
    /// name by which events and alerts are known.
    Document,
    /// A bracket: an array, in which anything may stand, or a part of a string, like a colour.
    Bracket,
}

/// What was found in a text, each list in the order of places, which are byte offsets.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    /// Where a closer look is needed.
    pub places: Vec<(usize, Class)>,
    /// Every `}`.
    pub closings: Vec<usize>,
}

/// How many bytes of text there must be for each hit, and for each `}`; a text with more of them is
/// read as a whole.
const DENSEST: usize = 32;
const DENSEST_CLOSINGS: usize = 16;
/// How much is looked through at once for the largest byte.
const CHUNK: usize = 4096;

/// Three letters each, in any case, of a word that every saying of these has. Their order deals them
/// out to the searcher's groups, eight of them or sixteen (with eight, the first, the ninth and the
/// seventeenth of all are one group), of which none is taken for another word of ordinary records.
const LETTERS: &[(&str, Class)] = &[
    ("ith", Class::Word),     // client with IP
    ("hem", Class::Document), // schemaId
    ("ntT", Class::Document), // eventType
    ("#01", Class::Word),     // a line end as syslog writes it
    ("syn", Class::Word),     // client IP address, of Synapse
    ("403", Class::Status),
    ("ect", Class::Word),     // connectivity, prevented to connect, rejected
    ("hav", Class::Word),     // have access to registry
    ("hba", Class::Word),     // pg_hba.conf
    ("eIm", Class::Document), // InaccessibleImage
    ("cve", Class::Document), // specversion
    ("wal", Class::Word),     // firewall; client address, of Key Vault
    ("rus", Class::Word),     // trusted service; client address, of Key Vault
    ("#03", Class::Word),     // an escape character as syslog writes it
    ("vau", Class::Word),     // vault; client address, of Key Vault
    ("cks", Class::Word),     // databricks
    ("ori", Class::Word),     // originated, authorized, authorization
    ("rbi", Class::Word),     // forbidden
];

/// Those that are only ever written so.
const EXACT: &[&str] = &["ntT", "cve", "eIm"];

/// Patterns that are looked for in one go, and what each is.
struct Pass {
    searcher: Searcher,
    classes: Vec<Class>,
}

static PASS: LazyLock<Option<Pass>> = LazyLock::new(|| {
    let forms = |letters: &str| {
        if EXACT.contains(&letters) {
            vec![letters.to_owned()]
        } else {
            cases(letters)
        }
    };
    let words: Vec<(Vec<String>, Class)> = LETTERS
        .iter()
        .map(|(letters, class)| (forms(letters), *class))
        .collect();
    pass(&words)
});

/// Puts patterns together: the first form of each, the second of each, and so on. The searcher deals
/// patterns out to its groups by their number, but the forms of one word to one group, and is slow
/// if words share a group that make up a third one between them.
fn pass(words: &[(Vec<String>, Class)]) -> Option<Pass> {
    let longest = words.iter().map(|(forms, _)| forms.len()).max()?;
    let mut config = Config::new();
    config.heuristic_pattern_limits(false);
    let mut builder = config.builder();
    let mut classes = Vec::new();
    for form in 0..longest {
        for (forms, class) in words {
            if let Some(form) = forms.get(form) {
                builder.add(form);
                classes.push(*class);
            }
        }
    }
    let searcher = builder.build()?;
    Some(Pass { searcher, classes })
}

/// A text in every mixture of small and capital letters.
fn cases(text: &str) -> Vec<String> {
    text.chars().fold(vec![String::new()], |begun, next| {
        let mut forms = vec![next.to_ascii_lowercase(), next.to_ascii_uppercase()];
        forms.dedup();
        begun
            .iter()
            .flat_map(|begun| forms.iter().map(move |form| format!("{begun}{form}")))
            .collect()
    })
}

/// Where in raw JSON a closer look is needed. `None` where this cannot say: too many places, or a
/// processor without vector instructions.
///
/// A JSON object without a hit in it holds nothing that [`crate::intake::extract::json`] would find, and is no
/// status-403 record either.
pub(crate) fn hits(raw: &[u8]) -> Option<Hits> {
    let Pass { searcher, classes } = PASS.as_ref()?;
    let most = raw.len().div_euclid(DENSEST).max(64);
    let mut found = Hits {
        places: Vec::new(),
        closings: Vec::with_capacity(raw.len().div_euclid(256)),
    };
    unusual(raw, most, &mut found)?;
    marks(raw, most, &mut found)?;
    for at in memchr::memchr2_iter(b'%', b'&', raw) {
        add(&mut found.places, (at, Class::Word), most)?;
    }
    for letters in searcher.find_iter(raw) {
        let class = *classes.get(letters.pattern().as_usize())?;
        if class == Class::Status && within_a_word(raw, letters.start()) {
            continue;
        }
        add(&mut found.places, (letters.start(), class), most)?;
    }
    found.places.sort_unstable_by_key(|(at, _)| *at);
    Some(found)
}

/// Whether the 403 at `at` stands within a longer number or word, in which it means nothing: as hashes
/// and sizes have it.
fn within_a_word(raw: &[u8], at: usize) -> bool {
    let before = raw.get(at.saturating_sub(6)..at).unwrap_or_default();
    let after = at.checked_add(3).and_then(|end| raw.get(end));
    // The end of an escape may stand before it, its beginning after it.
    let escapes = |byte: &u8| matches!(byte, b'\\' | b'#' | b'%');
    before.last().is_some_and(u8::is_ascii_alphanumeric)
        && after.is_some_and(|next| next.is_ascii_alphanumeric() && *next != b'u')
        && !before.iter().any(escapes)
}

fn add(list: &mut Vec<(usize, Class)>, hit: (usize, Class), most: usize) -> Option<()> {
    list.push(hit);
    (list.len() <= most).then_some(())
}

/// What ends an object, begins an array, or escapes.
fn marks(raw: &[u8], most: usize, found: &mut Hits) -> Option<()> {
    let most_closings = raw.len().div_euclid(DENSEST_CLOSINGS).max(64);
    for at in memchr::memchr3_iter(b'}', b'\\', b'[', raw) {
        match raw.get(at) {
            Some(b'}') => {
                found.closings.push(at);
                if found.closings.len() > most_closings {
                    return None;
                }
            }
            Some(b'\\') => {
                // Before punctuation it changes no letter, and the last of several is what counts.
                let next = at.checked_add(1).and_then(|next| raw.get(next));
                match next {
                    Some(b'u' | b'b' | b'f') => {
                        add(&mut found.places, (at, Class::Document), most)?;
                    }
                    Some(next) if next.is_ascii_alphanumeric() => {
                        add(&mut found.places, (at, Class::Word), most)?;
                    }
                    Some(_) | None => {}
                }
            }
            Some(_) | None => add(&mut found.places, (at, Class::Bracket), most)?,
        }
    }
    Some(())
}

/// Whatever is not ASCII, and the one control character that may stand in a JSON string.
fn unusual(raw: &[u8], most: usize, found: &mut Hits) -> Option<()> {
    for (number, chunk) in raw.chunks(CHUNK).enumerate() {
        let highest = chunk.iter().fold(0, |most: u8, next| most.max(*next));
        if highest < 0x7f {
            continue;
        }
        let from = number.saturating_mul(CHUNK);
        for (at, byte) in chunk.iter().enumerate() {
            if *byte >= 0x7f {
                let hit = (from.saturating_add(at), Class::Word);
                add(&mut found.places, hit, most)?;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_every_saying_is_hit_in_any_case() {
        for word in [
            "client with IP",
            "client address is not authorized",
            "client address: vault",
            "client address: trusted service",
            "request originated from ip",
            "blocked by your cosmos db account firewall",
            "pg_hba.conf",
            "blocked by databricks ip acl",
            "synapse",
            "clientipaddressnotauthorized",
            "prevented to connect",
            "ip-address-rejected",
            "ip forbidden",
            "forbiddenbyfirewall",
            "virtual network/firewall rules",
            "ipauthorizationerror",
            "have access to registry",
            "connectivity_forbidden_error",
            "403",
            "schemaId",
            "%61",
            "&#61;",
            "#012",
            "#033[",
            "[",
            "\u{7f}",
            "é",
        ] {
            for word in [word.to_owned(), word.to_ascii_uppercase(), capital(word)] {
                is_hit(&word);
            }
        }
        for exact in ["\"eventType\"", "\"specversion\"", "InaccessibleImage"] {
            is_hit(exact);
        }
        for escape in [
            "\\u0061", "\\x61", "\\\\x61", "\\101", "\\n", "\\\\n", "\\\\\\r", "\\f", "\\b", "\\e[",
        ] {
            is_hit(escape);
        }
    }

    #[track_caller]
    fn is_hit(word: &str) {
        let text = format!("{}{word}\"", "-".repeat(3000));
        let count = hits(text.as_bytes()).unwrap().places.len();
        assert!(count > 0 && count < 6, "{word}: {count}");
    }

    fn capital(word: &str) -> String {
        let mut capital = word.to_owned();
        if let Some(first) = capital.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        capital
    }

    #[test]
    fn an_ordinary_record_is_not_hit() {
        let record = r#"{"category":"ContainerRegistryLoginEvents","resultDescription":"200","callerIpAddress":"203.0.113.18","properties":{"userAgent":"docker/24.0 UpstreamClient(Docker-Client/24.0 \\(linux\\))"}}"#;
        let found = hits(record.repeat(10).as_bytes()).unwrap();
        assert_eq!((found.places, found.closings.len()), (vec![], 20));
    }

    #[test]
    fn a_text_full_of_hits_is_not_for_this() {
        assert!(hits("have ".repeat(10_000).as_bytes()).is_none());
        assert!(hits("}".repeat(10_000).as_bytes()).is_none());
    }
}
