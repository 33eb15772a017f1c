//! Goes over raw JSON at the speed of memory for the places where a denial could be.
//!
//! [`super::may_hold_denial`] asks for whole words, which takes many comparisons for each byte. This
//! asks first for three letters of each word, rare ones, which vector instructions find in bulk;
//! whoever calls looks closer at the records that were hit, and at no others.

use aho_corasick::packed::{Config, Searcher};
use std::sync::LazyLock;

/// Where in a text a closer look is needed; each list in order, each place a byte offset.
#[derive(Debug, Default)]
pub(in crate::domain) struct Hits {
    /// Parts of a word, an escape or a character that the sieve looks for.
    pub words: Vec<usize>,
    /// The digits 403.
    pub statuses: Vec<usize>,
    /// What has to be read as JSON to know what it says: an escape, an array, an event's type.
    pub documents: Vec<usize>,
}

/// How many bytes of text there must be for each hit; a text with more is read as a whole.
const DENSEST: usize = 32;
/// How much is looked through at once for the smallest and the largest byte.
const CHUNK: usize = 4096;

/// Three letters of every word that the sieve knows but for `client`, in the sieve's order.
const LETTERS: &[&str] = &[
    "wed", // allowed
    "nec", // connectivity
    "hav", // have
    "rbi", // forbidden
    "rig", // originated
    "osm", // cosmos
    "_hb", // pg_hba
    "abr", // databricks
    "tip", // clientip
    "rev", // prevented
    "eje", // rejected
    "rew", // firewall
    "riz", // authorized
    "pau", // ipauth
];
/// What may follow `client` but for `%` and `&`, which are found anyway.
const GAPS: &str = " \n\r\t\\+<*`_=|#w";
/// Escapes that could hide a letter, and syslog's.
const ESCAPES: &[&str] = &["\\x", "\\U", "\\0", "\\1", "\\2", "\\3", "#03"];
/// What only a parser undoes, and the names by which events and alerts are known.
const DOCUMENTS: &[&str] = &[
    "\\u",
    "\\b",
    "\\f",
    "\"eventType\"",
    "\"specversion\"",
    "InaccessibleImage",
];

#[derive(Clone, Copy)]
enum Class {
    Word,
    Status,
    Document,
}

/// Patterns that are looked for in one go, and what each is.
struct Pass {
    searcher: Searcher,
    classes: Vec<Class>,
}

static PASSES: LazyLock<Option<Vec<Pass>>> = LazyLock::new(|| {
    let as_is = |text: &&str, class| (vec![(*text).to_owned()], class);
    let words = |letters: &[&str]| -> Vec<_> {
        let word = |letters: &&str| (cases(letters), Class::Word);
        letters.iter().map(word).collect()
    };
    let (some, others) = LETTERS.split_at_checked(8)?;
    let (undone, names) = DOCUMENTS.split_at_checked(3)?;
    let mut others = words(others);
    others.push((cases("hem"), Class::Document)); // schemaId
    others.extend(names.iter().map(|text| as_is(text, Class::Document)));
    let gaps = GAPS
        .chars()
        .map(|gap| (cases(&format!("nt{gap}")), Class::Word));
    let mut escapes: Vec<_> = ESCAPES
        .iter()
        .map(|text| as_is(text, Class::Word))
        .collect();
    escapes.extend(undone.iter().map(|text| as_is(text, Class::Document)));
    escapes.push(as_is(&"403", Class::Status));
    let passes = [words(some), others, gaps.collect(), escapes];
    passes.iter().map(|forms| pass(forms)).collect()
});

/// Puts patterns together: the first form of each, the second of each, and so on. The searcher deals
/// patterns out to a few groups by their number, and is slow if forms of different words share one.
fn pass(words: &[(Vec<String>, Class)]) -> Option<Pass> {
    let longest = words.iter().map(|(forms, _)| forms.len()).max()?;
    let mut builder = Config::new().builder();
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
/// A JSON string without a hit in it, and without one beside it in an array, holds nothing that
/// [`super::json`] would find; an object without any hit in it is no status-403 record either.
pub(in crate::domain) fn hits(raw: &[u8]) -> Option<Hits> {
    let passes = PASSES.as_ref()?;
    let most = raw.len().div_euclid(DENSEST).max(64);
    let mut hits = Hits::default();
    unusual(raw, most, &mut hits.words)?;
    for at in memchr::memchr3_iter(b'%', b'&', b'[', raw) {
        let opens = raw.get(at) == Some(&b'[');
        let list = if opens {
            &mut hits.documents
        } else {
            &mut hits.words
        };
        add(list, at, most)?;
    }
    for pass in passes {
        for found in pass.searcher.find_iter(raw) {
            let list = match pass.classes.get(found.pattern().as_usize())? {
                Class::Word => &mut hits.words,
                Class::Status => &mut hits.statuses,
                Class::Document => &mut hits.documents,
            };
            add(list, found.start(), most)?;
        }
    }
    hits.words.sort_unstable();
    hits.documents.sort_unstable();
    Some(hits)
}

fn add(list: &mut Vec<usize>, at: usize, most: usize) -> Option<()> {
    list.push(at);
    (list.len() <= most).then_some(())
}

/// Control characters that are no white space, and whatever is not ASCII.
fn unusual(raw: &[u8], most: usize, found: &mut Vec<usize>) -> Option<()> {
    for (number, chunk) in raw.chunks(CHUNK).enumerate() {
        let range = |(least, most): (u8, u8), next: &u8| (least.min(*next), most.max(*next));
        let (least, highest) = chunk.iter().fold((u8::MAX, 0), range);
        if least >= b' ' && highest < 0x7f {
            continue;
        }
        let from = number.saturating_mul(CHUNK);
        for (at, byte) in chunk.iter().enumerate() {
            let white = matches!(byte, b'\n' | b'\r' | b'\t');
            if !white && !(b' '..0x7f).contains(byte) {
                add(found, from.saturating_add(at), most)?;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_sieve_is_hit_in_any_case() {
        for word in [
            "allowed",
            "client with",
            "client\\nwith",
            "403",
            "connectivity",
            "have ",
            "forbidden",
            "originated",
            "cosmos",
            "pg_hba",
            "databricks",
            "clientip",
            "prevented",
            "rejected",
            "firewall",
            "authorized",
            "ipauth",
            "\\u0061",
            "\\x61",
            "\\\\x61",
            "%61",
            "&#61;",
            "#033[",
            "\u{1b}",
            "é",
            "\\101",
        ] {
            let forms = match word.starts_with('\\') {
                true => [word, word, word].map(str::to_owned),
                false => [word.to_owned(), word.to_ascii_uppercase(), capital(word)],
            };
            for word in forms {
                let text = format!("{}{word}\"", "-".repeat(3000));
                let hits = hits(text.as_bytes()).unwrap();
                let count = hits.words.len() + hits.statuses.len() + hits.documents.len();
                assert!(count > 0 && count < 4, "{word}: {hits:?}");
            }
        }
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
        let hits = hits(record.repeat(10).as_bytes()).unwrap();
        assert!(
            hits.words.is_empty() && hits.statuses.is_empty(),
            "{hits:?}"
        );
        assert!(hits.documents.is_empty(), "{hits:?}");
    }

    #[test]
    fn a_text_full_of_hits_is_not_for_this() {
        assert!(hits("have ".repeat(10_000).as_bytes()).is_none());
    }
}
