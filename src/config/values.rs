//! The single values of a configuration: secrets by reference, host names, URLs.

use super::{Secret, SecretRef};
use doorward_core::yaml::Item;
use doorward_core::yaml::problem::Sink;
use reqwest::Url;
use std::path::{Path, PathBuf};

/// `{ env: NAME }` or `{ file: PATH }`. Anything else may be the secret itself, and is not shown.
pub(super) fn secret(item: &Item<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<Secret> {
    let reference = reference(item, folder, sink);
    if reference.is_none() {
        item.hide(sink);
    }
    Some(Secret {
        from: reference?,
        file: sink.file().to_owned(),
        place: item.place().clone(),
        field: item.path.clone(),
    })
}

fn reference(item: &Item<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<SecretRef> {
    let help = "write `{ env: NAME }` or `{ file: PATH }`";
    let known = |(name, _): &(&str, Item<'_>)| matches!(*name, "env" | "file");
    if !item.is_mapping() || !item.pairs().iter().all(known) {
        item.error("a secret is named here, never written", help, sink);
        return None;
    }
    let mut fields = item.fields(sink)?;
    let (env, file) = (fields.take("env"), fields.take("file"));
    match (env, file) {
        (Some(env), None) => {
            let name = env.text(sink)?;
            let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            if name.chars().all(plain) {
                return Some(SecretRef::Env(name.to_owned()));
            }
            let help = "write the variable's name, not its value";
            env.error(
                "this is not the name of an environment variable",
                help,
                sink,
            );
            None
        }
        (None, Some(file)) => Some(SecretRef::File(folder.join(file.text(sink)?))),
        (Some(_), Some(_)) => {
            item.error(
                "a secret is in a variable or in a file, not in both",
                help,
                sink,
            );
            None
        }
        (None, None) => {
            item.error("this does not say where the secret is", help, sink);
            None
        }
    }
}

/// A path, relative to the configuration's folder.
pub(super) fn path(item: &Item<'_>, folder: &Path, sink: &mut Sink<'_>) -> Option<PathBuf> {
    Some(folder.join(item.text(sink)?))
}

/// A host name without anything around it, lower-case.
pub(super) fn host(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?.to_ascii_lowercase();
    let label = |label: &str| {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        !label.is_empty() && label.len() <= 63 && label.chars().all(plain)
    };
    if text.len() <= 253 && text.contains('.') && text.split('.').all(label) {
        return Some(text);
    }
    let help = "write the host alone, such as `contosoprod.azurecr.io` or `cr.contoso.com`";
    item.error(format!("`{text}` is not a host name"), help, sink);
    None
}

/// A name that can stand in a URL's path and in a log.
pub(super) fn name(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if text.len() <= 64 && text.chars().all(plain) {
        return Some(text.to_owned());
    }
    let help = "use at most 64 letters, digits, `-` and `_`";
    item.error(format!("`{text}` is no name"), help, sink);
    None
}

/// `public_url`: where people reach us, without a slash at the end.
pub(super) fn public_url(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?;
    let help = "write it as `https://doorward.contoso.com`";
    let url = Url::parse(text).ok().filter(|url| {
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        let bare = url.query().is_none() && url.fragment().is_none();
        web && bare && url.username().is_empty() && url.password().is_none()
    });
    let Some(url) = url else {
        item.error(
            "this is not an http or https URL without query, fragment or password",
            help,
            sink,
        );
        return None;
    };
    if url.scheme() == "http" && !is_loopback(&url) {
        let what = "approval links would go over the network in clear text";
        item.warn(
            what,
            "put TLS in front of `listen`, and write `https://`",
            sink,
        );
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

/// Hides every URL that may carry a password, as a part of it or in its query, wherever it stands.
pub(super) fn hide_urls_with_passwords(item: &Item<'_>, sink: &mut Sink<'_>) {
    item.each_scalar(&mut |text, scalar| {
        if text.contains("://") && text.contains(['@', '?', '#']) {
            scalar.hide(sink);
        }
    });
}
