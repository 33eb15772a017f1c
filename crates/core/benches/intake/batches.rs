//! Batches of a registry's diagnostic records, as Azure Monitor exports them.

use crate::MEGABYTE;

/// What a record of a batch tells.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Status 200.
    Answered,
    /// Status 403, without the firewall's message: as Azure exports it.
    Row,
    /// Status 403, with the message.
    Message,
}

/// A batch in which each of so many records is of a kind, and how many records it has.
pub(crate) fn body(kind: Kind, every: usize) -> (String, usize) {
    let mut body = String::from("{\"records\":[");
    let mut number: usize = 0;
    while body.len() < MEGABYTE {
        if number > 0 {
            body.push(',');
        }
        let kind = if number.is_multiple_of(every) {
            kind
        } else {
            Kind::Answered
        };
        body.push_str(&record(number, kind));
        number += 1;
    }
    body.push_str("]}");
    (body, number)
}

/// A record as Azure Monitor exports it, with a user agent as Docker sends it.
fn record(number: usize, kind: Kind) -> String {
    let (status, message) = match kind {
        Kind::Answered => ("200", ""),
        Kind::Row => ("403", ""),
        Kind::Message => (
            "403",
            r#","message":"denied: client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.""#,
        ),
    };
    let hash = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (minute, second) = (number / 60 % 60, number % 60);
    let (third, fourth) = (number / 250 % 250, number % 250);
    format!(
        r#"{{"time":"2026-11-22T10:{minute:02}:{second:02}.1234567Z","resourceId":"/SUBSCRIPTIONS/00000000-1111-2222-3333-444444444444/RESOURCEGROUPS/REGISTRIES/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/CONTOSOPROD","category":"ContainerRegistryRepositoryEvents","operationName":"Pull","operationVersion":"","resultType":"HttpStatusCode","resultDescription":"{status}","durationMs":"{}","callerIpAddress":"20.61.{third}.{fourth}","correlationId":"{hash:016x}-1d2c-4f6e","location":"westeurope","identity":"8b1f2e6c-93a7-4c2e-8f70-1b2c3d4e5f6a","properties":{{"loginServer":"contosoprod.azurecr.io","repository":"team{}/app","tag":"v1.{}","digest":"sha256:{hash:016x}{:016x}{:016x}{:016x}","mediaType":"application/vnd.oci.image.manifest.v1+json","size":"{}","userAgent":"docker/24.0.7 go/go1.20.10 git-commit/311b9ff kernel/6.5.0-1017-azure os/linux arch/amd64 UpstreamClient(Docker-Client/24.0.7 \\(linux\\))"{message}}}}}"#,
        number % 97,
        number % 12,
        number % 300,
        hash.rotate_left(13),
        hash.rotate_left(29),
        hash.rotate_left(47),
        1000 + number,
    )
}
