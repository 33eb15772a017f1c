//! An https URL that may hold a secret: it shows its host and nothing more.

use crate::sets::sha256;
use std::fmt;

/// The longest that is taken.
const LONGEST: usize = 2048;

/// An https URL. Shown by its host and a fingerprint of the whole, which tells two of one host apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WebUrl {
    whole: String,
    shown: String,
}

/// A text that is no URL to read a list from. It does not repeat the text, which may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebUrlError {
    /// Another scheme, or none.
    #[error("this is not an https URL: plain http would let anybody on the way write the list")]
    NotHttps,
    /// A name or password before the host.
    #[error("this URL has a user name or password before its host, which is not supported")]
    User,
    /// Something that an URL cannot have.
    #[error("this is not a URL")]
    Malformed,
}

impl WebUrl {
    /// Checks an URL.
    pub fn parse(text: &str) -> Result<Self, WebUrlError> {
        let scheme = text.get(..8).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("https://") {
            return Err(WebUrlError::NotHttps);
        }
        let rest = text.get(8..).unwrap_or_default();
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.contains('@') {
            return Err(WebUrlError::User);
        }
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._:[]".contains(letter);
        let printed = text.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || !host.chars().all(plain) || !printed || text.len() > LONGEST {
            return Err(WebUrlError::Malformed);
        }
        let hash = sha256([text]);
        let fingerprint = hash.get(7..15).unwrap_or_default();
        Ok(Self {
            shown: format!("https://{}/… ({fingerprint})", host.to_ascii_lowercase()),
            whole: text.to_owned(),
        })
    }

    /// The whole of it, for the one who asks there. It may hold a secret.
    pub fn whole(&self) -> &str {
        &self.whole
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_its_host_only() {
        let url = WebUrl::parse("https://Lists.contoso.com:8443/secret/a?sig=secret").unwrap();
        let other = WebUrl::parse("https://lists.contoso.com:8443/b").unwrap();
        for text in [format!("{url}"), format!("{url:?}")] {
            assert!(
                text.starts_with("https://lists.contoso.com:8443/…"),
                "{text}"
            );
            assert!(!text.contains("secret"), "{text}");
        }
        assert_ne!(url.to_string(), other.to_string());
        assert_eq!(
            url.whole(),
            "https://Lists.contoso.com:8443/secret/a?sig=secret"
        );
    }

    #[test]
    fn what_is_none_is_refused() {
        for (text, error) in [
            ("http://lists.contoso.com/a", WebUrlError::NotHttps),
            ("file:///etc/passwd", WebUrlError::NotHttps),
            ("", WebUrlError::NotHttps),
            ("https://user:pass@contoso.com/", WebUrlError::User),
            ("https://", WebUrlError::Malformed),
            ("https://?x", WebUrlError::Malformed),
            ("https://contoso.com/a b", WebUrlError::Malformed),
            ("https://conto%2Fso.com/", WebUrlError::Malformed),
        ] {
            assert_eq!(WebUrl::parse(text), Err(error), "{text}");
        }
    }
}
