//! The registry's own sentence, word for word, in a record that is plain, alone or as those print it
//! who pull: found without unescaping, wraps or patterns, and exactly as the thorough way finds it.

use super::candidates;
use super::message::quoted;
use super::record::{Leaf, Named};
use super::registry::requested_image::{reference_name, repository_name};
use super::registry::sibling_fields;
use super::registry::sibling_fields::{Reach, Said, names_image};
use super::registry::{host_reference, name_owner};
use crate::intake::denial::Attribution;
use std::net::{IpAddr, Ipv4Addr};

/// Whom a registry refused, and the image that was pulled, where the text says so.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal<'t> {
    pub ip: IpAddr,
    pub image: Option<Image<'t>>,
}

/// An image by its whole name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Image<'t> {
    pub registry: &'t str,
    pub repository: &'t str,
    pub reference: Option<&'t str>,
}

/// The longest image that is read here.
const IMAGE: usize = 400;

/// The refusal that a text tells of, if it is one of those known word for word and nothing else.
pub(crate) fn refusal(text: &str) -> Option<Refusal<'_>> {
    if let Some(ip) = sentence(text) {
        return Some(Refusal { ip, image: None });
    }
    kubelet(text).or_else(|| container_apps(text))
}

/// `Failed to pull image "…": `, perhaps with the runtime's request, and the sentence.
fn kubelet(text: &str) -> Option<Refusal<'_>> {
    let rest = text.strip_prefix("Failed to pull image \"")?;
    let (name, rest) = rest.split_once("\": ")?;
    let image = image(name)?;
    let rest = without(rest, "rpc error: code = Unknown desc = ");
    let rest = without(rest, "Error response from daemon: ");
    let said = match rest.strip_prefix("Head \"https://") {
        Some(request) => {
            let (url, said) = request.split_once("\": ")?;
            let path = url.strip_prefix(image.registry)?.strip_prefix("/v2/")?;
            let path = path.strip_prefix(image.repository)?;
            let asked = path.strip_prefix("/manifests/")?;
            (Some(asked) == image.reference).then_some(said)?
        }
        None => rest,
    };
    Some(Refusal {
        ip: sentence(said)?,
        image: Some(image),
    })
}

/// What Container Apps log of an image that was not pulled, with the registry's answer in it.
fn container_apps(text: &str) -> Option<Refusal<'_>> {
    let rest = text.strip_prefix("Container '")?;
    let (container, rest) = rest.split_once('\'')?;
    let rest = rest
        .strip_prefix(" was terminated with exit code '' and reason 'ImagePullFailure'. Image ")?;
    let (name, rest) = rest.split_once(' ')?;
    let rest = rest.strip_prefix(
        "not found in registry. ErrorMessage=Image not found or access denied. Error: {\"errors\":[{\"code\":\"DENIED\",\"message\":\"",
    )?;
    let (said, rest) = rest.split_once("\"}]}\n, GenevaTraceId=")?;
    let trace = rest.strip_suffix('.')?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_plain = |name: &str| name.len() <= 64 && name.bytes().all(plain) && is_silent(name);
    if !is_plain(container) || !is_plain(trace) {
        return None;
    }
    let image = Some(image(name)?);
    let ip = sentence(said)?;
    Some(Refusal { ip, image })
}

fn without<'t>(text: &'t str, before: &str) -> &'t str {
    text.strip_prefix(before).unwrap_or(text)
}

/// An image of a registry, if its name is whole and has no word in it that means anything elsewhere.
fn image(name: &str) -> Option<Image<'_>> {
    if name.len() > IMAGE || !is_silent(name) || name.to_ascii_lowercase().contains("import") {
        return None;
    }
    let (registry, path) = name.split_once('/')?;
    let (path, digest) = match path.split_once('@') {
        Some((path, digest)) => (path, Some(digest)),
        None => (path, None),
    };
    let (repository, tag) = match path.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (path, None),
    };
    // A path of the registry's own interface names no image.
    if ["v2/", "oauth2/", "acr/"]
        .iter()
        .any(|api| path.starts_with(api))
    {
        return None;
    }
    let is_digest = |digest: &str| digest.contains(':') && reference_name(digest).is_some();
    let is_tag = |tag: &str| !tag.ends_with(['.', '-', '_']) && reference_name(tag).is_some();
    let whole = host_reference::is_login_server(registry)
        && repository_name(repository).is_some()
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    whole.then_some(Image {
        registry,
        repository,
        reference: digest.or(tag),
    })
}

/// Whether nothing is hit in a text.
fn is_silent(text: &str) -> bool {
    candidates::hits(text.as_bytes()).is_some_and(|found| found.places.is_empty())
}

/// Whether a text is an id as services print it.
fn is_guid(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

/// The address that a text refuses, if the text is ACR's sentence as documented, with or without the id
/// that newer answers end with, and nothing else
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access>).
fn sentence(text: &str) -> Option<IpAddr> {
    let said = text.strip_prefix("denied: ").unwrap_or(text);
    let rest = said.strip_prefix("client with IP '")?;
    let (address, rest) = rest.split_once('\'')?;
    let rest = rest.strip_prefix(" is not allowed access")?;
    let rest = match rest.split_once(" CorrelationId: ") {
        Some((rest, id)) if is_guid(id) => rest,
        Some(_) | None => rest,
    };
    let ends = matches!(
        rest,
        "" | "."
            | ". Refer https://aka.ms/acr/firewall to grant access."
            | ", refer https://aka.ms/acr/firewall to grant access"
    );
    let address: Ipv4Addr = address.parse().ok().filter(|_| ends)?;
    Some(IpAddr::V4(address))
}

/// Names that are more than a plain login server have to be read thoroughly.
pub(crate) struct NotPlain;

/// The registry that the nearest level around a sentence in the field `said` names, and how surely; `None`
/// if it names several, or no level names any.
pub(crate) fn registry_beside<'v>(
    said: &Named<'_>,
    levels: &[&[&'v [Named<'v>]]],
) -> Result<Option<(&'v str, Attribution)>, NotPlain> {
    for (depth, level) in levels.iter().enumerate() {
        let others = || {
            level
                .iter()
                .copied()
                .flatten()
                .filter(|beside| beside.from != said.from)
        };
        let shipped = others().any(|beside| name_owner::is_shippers(beside.name));
        let line = Said {
            is_line: name_owner::is_line(said.name),
            reach: match (depth, shipped) {
                (0, true) => Reach::Shipped,
                (0, false) => Reach::ShadowPolicy,
                _ => Reach::Away,
            },
            of_items: false,
        };
        let mut named: Vec<(&str, Attribution)> = Vec::new();
        for (part, fields) in level.iter().enumerate() {
            for beside in fields.iter().filter(|beside| beside.from != said.from) {
                let (host, grade) = (
                    registry_of(beside)?,
                    sibling_fields::grade(beside.name, part == 0, line),
                );
                named.extend(host.zip(grade));
            }
        }
        let stated = named.iter().any(|(_, grade)| *grade == Attribution::Stated);
        named.retain(|(_, grade)| !stated || *grade == Attribution::Stated);
        if let Some((host, grade)) = named.first().copied() {
            let single = named.iter().all(|(other, _)| *other == host);
            return Ok(single.then_some((host, grade)));
        }
    }
    Ok(None)
}

/// The registry that a value names, if it does no more than that.
fn registry_of<'v>(named: &'v Named<'v>) -> Result<Option<&'v str>, NotPlain> {
    let Leaf::Said(text) = &named.value else {
        return Ok(None);
    };
    if quoted::is_query_name(named.name) {
        return Ok(None);
    }
    if host_reference::is_login_server(text) {
        return Ok(Some(text));
    }
    let mut places = memchr::memchr2_iter(b'z', b'Z', text.as_bytes());
    let speaks = places.any(|at| {
        let from = at.saturating_sub(1);
        let found = text.as_bytes().get(from..from.saturating_add(7));
        found.is_some_and(|found| found.eq_ignore_ascii_case(b"azurecr"))
    });
    if speaks || names_image(named.name) {
        return Err(NotPlain);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::work::WorkBudget;
    use proptest::prelude::*;
    use proptest::sample::select;

    #[test]
    fn the_sentence_is_known_as_documented_only() {
        let ip = "20.1.2.3".parse().ok();
        for text in [
            "denied: client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
            "client with IP '20.1.2.3' is not allowed access.",
            "client with IP '20.1.2.3' is not allowed access",
            "client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access. CorrelationId: 0f8fad5b-d9cb-469f-a165-70867728950e",
        ] {
            assert_eq!(sentence(text), ip);
            let found = crate::intake::extract::extract(text);
            assert_eq!(
                found.iter().map(|denial| denial.ip).collect::<Vec<_>>(),
                [ip]
            );
        }
        for text in [
            "client with IP '20.1.2.03' is not allowed access",
            "client with IP '20.1.2.3' is not allowed access to it",
            "client with IP ' 20.1.2.3' is not allowed access",
            " client with IP '20.1.2.3' is not allowed access",
            "client with IP '20.1.2.3' is not allowed access. CorrelationId: fabrikam.azurecr.io",
            "client with IP '20.1.2.3' is not allowed access. CorrelationId: 0f8fad5b-d9cb-469f-a165-70867728950",
            "",
        ] {
            assert_eq!(sentence(text), None, "{text}");
        }
    }

    /// Names of images, and others that are none or that hide something.
    fn names() -> impl Strategy<Value = String> {
        let host = select(vec![
            "fabrikam.azurecr.io",
            "fabrikam.azurecr.io",
            "contoso.azurecr.cn",
            "FABRIKAM.azurecr.io",
            "cr.example.com",
            "fabrikam.westeurope.data.azurecr.io",
            "ghcr.io",
        ]);
        let path = select(vec![
            "/app",
            "/team/app",
            "/team/app-x__y.z",
            "/acr-import/app",
            "/v2/app/manifests/v1",
            "/success",
            "/login",
            "/a..b",
            "/App",
            "/ipauthorizationerror",
            "/source",
            "",
        ]);
        let reference = select(vec![
            "",
            ":v1",
            ":403",
            ":v1.403",
            ":V1_x-2.3",
            ":v1.",
            ":ImportImage",
            "@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
            ":v1@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
            "@sha256:4f53",
            ":$TAG",
        ]);
        (host, path, reference)
            .prop_map(|(host, path, reference)| format!("{host}{path}{reference}"))
    }

    /// The address, registry, repository and reference.
    type Told = (
        Option<IpAddr>,
        Option<String>,
        Option<String>,
        Option<String>,
    );

    fn told(text: &str) -> Option<Told> {
        let Refusal { ip, image } = refusal(text)?;
        let owned = |text: &str| text.to_owned();
        Some((
            Some(ip),
            image.map(|image| owned(image.registry)),
            image.map(|image| owned(image.repository)),
            image.and_then(|image| image.reference).map(owned),
        ))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn a_pull_is_read_as_the_thorough_way_reads_it(name in names(), other in names(), way in 0..6_u8, url in 0..4_u8, end in select(vec![
            "", ".", ". Refer https://aka.ms/acr/firewall to grant access.", ", refer https://aka.ms/acr/firewall to grant access", " to it", "\n",
            ". Refer https://aka.ms/acr/firewall to grant access. CorrelationId: 0f8fad5b-d9cb-4403-a165-708677289403", ". CorrelationId: 1",
        ])) {
            let said = format!("client with IP '20.1.2.3' is not allowed access{end}");
            let asked = |name: &str| {
                let (host, path) = name.split_once('/').unwrap_or((name, ""));
                let at = path.find([':', '@']).unwrap_or(path.len());
                format!("Head \"https://{host}/v2/{}/manifests/{}\": ", &path[..at], path.get(at + 1..).unwrap_or_default())
            };
            let request = match url {
                0 => asked(&name),
                1 => asked(&other),
                _ => String::new(),
            };
            let text = match way {
                0 | 1 => format!("Failed to pull image \"{name}\": {request}denied: {said}"),
                2 => format!("Failed to pull image \"{name}\": rpc error: code = Unknown desc = Error response from daemon: {request}denied: {said}"),
                3 => format!("Failed to pull image \"{name}\": rpc error: code = Unknown desc = {request}{said}"),
                _ => format!("Container 'app' was terminated with exit code '' and reason 'ImagePullFailure'. Image {name} not found in registry. ErrorMessage=Image not found or access denied. Error: {{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"{said}\"}}]}}\n, GenevaTraceId=4f53cda18c2baa0c."),
            };
            if let Some(told) = told(&text) {
                let thorough: Vec<_> = crate::intake::extract::thoroughly(&text, &WorkBudget::unlimited()).into_iter().map(|found| found.denial)
                    .map(|denial| (denial.ip, denial.registry, denial.repository, denial.reference)).collect();
                prop_assert_eq!(vec![told], thorough, "{}", text);
                prop_assert!(!crate::intake::extract::speaks_of_import(&text));
            }
        }
    }

    #[test]
    fn pulls_are_known_as_they_are_logged() {
        let tag = "fabrikam.azurecr.io/team/app:v1";
        let said = "denied: client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.";
        for text in [
            format!("Failed to pull image \"{tag}\": {said}"),
            format!(
                "Failed to pull image \"{tag}\": rpc error: code = Unknown desc = Error response from daemon: Head \"https://fabrikam.azurecr.io/v2/team/app/manifests/v1\": {said}"
            ),
            format!(
                "Container 'api' was terminated with exit code '' and reason 'ImagePullFailure'. Image {tag} not found in registry. ErrorMessage=Image not found or access denied. Error: {{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"client with IP '20.1.2.3' is not allowed access, refer https://aka.ms/acr/firewall to grant access\"}}]}}\n, GenevaTraceId=0123abcd."
            ),
        ] {
            let image = Image {
                registry: "fabrikam.azurecr.io",
                repository: "team/app",
                reference: Some("v1"),
            };
            let found = refusal(&text).and_then(|refusal| refusal.image);
            assert_eq!(found, Some(image), "{text}");
        }
    }
}
