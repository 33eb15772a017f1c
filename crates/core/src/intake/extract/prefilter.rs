//! Says cheaply that a text holds nothing of interest, without unescaping or parsing it.

use regex::bytes::Regex;
use std::sync::LazyLock;

/// Whether [`crate::intake::extract::extract`] could find anything in these bytes, raw as they came: escaped, wrapped,
/// JSON or not. A `false` is certain, a `true` is not.
///
/// Escapes that stand for letters would hide the words looked for, so that a text with such is
/// always worth reading; so is one with bytes beyond ASCII.
pub fn may_hold_denial(raw: &[u8]) -> bool {
    !raw.is_ascii()
        || ANYTHING
            .as_ref()
            .is_none_or(|anything| anything.is_match(raw))
}

/// What must stand somewhere, unbroken, in anything that is ever found; the places that look for it
/// hold to these words.
static ANYTHING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // Status 403 in a record or in a client's error, also behind an escape.
    let status = r"(?:^|[^0-9]|\\u00[0-9a-f]{2}|%[0-9a-f]{2}|#01[0-9]|\\x[0-9a-f]{2})403(?:\b|u00)";
    Regex::new(&format!("{OF_WORDS}|{status}")).ok()
});

const OF_WORDS: &str = concat!(
    // The words of a refusal of which a wrap may break one only.
    r"(?i-u)allowed|client(?:[\s\\%&+<*`_=|#w]|$)",
    r"|connectivity|\bhave(?:[^a-z0-9]|u00)",
    // Other services.
    r"|forbidden|originated|cosmos|pg_hba|databricks|clientip|prevented|rejected|firewall|authorized|ipauth",
    // Escapes that may stand for letters, digits or nothing, so that they could hide those words.
    r"|\\u(?:[^0]|0[^0]|00(?:[014567a-f]|3[0-9])|\{)|\\x(?:[014567a-f]|3[0-9])|\\U|\\[bf]|\\[0-3][0-7][0-7]",
    r"|%(?:[014567a-f][0-9a-f]|25|3[0-9])|&#|&[a-z]+;|#03",
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\^\[|\[[0-9;]*m"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_hold_a_denial_is_passed_over() {
        assert!(ANYTHING.is_some());
        for text in [
            r#"{"category":"ContainerRegistryLoginEvents","resultDescription":"200","callerIpAddress":"203.0.113.18","properties":{"userAgent":"docker/24.0 UpstreamClient(Docker-Client/24.0 \\(linux\\))"}}"#,
            "Successfully pulled image in 1.403s",
            "",
        ] {
            assert!(!may_hold_denial(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_may_is_not() {
        for text in [
            "client\\nwith",
            "is not allowed",
            "\"resultDescription\":\"403\"",
            "status:\\n403",
            r"\u0063lient",
            "cli\u{1b}[0ment",
            "403",
        ] {
            assert!(may_hold_denial(text.as_bytes()), "{text}");
        }
    }
}
