//! What is asked of a registry: the repository and reference in a request's path or an image's name.

use super::mention::PATH;
use super::window;
use regex::Regex;
use std::sync::LazyLock;

/// What a request's path asks for: the distribution API, the token endpoints, ACR's own API.
pub(super) fn asked_by_url(path: &str) -> (Option<String>, Option<String>) {
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
pub(super) fn image(rest: &str) -> (Option<String>, Option<String>) {
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

/// A repository's name, if it is one (the distribution specification's grammar).
pub(in crate::domain) fn repository_name(name: &str) -> Option<String> {
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$",
        )
        .ok()
    });
    let valid = name.len() <= 256 && NAME.as_ref().is_some_and(|valid| valid.is_match(name));
    valid.then(|| name.to_owned())
}

/// A tag or digest, if it is one. A shortened digest is none.
pub(in crate::domain) fn reference_name(reference: &str) -> Option<String> {
    static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|[A-Za-z0-9_][A-Za-z0-9._-]{0,127})$",
        )
        .ok()
    });
    REFERENCE
        .as_ref()
        .is_some_and(|valid| valid.is_match(reference))
        .then(|| reference.to_owned())
}
