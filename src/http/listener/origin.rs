//! Whether a form was sent from doorward's own page.
//!
//! Everything is served with `Referrer-Policy: no-referrer`, because a page's address holds the token.
//! Under that policy a browser sends `Origin: null` with a form, even to the page's own origin (Fetch
//! standard, "append a request `Origin` header"), and nothing could be compared. The page that holds
//! the form therefore sets the policy for itself to `strict-origin`, by a `meta` element: the form
//! then carries its true origin, and what is sent as referrer is that origin too, to nobody more.
//! `null` is never accepted: sandboxed frames and `data:` pages send it as well.

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, Uri};

/// Whether `headers` say that the form comes from a page of `public_url`'s origin.
pub(in crate::http) fn own(headers: &HeaderMap, public_url: &str) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else {
        return false;
    };
    // Not every browser sends this one; where it stands, it must agree.
    let sites = headers.get_all("sec-fetch-site").iter();
    sites.into_iter().all(|site| site == "same-origin")
        && of(public_url).is_some_and(|own| origin.as_bytes() == own.as_bytes())
}

/// The origin of a URL as browsers write it: lower-case, without the scheme's own port.
fn of(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let scheme = url.scheme_str()?;
    let host = url.host()?.to_ascii_lowercase();
    let usual = match scheme {
        "https" => 443,
        _ => 80,
    };
    Some(match url.port_u16() {
        Some(port) if port != usual => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_own(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        own(&headers, "https://Doorward.contoso.com:443/base")
    }

    const OWN: (&str, &str) = ("origin", "https://doorward.contoso.com");

    #[test]
    fn only_the_own_page_is_heard() {
        assert!(is_own(&[OWN]));
        assert!(is_own(&[OWN, ("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn other_pages_and_none_are_not() {
        assert!(!is_own(&[]));
        assert!(!is_own(&[("sec-fetch-site", "same-origin")]));
        assert!(!is_own(&[(
            "referer",
            "https://doorward.contoso.com/requests/x"
        )]));
        for site in ["cross-site", "same-site", "none"] {
            assert!(!is_own(&[OWN, ("sec-fetch-site", site)]), "{site}");
        }
        for origin in [
            "null",
            "https://doorward.contoso.com.evil.example",
            "http://doorward.contoso.com",
            "https://doorward.contoso.com:8443",
            "https://evil.example",
        ] {
            assert!(!is_own(&[("origin", origin)]), "{origin}");
            assert!(!is_own(&[
                ("origin", origin),
                ("sec-fetch-site", "same-origin")
            ]));
        }
    }
}
