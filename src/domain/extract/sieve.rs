//! Says cheaply that a text holds nothing of interest, without unescaping or parsing it.

use regex::bytes::Regex;
use std::sync::LazyLock;

/// Whether [`super::extract`] could find anything in these bytes, raw as they came: escaped, wrapped,
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

static ANYTHING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        // The words of a refusal that a wrap may not break.
        r"(?i-u)allowed|client(?:[\s\\%&+<*`_=|#│]|$)|",
        // Status 403 in a record or in a client's error.
        r"\b403\b|connectivity_|have[^a-z]{1,8}access|",
        // Other services.
        r"forbiddenby|request[^a-z]|blocked[^a-z]|pg_hba|source[^a-z]|clientip|[^a-z]ip[^a-z]|ip-addr|access[^a-z]|this[^a-z]|ipauth|",
        // Escapes that may stand for letters or for nothing.
        r"\\u[^0]|\\u0[^0]|\\u00[014567a-f]|\\u\{|\\x[014567]|\\U|\\[0-3][0-7][0-7]|%[4567][0-9a-f]|%25|&#|&amp;|&[a-z]+;|#0[13]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\^\[|\[[0-9;]*m"
    ))
    .ok()
});
