//! The registry's own sentence, word for word, in a record that is plain: found without unescaping,
//! wraps or patterns, and exactly as the thorough way finds it.

use super::json::names_image;
use super::mention;
use super::record::{Leaf, Named};
use std::net::{IpAddr, Ipv4Addr};

/// The address that a text refuses, if the text is ACR's sentence as documented and nothing else
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access>).
pub(in crate::domain) fn sentence(text: &str) -> Option<IpAddr> {
    let said = text.strip_prefix("denied: ").unwrap_or(text);
    let rest = said.strip_prefix("client with IP '")?;
    let (address, rest) = rest.split_once('\'')?;
    let rest = rest.strip_prefix(" is not allowed access")?;
    let ends = matches!(
        rest,
        "" | "." | ". Refer https://aka.ms/acr/firewall to grant access."
    );
    let address: Ipv4Addr = address.parse().ok().filter(|_| ends)?;
    Some(IpAddr::V4(address))
}

/// Names that are more than a plain login server have to be read thoroughly.
pub(in crate::domain) struct NotPlain;

/// The registry that the nearest level around a sentence names; `None` if it names several, or no
/// level names any.
pub(in crate::domain) fn registry_beside<'v>(
    levels: &[&[&'v [Named<'v>]]],
) -> Result<Option<&'v str>, NotPlain> {
    for level in levels {
        let mut named: Option<&str> = None;
        let mut several = false;
        for beside in level.iter().copied().flatten() {
            let Some(host) = registry_of(beside)? else {
                continue;
            };
            several |= named.is_some_and(|known| known != host);
            named = Some(host);
        }
        if named.is_some() {
            return Ok(named.filter(|_| !several));
        }
    }
    Ok(None)
}

/// The registry that a value names, if it does no more than that.
fn registry_of<'v>(named: &'v Named<'v>) -> Result<Option<&'v str>, NotPlain> {
    let Leaf::Said(text) = &named.value else {
        return Ok(None);
    };
    if mention::is_login_server(text) {
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

    #[test]
    fn the_sentence_is_known_as_documented_only() {
        let ip = "20.1.2.3".parse().ok();
        for text in [
            "denied: client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
            "client with IP '20.1.2.3' is not allowed access.",
            "client with IP '20.1.2.3' is not allowed access",
        ] {
            assert_eq!(sentence(text), ip);
            let found = super::super::extract(text);
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
            "",
        ] {
            assert_eq!(sentence(text), None, "{text}");
        }
    }
}
