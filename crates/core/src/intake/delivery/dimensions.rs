//! The names by which a log alert's dimensions and columns say whom and what it is about.

use crate::intake::document::{Map, Value};
use crate::intake::extract::record::{ADDRESSES, LOGIN_SERVERS, RESOURCE_IDS};
use std::borrow::Cow;

/// Names that a source's alerts use; an empty list stands for the usual names, in any case:
/// `callerIpAddress`, `CallerIP`, `clientIp` and the like, `loginServer`, `resourceId` and
/// `_ResourceId`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dimensions {
    /// Of the address that was refused.
    pub address: Vec<String>,
    /// Of the registry's login server.
    pub registry: Vec<String>,
    /// Of the registry's resource id.
    pub resource: Vec<String>,
}

impl Dimensions {
    /// A row under the names that a diagnostic record has. Where a list says its names, the usual
    /// ones mean nothing.
    pub(super) fn row<'v>(&self, named: impl Iterator<Item = (&'v str, Value<'v>)>) -> Map<'v> {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for (name, value) in named {
            match self.meant(name) {
                Some(meant) if meant == name => own.push((Cow::Borrowed(meant), value)),
                Some(meant) => others.push((Cow::Borrowed(meant), value)),
                None => {}
            }
        }
        // The last of a name is kept: its own, or else the first of those that mean it.
        others.into_iter().rev().chain(own).collect()
    }

    fn meant<'n>(&self, name: &'n str) -> Option<&'n str> {
        for (said, usual) in [
            (&self.address, ADDRESSES),
            (&self.registry, LOGIN_SERVERS),
            (&self.resource, RESOURCE_IDS),
        ] {
            if said.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                return usual.first().copied();
            }
            if !said.is_empty() && usual.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                return None;
            }
        }
        Some(name)
    }
}
