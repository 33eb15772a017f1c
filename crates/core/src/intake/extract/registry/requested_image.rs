//! What is asked of a registry: the repository and reference in a request's path or an image's name.

use super::host_reference::PATH;
use crate::intake::extract::text::window;

/// What a request's path asks for: the distribution API, the token endpoints, ACR's own API.
pub(in crate::intake::extract) fn asked_by_url(path: &str) -> (Option<String>, Option<String>) {
    let (plain, query) = path.split_once('?').unwrap_or((path, ""));
    if let Some(scope) = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("scope=repository:"))
    {
        let repository = scope.split(':').next().unwrap_or_default();
        return (repository_name(repository), None);
    }
    if let Some(api) = plain.strip_prefix("/acr/v1/") {
        for kind in ["/_tags/", "/_manifests/", "/_tags", "/_manifests"] {
            if let Some((repository, reference)) = api.split_once(kind) {
                return (repository_name(repository), reference_name(reference));
            }
        }
        return (None, None);
    }
    let Some(api) = plain.strip_prefix("/v2/") else {
        return (None, None);
    };
    for kind in ["/manifests/", "/referrers/"] {
        if let Some((repository, reference)) = api.split_once(kind) {
            return (repository_name(repository), reference_name(reference));
        }
    }
    for kind in ["/blobs/", "/tags/list", "/uploads/"] {
        if let Some((repository, _)) = api.split_once(kind) {
            return (repository_name(repository), None);
        }
    }
    (None, None)
}

/// The repository and reference of an image whose registry has been read: `team/app:v1`,
/// `app@sha256:…`. A name that is cut or masked is no name.
pub(in crate::intake::extract) fn image(rest: &str) -> (Option<String>, Option<String>) {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    let window = window::first(rest, PATH);
    let name_end = window.find(|c| !in_name(c)).unwrap_or(window.len());
    let (name, after) = window.split_at_checked(name_end).unwrap_or_default();
    if masked_next(after) || name.ends_with("..") {
        return (None, None);
    }
    let repository = repository_name(name.trim_end_matches(['.', '-', '_', '/']));
    if repository.is_none() {
        return (None, None);
    }
    let (tag, after) = match after.strip_prefix(':') {
        Some(after) => {
            let end = after
                .find(|c| !in_name(c) || c == '/')
                .unwrap_or(after.len());
            let (tag, after) = after.split_at_checked(end).unwrap_or_default();
            let whole = !masked_next(after) && !tag.ends_with("..");
            (
                reference_name(tag.trim_end_matches('.')).filter(|_| whole),
                after,
            )
        }
        None => (None, after),
    };
    let digest = after.strip_prefix('@').and_then(|digest| {
        let end = digest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == ':'))
            .unwrap_or(digest.len());
        digest.get(..end).and_then(reference_name)
    });
    (repository, digest.or(tag))
}

fn masked_next(after: &str) -> bool {
    after.starts_with(['*', '<', '{', '$', '…', '%', '(', '['])
}

/// A repository's name, if it is one (the distribution specification's grammar): parts of letters
/// and digits, between which stand a dot, one or two underscores, or hyphens, and slashes.
pub(crate) fn repository_name(name: &str) -> Option<String> {
    let part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let mut gap = "";
        let mut rest = part;
        while !rest.is_empty() {
            let next = rest.trim_start_matches(|c: char| u8::try_from(c).is_ok_and(plain));
            if next.len() == rest.len() {
                return false;
            }
            let after = next.trim_start_matches(['.', '_', '-']);
            let length = next.len().saturating_sub(after.len());
            gap = next.get(..length).unwrap_or_default();
            let one = matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|byte| byte == b'-');
            if !one || (gap.is_empty() && !after.is_empty()) {
                return false;
            }
            rest = after;
        }
        !part.is_empty() && gap.is_empty()
    };
    (name.len() <= 256 && name.split('/').all(part)).then(|| name.to_owned())
}

/// A tag or digest, if it is one. A shortened digest is none.
pub(crate) fn reference_name(reference: &str) -> Option<String> {
    let digest = |prefix: &str, length: usize| {
        reference.strip_prefix(prefix).is_some_and(|digits| {
            digits.len() == length
                && digits
                    .bytes()
                    .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let mut bytes = reference.bytes();
    let begins = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let tag = reference.len() <= 128
        && bytes.next().is_some_and(begins)
        && bytes.all(|byte| begins(byte) || matches!(byte, b'.' | b'-'));
    (tag || digest("sha256:", 64) || digest("sha512:", 128)).then(|| reference.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;

    proptest! {
        #[test]
        fn names_keep_to_the_grammar(name in "[a-z0-9._/-]{0,12}|[a-c0._-]{1,8}(/[a-c0._-]{1,8}){0,2}|.{0,6}", reference in "(sha256:)?[0-9a-f]{64}|sha512:[0-9a-f]{128}|[A-Za-z0-9_.:-]{0,12}|[a-z]{126,130}|.{0,4}") {
            let repository = Regex::new(r"^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$").unwrap();
            prop_assert_eq!(repository_name(&name).is_some(), repository.is_match(&name));
            let tag = Regex::new(r"^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|[A-Za-z0-9_][A-Za-z0-9._-]{0,127})$").unwrap();
            prop_assert_eq!(reference_name(&reference).is_some(), tag.is_match(&reference));
        }
    }
}
