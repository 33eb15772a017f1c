//! The request that a client names right before the registry's message, and registries behind custom
//! domains, which only such frames give away.

use super::host_reference;
use super::host_reference::Mention;
use crate::intake::extract::text::window;
use regex::Regex;
use std::sync::LazyLock;

/// How far before the message its frame is looked for.
const BEFORE: usize = 1536;

/// Where the host of the URL stands that directly precedes the message at `start`; the message before
/// ends at `floor`.
///
/// `Get "https://HOST/v2/…": denied: {"errors":[{"code":"DENIED","message":"client …`: between URL
/// and message there is nothing but what clients and the registry put there.
pub(in crate::intake::extract) fn url_host(
    text: &str,
    floor: usize,
    start: usize,
) -> Option<(usize, usize)> {
    let before = window::between(text, floor.min(start), start, BEFORE);
    let mut colons = memchr::memrchr_iter(b':', before.as_bytes());
    let address = colons.find_map(|colon| before.get(colon..)?.strip_prefix("://"))?;
    let host_end = address
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
        .unwrap_or(address.len());
    let after_host = address.get(host_end..)?;
    let ends = |(at, c): &(usize, char)| {
        let next = || after_host.get(at.saturating_add(1)..).unwrap_or_default();
        // A list in a query: `scope=repository:app:pull,push`.
        let goes_on = || next().starts_with(|c: char| c.is_ascii_alphanumeric());
        c.is_whitespace()
            || matches!(c, '"' | '\'' | '`' | '<' | '>' | ')' | ']')
            || *c == ',' && !goes_on()
    };
    let url_end = after_host.char_indices().find(ends);
    let url_end = url_end.map_or(after_host.len(), |(at, _)| at);
    let (path, between) = after_host.split_at_checked(url_end)?;
    let host = address.get(..host_end)?;
    // What stands alone on a line above is a setting: `Registry: https://HOST/v1/`.
    let own = host.contains(".azurecr.") && !between.contains('\n');
    if !only_frame_words(between) || (foreign_path(path) && !own) {
        return None;
    }
    let from = start.saturating_sub(address.len());
    Some((from, from.saturating_add(host_end)))
}

/// Whether a path is none of a registry's.
fn foreign_path(path: &str) -> bool {
    let path = path.trim_end_matches([':', '.', '\\']);
    let path = match path.strip_prefix(':') {
        Some(port) => port.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => path,
    };
    let known = ["/v2", "/oauth2", "/acr/v1"];
    !matches!(path, "" | "/") && !known.iter().any(|known| path.starts_with(known))
}

/// Whether a text holds nothing but the words that stand between a URL and the registry's message.
pub(in crate::intake::extract) fn only_frame_words(between: &str) -> bool {
    const WORDS: &[&str] = &[
        "denied",
        "errors",
        "error",
        "code",
        "message",
        "response",
        "unexpected",
        "status",
        "statuscode",
        "forbidden",
        "body",
        "returned",
        "failed",
        "with",
        "http",
        "invalid",
        "from",
        "registry",
        "detail",
        "request",
        "403",
    ];
    between
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .all(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// The host of a custom domain that the line before the message at `start` names as a registry:
/// of the last image or login named there.
pub(in crate::intake::extract) fn named_host(line: &str) -> Option<(usize, usize)> {
    static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(concat!(
            r"(?i)\b(?:(?:image|repository|reference|registry|server|login(?: to)?|pull(?:ing)?|push(?:ing)?(?: to)?|from)",
            r#"[ \t:=]*["'\[`(<]*(?:(?:docker|oci|https?)://)?|(?:docker|oci)://)"#,
            r"((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24})(?::\d{1,5})?(?:$|[^a-z0-9.@-])"
        ))
        .ok()
    });
    let line = window::last(line, BEFORE);
    NAMED
        .as_ref()?
        .captures_iter(line)
        .filter_map(|found| found.get(1))
        .filter(|host| !foreign(host.as_str()))
        .last()
        .map(|host| (host.start(), host.end()))
}

/// Registries and services of others, and what follows a dot without being a domain.
const OTHERS: &[&str] = &[
    "docker.io",
    "docker.com",
    "ghcr.io",
    "github.com",
    "githubusercontent.com",
    "gcr.io",
    "pkg.dev",
    "quay.io",
    "k8s.io",
    "amazonaws.com",
    "public.ecr.aws",
    "gitlab.com",
    "microsoft.com",
    "azure.com",
    "azure.cn",
    "azure.us",
    "azure.net",
    "windows.net",
    "microsoftonline.com",
    "microsoftonline.us",
    "visualstudio.com",
    "aka.ms",
    "nvcr.io",
    "redhat.io",
    "redhat.com",
    "icr.io",
    "ocir.io",
    "googleapis.com",
    "aliyuncs.com",
    "chinacloudapi.cn",
    "usgovcloudapi.net",
    "azk8s.cn",
    "elastic.co",
    "localhost",
    "local",
    "internal",
    "azurecr.io",
    "azurecr.cn",
    "azurecr.us",
    "azurecr.de",
    "go",
    "py",
    "js",
    "sh",
    "yaml",
    "yml",
    "json",
    "log",
    "txt",
    "ps1",
    "exe",
];

/// Whether a host is surely not an Azure container registry of somebody's own.
pub(in crate::intake::extract) fn foreign(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let under = |other: &str| {
        host.strip_suffix(other)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !host.contains('.')
        || host
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
        || OTHERS.iter().any(|other| under(other))
}

/// Every place that names one of these hosts, in order.
pub(in crate::intake::extract) fn mentions_of(text: &str, hosts: &[String]) -> Vec<Mention> {
    let mut found: Vec<Mention> = hosts
        .iter()
        .flat_map(|host| {
            memchr::memmem::find_iter(text.as_bytes(), host.as_bytes())
                .filter(|at| whole(text, *at, host.len()))
                .map(|at| host_reference::custom_domain(text, at, at.saturating_add(host.len())))
                .collect::<Vec<_>>()
        })
        .collect();
    found.sort_by_key(|mention| mention.start);
    found
}

fn whole(text: &str, at: usize, length: usize) -> bool {
    let in_host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let before = text.get(..at).unwrap_or_default();
    let after = text.get(at.saturating_add(length)..).unwrap_or_default();
    !before.ends_with(in_host)
        && !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Option<&str> {
        url_host(text, 0, text.find("client").unwrap()).and_then(|(from, to)| text.get(from..to))
    }

    #[test]
    fn the_request_before_the_message_is_found() {
        for text in [
            "Get \"https://cr.example.com/v2/\": denied: client",
            "Head https://cr.example.com/v2/app/manifests/v1: denied: client",
            "Get \"<https://cr.example.com/v2/>\": denied: client",
            "GET \"https://cr.example.com/v2/a\": response status code 403: denied: client",
            "Get \"https://cr.example.com/v2/\": denied: {\"errors\":[{\"code\":\"DENIED\",\"message\":\"client",
            "unexpected status code 403 from https://cr.example.com/v2/\n  denied: client",
        ] {
            assert_eq!(host(text), Some("cr.example.com"), "{text}");
        }
        assert_eq!(
            host("see https://cr.example.com/docs for what a client"),
            None
        );
        assert_eq!(host("client"), None);
        assert_eq!(host("https://ci.example.com/log?text=denied: client"), None);
    }

    #[test]
    fn custom_domains_are_told_from_other_registries() {
        let named = |line: &'static str| named_host(line).and_then(|(from, to)| line.get(from..to));
        assert_eq!(
            named("Failed to pull image \"cr.example.com/app:v1\": "),
            Some("cr.example.com")
        );
        assert_eq!(
            named("The push refers to repository [cr.example.com/app]"),
            Some("cr.example.com")
        );
        assert_eq!(
            named("docker login cr.example.com -u x"),
            Some("cr.example.com")
        );
        assert_eq!(
            named("initializing source docker://cr.example.com/app:v1: "),
            Some("cr.example.com")
        );
        assert_eq!(named("Failed to pull image \"ghcr.io/a/b:v1\": "), None);
        assert_eq!(
            named("pull node:20-slim from production.cloudfront.docker.com"),
            None
        );
        assert_eq!(named("login by someone@example.com"), None);
    }
}
