//! Ownership tags: which entries of a registry are ours and when they end, written into its own tags.
//!
//! A second memory for a day on which the ledger is lost. Each tag `doorward-owned_tags-N` holds up to
//! [`IN_A_TAG`] entries and a MAC over them and the registry, so that whoever may write tags cannot
//! make us delete what is not ours. What a MAC cannot tell is whether a tag is the latest: a tag
//! that was copied while it was good and is put back later still verifies. It is believed until
//! [`BELIEVED_FOR`] after its end and no longer.
//!
//! A tag's value is base64url without padding, of: one byte 1, the version; nine bytes for each entry
//! (the address, the prefix's length, the end in minutes since the Unix epoch, rounded up, big-endian);
//! sixteen bytes of HMAC-SHA256 over the purpose, the registry's resource id in lower case, a zero byte,
//! and what stands before. Limits on tags:
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources>.

use super::Live;
use super::raw_json::{RawJson, RawObject};
use crate::auth::link::{SHORTEST_KEY, ShortKey};
use crate::ledger::chain::Hash;
use crate::net::resource_id::ResourceId;
use aws_lc_rs::{constant_time, hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;

/// What the names of our tags begin with; a number follows.
const NAME: &str = "doorward-tags-";

/// A hash of the tags that are not ours.
pub fn hash_of_others(tags: &RawObject) -> String {
    let others = tags.iter().filter(|(name, _)| !name.starts_with(NAME));
    let mut others: Vec<String> = others
        .map(|(name, value)| format!("{name:?}{}", value.as_str()))
        .collect();
    others.sort();
    Hash::of(others.concat().as_bytes()).to_string()
}

/// How many tags a resource may have.
const MOST_TAGS: usize = 50;

/// How long a tag's value may be.
const LONGEST_VALUE: usize = 256;

/// The form of a value that is written and read.
const VERSION: u8 = 1;

/// The bytes of an entry, and of a MAC: half of HMAC-SHA256 (RFC 2104, section 5).
const ENTRY: usize = 9;
const MAC: usize = 16;

/// How many entries fit in a tag: 256 characters of base64url are 192 bytes.
pub const IN_A_TAG: usize = (LONGEST_VALUE / 4 * 3 - 1 - MAC) / ENTRY;

/// What the key is for; no other key that is derived from the same secret is the same.
const PURPOSE: &[u8] = b"doorward ownership tags, version 1";

/// A tag is believed this long after its end: long enough for an outage over some days, and a limit
/// to what an old one that is put back can do.
pub const BELIEVED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Signs and checks tags.
pub struct OwnershipTagKey(hmac::Key);

/// What a registry's tags say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnershipTags {
    /// Our entries, each with its end, to the minute.
    pub ends: BTreeMap<Ipv4Net, Timestamp>,
    /// Tags that bear our name and are not ours, or not for this registry.
    pub unverified: BTreeSet<String>,
    /// Whether there are tags of ours that say nothing.
    pub blank: bool,
}

/// Tags as they are to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// All tags of the registry: those of others as they were read, and ours.
    pub tags: RawObject,
    /// Our entries for which there is no tag left, those that end first before others.
    pub left_out: BTreeSet<Ipv4Net>,
}

impl OwnershipTags {
    /// Our entries that stand on the registry, each with its end; and those whose tags are too old to be
    /// believed.
    pub fn standing(
        &self,
        live: &Live,
        now: Timestamp,
    ) -> (BTreeMap<Ipv4Net, Timestamp>, BTreeSet<Ipv4Net>) {
        let stand = |network: &Ipv4Net| live.exact(*network).is_some();
        let ours = self.ends.iter().filter(|(network, _)| stand(network));
        let (old, ours): (BTreeMap<_, _>, BTreeMap<_, _>) =
            ours.partition(|(_, end)| now.duration_since(**end) > BELIEVED_FOR);
        let ours = ours
            .into_iter()
            .map(|(network, end): (&Ipv4Net, &Timestamp)| (*network, *end));
        (ours.collect(), old.into_keys().copied().collect())
    }
}

impl OwnershipTagKey {
    /// A key of its own, derived from a secret that may serve other purposes too (HKDF, RFC 5869).
    pub fn new(secret: &SecretString) -> Result<Self, ShortKey> {
        let bytes = secret.expose_secret().as_bytes();
        if bytes.len() < SHORTEST_KEY {
            return Err(ShortKey::of(bytes.len()));
        }
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(bytes);
        let derived = secret.expand(&[PURPOSE], hmac::HMAC_SHA256);
        // The hash's own length is far below what HKDF can give.
        let derived = derived.map(hmac::Key::from);
        derived.map(Self).map_err(|_| ShortKey::of(bytes.len()))
    }

    fn mac(&self, registry: &ResourceId, said: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [PURPOSE, &[0], registry.key().as_bytes(), &[0], said] {
            context.update(part);
        }
        context.sign()
    }
}

impl fmt::Debug for OwnershipTagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CrumbKey")
    }
}

/// What the tags of `registry` say.
pub fn read(tags: &RawObject, registry: &ResourceId, key: &OwnershipTagKey) -> OwnershipTags {
    let mut owned_tags = OwnershipTags::default();
    for (name, value) in tags.iter().filter(|(name, _)| is_our_name(name)) {
        match value
            .text()
            .and_then(|value| entries(&value, registry, key))
        {
            Some(entries) if entries.is_empty() => owned_tags.blank = true,
            Some(entries) => {
                for (network, end) in entries {
                    // Of two ends the later one: what is removed too early may be somebody's by then.
                    let known = owned_tags.ends.entry(network).or_insert(end);
                    *known = (*known).max(end);
                }
            }
            None => _ = owned_tags.unverified.insert(name.to_owned()),
        }
    }
    owned_tags
}

/// The tags that say `ends`, beside those of others in `tags`. `blank`: a tag of ours that is no longer
/// needed stays with nothing in it, where a write cannot take tags away.
pub fn pack(
    tags: &RawObject,
    ends: &BTreeMap<Ipv4Net, Timestamp>,
    (registry, key): (&ResourceId, &OwnershipTagKey),
    blank: bool,
) -> Packed {
    let ours = |name: &str, value: &RawJson| {
        let value = value.text().unwrap_or_default();
        is_our_name(name) && entries(&value, registry, key).is_some()
    };
    // Azure compares tags' names without case.
    let others = tags.iter().filter(|(name, value)| !ours(name, value));
    let others: BTreeSet<String> = others.map(|(name, _)| name.to_ascii_lowercase()).collect();
    let names = (0..MOST_TAGS).map(|number| format!("{NAME}{number}"));
    let mut free = names.filter(|name| !others.contains(name));
    let mut latest_first: Vec<(Ipv4Net, Timestamp)> =
        ends.iter().map(|(network, end)| (*network, *end)).collect();
    latest_first.sort_by_key(|(network, end)| (std::cmp::Reverse(*end), *network));
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    let mut left_out = BTreeSet::new();
    for entries in latest_first.chunks(IN_A_TAG) {
        let room = others.len().saturating_add(said.len()) < MOST_TAGS;
        match free.next().filter(|_| room) {
            Some(name) => _ = said.insert(name, value(entries, registry, key)),
            None => left_out.extend(entries.iter().map(|(network, _)| *network)),
        }
    }
    let nothing = blank.then(|| value(&[], registry, key));
    let mut all = tags.rewritten(|name, value| {
        if !ours(name, value) {
            return Some(value.clone());
        }
        let new = said.remove(&name.to_ascii_lowercase());
        let new = new.or_else(|| nothing.clone())?;
        let same = value.text().is_some_and(|value| value == new);
        Some(if same {
            value.clone()
        } else {
            RawJson::string(&new)
        })
    });
    for (name, value) in said {
        all.set(&name, RawJson::string(&value));
    }
    Packed {
        tags: all,
        left_out,
    }
}

/// Ends as tags can say them: full minutes, rounded up.
pub fn to_the_minute(end: Timestamp) -> Timestamp {
    of_minutes(minutes(end))
}

fn minutes(end: Timestamp) -> u32 {
    let seconds = end
        .as_second()
        .max(0)
        .saturating_add(i64::from(end.subsec_nanosecond() > 0));
    u32::try_from(seconds.saturating_add(59) / 60).unwrap_or(u32::MAX)
}

fn of_minutes(minutes: u32) -> Timestamp {
    Timestamp::from_second(i64::from(minutes).saturating_mul(60)).unwrap_or(Timestamp::MAX)
}

fn is_our_name(name: &str) -> bool {
    // Azure compares tags' names without case.
    let number = name.get(NAME.len()..).filter(|_| {
        let start = name.get(..NAME.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(NAME))
    });
    number.is_some_and(|number| {
        !number.is_empty() && number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn value(entries: &[(Ipv4Net, Timestamp)], registry: &ResourceId, key: &OwnershipTagKey) -> String {
    let mut bytes = vec![VERSION];
    for (network, end) in entries {
        bytes.extend(network.network().octets());
        bytes.push(network.prefix_len());
        bytes.extend(minutes(*end).to_be_bytes());
    }
    let mac = key.mac(registry, &bytes);
    bytes.extend(mac.as_ref().iter().take(MAC));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a value says, if it is ours and for this registry.
fn entries(
    value: &str,
    registry: &ResourceId,
    key: &OwnershipTagKey,
) -> Option<Vec<(Ipv4Net, Timestamp)>> {
    if value.len() > LONGEST_VALUE {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
    let (said, mac) = bytes.split_last_chunk::<MAC>()?;
    let good = key.mac(registry, said);
    let good = good.as_ref().get(..MAC)?;
    constant_time::verify_slices_are_equal(good, mac).ok()?;
    let (VERSION, entries) = said.split_first().map(|(version, rest)| (*version, rest))? else {
        return None;
    };
    entries.chunks(ENTRY).map(entry).collect()
}

fn entry(bytes: &[u8]) -> Option<(Ipv4Net, Timestamp)> {
    let (address, rest) = bytes.split_first_chunk::<4>()?;
    let (length, end) = rest.split_first()?;
    let network = Ipv4Net::new(Ipv4Addr::from(*address), *length).ok()?;
    let end = u32::from_be_bytes(end.try_into().ok()?);
    (network.trunc() == network).then_some((network, of_minutes(end)))
}

#[cfg(test)]
mod tests;
