//! Puts quoted URLs and images together again that a hard wrap has cut in two.

use crate::intake::work::WorkBudget;
use regex::{Captures, Regex};
use std::borrow::Cow;
use std::sync::LazyLock;

/// The text with wrapped URLs and images in one piece; what else is wrapped stays as it is.
///
/// Quotes show where such a name begins and ends: one with a line end inside and no blank is one
/// name, if what comes of it is a host with a path.
pub(in crate::intake::extract) fn rejoin<'t>(text: &'t str, work: &WorkBudget) -> Cow<'t, str> {
    static WRAPPED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let part = r#"[^\s"'`<>]+"#;
        let wrap = r"[ \t]*[│┃|]?[ \t]*\n[ \t]*(?:[#>|│┃]+[ \t]*)?";
        let wrapped = format!(r#"["'`<]{part}(?:{wrap}{part}){{1,4}}["'`>]"#);
        Regex::new(&wrapped).ok()
    });
    work.charge(text.len());
    let bytes = text.as_bytes();
    if memchr::memchr(b'\n', bytes).is_none()
        || !bytes
            .iter()
            .any(|byte| matches!(byte, b'"' | b'\'' | b'`' | b'<'))
    {
        return Cow::Borrowed(text);
    }
    match WRAPPED.as_ref() {
        Some(wrapped) => wrapped.replace_all(text, whole),
        None => Cow::Borrowed(text),
    }
}

/// The name in one piece, if it is one.
fn whole(found: &Captures<'_>) -> String {
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let name = r#"(?i)^["'`<](?:[a-z]+://)?[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?::\d+)?/[\w./:@?=&%+-]*["'`>]$"#;
        Regex::new(name).ok()
    });
    let wrapped = found.get(0).map_or("", |found| found.as_str());
    let lines = wrapped.lines().enumerate();
    let joined: String = lines
        .map(|(number, line)| {
            let line = line.trim_matches([' ', '\t', '│', '┃', '|']);
            match number {
                0 => line,
                _ => line.trim_start_matches(['#', '>', ' ', '\t', '|', '│', '┃']),
            }
        })
        .collect();
    let is_name = NAME.as_ref().is_some_and(|name| name.is_match(&joined));
    if is_name { joined } else { wrapped.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_names_are_put_together() {
        for (wrapped, whole) in [
            (
                "Get \"https://fabrikam.azure\ncr.io/v2/app/mani\n    fests/v1\": denied",
                "Get \"https://fabrikam.azurecr.io/v2/app/manifests/v1\": denied",
            ),
            (
                "image \"fabrikam.azurecr.io/te │\n│ am/app:v1\": x",
                "image \"fabrikam.azurecr.io/team/app:v1\": x",
            ),
            ("# '\nx", "# '\nx"),
            ("\"a.azurecr.io/x\"\n\"b\"", "\"a.azurecr.io/x\"\n\"b\""),
            ("\"one\ntwo\"", "\"one\ntwo\""),
        ] {
            assert_eq!(
                rejoin(wrapped, &WorkBudget::unlimited()),
                whole,
                "{wrapped}"
            );
        }
    }
}
