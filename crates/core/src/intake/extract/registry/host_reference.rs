//! Where a text names a registry: a URL, an image, a bare login server; and what it asks of it.

use super::name_owner;
use super::requested_image::{asked_by_url, image};
use crate::intake::extract::text::window;
use regex::Regex;
use std::sync::LazyLock;

/// One place that names a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::intake::extract) struct Mention {
    /// Where it begins in the text.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The login server, lower-case; `None` if its name is masked.
    pub registry: Option<String>,
    /// The repository, where the place names one.
    pub repository: Option<String>,
    /// The tag or digest, where the place names one.
    pub reference: Option<String>,
    /// Whether it is a request's URL rather than an image or a name.
    pub url: bool,
    /// Whether it is a data endpoint, which answers 403 to anybody without a signature.
    pub data: bool,
}

/// How long a host and a path may be (RFC 1123, and ACR's limits with room to spare).
const HOST: usize = 120;
pub(in crate::intake::extract) const PATH: usize = 1024;

/// All places of a cleaned text that name a registry by its own domain, in order.
pub(in crate::intake::extract) fn all(text: &str) -> Vec<Mention> {
    static SUFFIX: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)\.azurecr\.(?:io|cn|us|de)").ok());
    let Some(suffix) = SUFFIX.as_ref() else {
        return Vec::new();
    };
    suffix
        .find_iter(text)
        .filter_map(|found| own_domain(text, found.start(), found.end()))
        .collect()
}

/// Whether a text is a registry's login server and nothing else, plainly: `contosoprod.azurecr.io`.
/// Then [`all`] finds it there, and that only.
pub(in crate::intake::extract) fn is_login_server(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('.') else {
        return false;
    };
    matches!(
        domain,
        "azurecr.io" | "azurecr.cn" | "azurecr.us" | "azurecr.de"
    ) && (1..=HOST).contains(&name.len())
        && name != "privatelink"
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn own_domain(text: &str, dot: usize, end: usize) -> Option<Mention> {
    let rest = text.get(end..)?;
    let mut following = rest.chars();
    match following.next() {
        Some(c) if c.is_ascii_alphanumeric() || c == '-' || c == '_' => return None,
        Some('.') if following.next().is_some_and(|c| c.is_ascii_alphanumeric()) => return None,
        _ => {}
    }
    let before = window::between(text, 0, dot, HOST);
    let labels_at = before
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'))
        .map_or(0, |at| before.ceil_char_boundary(at.saturating_add(1)));
    let (lead, labels) = before.split_at_checked(labels_at)?;
    let suffix = text.get(dot..end)?;
    let masked = masked_before(lead);
    let (registry, data) = if masked {
        (None, false)
    } else {
        login_server(labels, suffix)
    };
    let start = dot.saturating_sub(labels.len());
    if is_userinfo(rest) || inside_url(text, start) || name_owner::names_logger(text, (start, end))
    {
        return None;
    }
    Some(with_path(text, (start, end), registry, data))
}

/// What ends a URL or a name in running text.
fn ends_name(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '"' | '\''
                | '`'
                | '<'
                | '>'
                | '('
                | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | '|'
                | '\\'
                | ','
                | ';'
        )
}

/// Whether what stands before `rest` is no host, but the user or password in a URL of another host:
/// `https://contosoprod.azurecr.io:443@registry.example.net/`.
fn is_userinfo(rest: &str) -> bool {
    let window = window::first(rest, PATH);
    let end = window.find(|c| ends_name(c) || matches!(c, '/' | '?' | '#'));
    let authority = end.and_then(|end| window.get(..end)).unwrap_or(window);
    authority.contains('@')
}

/// Whether a name at `start` stands in the path or query of another host's URL.
fn inside_url(text: &str, start: usize) -> bool {
    let before = window::between(text, 0, start, PATH);
    // In a query such signs part values, not names.
    let parts = |c: char| ends_name(c) && !matches!(c, ',' | ';' | '|');
    let token = before
        .rfind(parts)
        .and_then(|at| before.get(at..))
        .unwrap_or(before);
    let after = token.rsplit_once("://").map(|(_, after)| after);
    after.is_some_and(|after| after.contains(['/', '?', '#'])) || after_backslash(before)
}

/// Whether `before` ends with another host's URL and a backslash, which browsers read as a slash (WHATWG URL).
fn after_backslash(before: &str) -> bool {
    let host = before.trim_end_matches('\\');
    let token = host.rsplit(ends_name).next().unwrap_or_default();
    let after = token.rsplit_once("://").map(|(_, after)| after);
    host.len() < before.len() && after.is_some_and(|after| !after.is_empty())
}

/// Whether the part of a name that stands before it is masked or a placeholder.
fn masked_before(lead: &str) -> bool {
    const NO_PLACEHOLDERS: &[&str] = &[
        "->", "=>", " >", ">>", "<br>", "<br/>", "<br />", "<b>", "<i>", "<p>", "<em>", "<li>",
        "<td>", "<pre>", "<code>", "<span>", "<strong>", "\">",
    ];
    let shows = NO_PLACEHOLDERS.iter().any(|end| lead.ends_with(end)) || lead == ">";
    !shows && lead.ends_with(['*', '>', '}', ')', ']', '$', '%', '_', '…'])
}

/// The login server that a host belongs to, and whether the host is its data endpoint:
/// `REG.REGION.data.azurecr.io` and `REG.REGION.geo.azurecr.io` belong to `REG.azurecr.io`.
fn login_server(labels: &str, suffix: &str) -> (Option<String>, bool) {
    let labels = labels.to_ascii_lowercase();
    let mut parts = labels.split('.');
    let name = parts.next().unwrap_or_default();
    let further: Vec<&str> = parts.collect();
    let data = matches!(further.as_slice(), [_, "data"]);
    let known = matches!(
        further.as_slice(),
        [] | [_, "data" | "geo"] | ["privatelink"] | [_, _, "privatelink"]
    );
    let valid = known
        && name != "privatelink"
        && !name.is_empty()
        && !name.starts_with('-')
        && !name.ends_with('-');
    let registry = valid.then(|| format!("{name}{}", suffix.to_ascii_lowercase()));
    (registry, data)
}

/// Any host with what follows it: for registries behind a custom domain.
pub(in crate::intake::extract) fn custom_domain(text: &str, start: usize, end: usize) -> Mention {
    let host = text.get(start..end).unwrap_or_default();
    with_path(text, (start, end), Some(host.to_ascii_lowercase()), false)
}

fn with_path(
    text: &str,
    (start, end): (usize, usize),
    registry: Option<String>,
    data: bool,
) -> Mention {
    let scheme = window::between(text, 0, start, 8).to_ascii_lowercase();
    let rest = text.get(end..).unwrap_or_default();
    let rest = port(rest).unwrap_or(rest);
    let path = path(rest);
    let api = ["/v2/", "/oauth2/", "/acr/v1/"]
        .iter()
        .any(|api| path.starts_with(api));
    let url = scheme.ends_with("https://") || scheme.ends_with("http://") || api;
    let (repository, reference) = match () {
        () if data => (None, None),
        () if url => asked_by_url(path),
        () => image(rest.strip_prefix('/').unwrap_or_default()),
    };
    let path_end = text
        .len()
        .saturating_sub(rest.len())
        .saturating_add(path.len());
    Mention {
        start,
        end: path_end,
        registry,
        repository,
        reference,
        url,
        data,
    }
}

fn port(rest: &str) -> Option<&str> {
    let after = rest.strip_prefix(':')?;
    let path = after.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = after.len().saturating_sub(path.len());
    ((1..=5).contains(&digits) && path.starts_with('/')).then_some(path)
}

/// The path and query that follow a host, up to a blank, a quote or a bracket.
fn path(rest: &str) -> &str {
    if !rest.starts_with('/') {
        return "";
    }
    let window = window::first(rest, PATH);
    let path = window
        .find(ends_name)
        .and_then(|end| window.get(..end))
        .unwrap_or(window);
    path.trim_end_matches([':', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn only(text: &str) -> Mention {
        let mut found = all(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found.remove(0)
    }

    #[track_caller]
    fn names(text: &str, registry: &str, repository: Option<&str>, reference: Option<&str>) {
        let found = only(text);
        let said = (
            found.registry.as_deref(),
            found.repository.as_deref(),
            found.reference.as_deref(),
        );
        assert_eq!(said, (Some(registry), repository, reference), "{text}");
    }

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn images_are_read() {
        let r = "fabrikam.azurecr.io";
        for (text, repository, reference) in [
            (
                "image \"fabrikam.azurecr.io/team/app:v1\":",
                Some("team/app"),
                Some("v1"),
            ),
            ("image fabrikam.azurecr.io/app:v1.", Some("app"), Some("v1")),
            ("[fabrikam.azurecr.io/app]", Some("app"), None),
            (
                "oci://fabrikam.azurecr.io/charts/app",
                Some("charts/app"),
                None,
            ),
            ("[app](https://fabrikam.azurecr.io/)", None, None),
        ] {
            names(text, r, repository, reference);
        }
        let digest = format!("fabrikam.azurecr.io/app@{DIGEST}");
        names(&digest, r, Some("app"), Some(DIGEST));
        let both = format!("fabrikam.azurecr.io/app:v1@{DIGEST}");
        names(&both, r, Some("app"), Some(DIGEST));
        let hashed = "fabrikam-abc123.azurecr.us";
        names(hashed, hashed, None, None);
        names(
            "login to fabrikam.azurecr.cn.",
            "fabrikam.azurecr.cn",
            None,
            None,
        );
    }

    #[test]
    fn requests_are_read() {
        for (text, repository, reference) in [
            (
                "Get https://fabrikam.azurecr.io/v2/app/manifests/v1: denied",
                Some("app"),
                Some("v1"),
            ),
            (
                "Get \"https://fabrikam.azurecr.io/v2/\": denied",
                None,
                None,
            ),
            (
                "Get \"fabrikam.azurecr.io/v2/a/b/tags/list\"",
                Some("a/b"),
                None,
            ),
            (
                "https://FABRIKAM.azurecr.io:443/v2/app/blobs/sha256:00",
                Some("app"),
                None,
            ),
            (
                "https://fabrikam.azurecr.io/oauth2/token?scope=repository:a/b:pull&service=x",
                Some("a/b"),
                None,
            ),
            (
                "https://fabrikam.azurecr.io/acr/v1/app/_tags/v1?x=1",
                Some("app"),
                Some("v1"),
            ),
        ] {
            names(text, "fabrikam.azurecr.io", repository, reference);
        }
    }

    #[test]
    fn endpoints_belong_to_their_login_server() {
        let data = only("https://fabrikam.northeurope.data.azurecr.io/x/y?sig=z");
        assert_eq!(data.registry.as_deref(), Some("fabrikam.azurecr.io"));
        assert!(data.data && data.repository.is_none());
        names(
            "fabrikam.northeurope.geo.azurecr.io/app:v1",
            "fabrikam.azurecr.io",
            Some("app"),
            Some("v1"),
        );
    }

    #[test]
    fn masks_name_nothing() {
        for text in [
            "https://***.azurecr.io/v2/",
            "https://.azurecr.io/v2/",
            "<name>.azurecr.io",
            "{r}.azurecr.io",
            "$ACR.azurecr.io",
            "MY_ACR.azurecr.io",
            "****rod.azurecr.io",
            "privatelink.azurecr.io",
            "….azurecr.io",
        ] {
            assert_eq!(only(text).registry, None, "{text}");
        }
        for text in [
            "fabrikam.azurecr.io/***:v1",
            "fabrikam.azurecr.io/<image>:v1",
            "fabrikam.azurecr.io/app-${X}:v1",
            "fabrikam.azurecr.io/...",
        ] {
            assert_eq!(only(text).repository, None, "{text}");
        }
        for text in [
            "fabrikam.azurecr.io/app:***",
            "fabrikam.azurecr.io/app:v$X",
            "fabrikam.azurecr.io/app:...",
            "fabrikam.azurecr.io/app@sha256:0123abcd ...",
        ] {
            names(text, "fabrikam.azurecr.io", Some("app"), None);
        }
        assert!(all("https://evil.example\\fabrikam.azurecr.io/v2/").is_empty());
        assert_eq!(all("C:\\fabrikam.azurecr.io").len(), 1);
        assert!(all("fabrikam.azurecr.io.evil.example azurecr.iot fabrikamazurecr.io").is_empty());
    }
}
