//! The second memory: tags of a registry say which of its entries are ours, and a ledger that has never
//! heard of one of them is told by them.

use crate::azure::ArmError;
use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::firewall::ownership_tags;
use doorward_core::firewall::ownership_tags::{OwnershipTags, Packed};
use doorward_core::firewall::raw_json::{RawJson, RawObject};
use doorward_core::firewall::{Live, Patch};
use doorward_core::ledger::alert::About;
use doorward_core::ledger::event::{Hash, LedgerEvent};
use doorward_core::ledger::grant::Grant;
use doorward_core::ledger::id::{DenialId, GrantId};
use doorward_core::messages::wording;
use doorward_core::net::address::GlobalIpv4;
use doorward_core::net::network;
use doorward_core::net::resource_id::ResourceId;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often tags alone are written for the same content. Where they still do not say it, something
/// else keeps changing them.
const MOST_TRIES: u8 = 3;

/// How long writes go without tags after Azure refused one with them.
const WITHOUT_FOR: Duration = Duration::from_hours(1);

/// A recovered entry that is wider than this has no grant for each of its addresses made.
const WIDEST: u8 = 24;

/// How many entries a message names.
const NAMED: usize = 20;

/// What is known of a registry's tags. It is learnt again after a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tagged {
    /// What they should say.
    wanted: BTreeMap<Ipv4Net, Timestamp>,
    /// Whether a read showed that they do.
    shown: bool,
    /// How often they were written alone, in vain.
    tried: u8,
    /// Until when writes go without tags.
    without_until: Option<Timestamp>,
    /// The entries for which there was no room when people were last told.
    left_out: BTreeSet<Ipv4Net>,
    /// What tags say of entries that have ended and of which a read showed that they do not stand. An
    /// entry that comes while such a tag could not be taken away yet is somebody else's.
    outlived: BTreeMap<Ipv4Net, Timestamp>,
}

/// Whether this registry's tags are to say what is ours, now.
fn is_on(app: &App, id: &ResourceId) -> bool {
    let enrolled = app.registries.get(id);
    let refused = app.tagged(id).without_until;
    app.may_add
        && enrolled.is_some_and(|enrolled| enrolled.ownership_tags)
        && refused.is_none_or(|until| until <= app.clock.now())
}

fn wanted(app: &App, id: &ResourceId) -> BTreeMap<Ipv4Net, Timestamp> {
    let now = app.clock.now();
    app.ledger.read(|state| state.owned(id, now))
}

/// Whether the tags are not known to say what is ours, and it is worth a read and a write.
pub(super) fn is_due(app: &App, id: &ResourceId) -> bool {
    let known = app.tagged(id);
    let settled = known.shown || known.tried >= MOST_TRIES;
    is_on(app, id) && !(settled && known.wanted == wanted(app, id))
}

/// Learns from a read what the tags say, and what they tell that the ledger has never heard of: it is
/// new, or an older copy, or a write of its predecessor has landed only now.
pub(super) async fn look(app: &App, id: &ResourceId, live: &Live) -> Result<(), StoreError> {
    if !is_on(app, id) {
        return Ok(());
    }
    let tags = ownership_tags::read(&live.tags, id, &app.ownership_tag_key);
    report_unverified(app, id, live, &tags).await?;
    note_outlived(app, id, live, &tags);
    recover(app, id, live, &tags).await
}

/// Takes note of tags that have outlived their entries, for as long as they stay.
fn note_outlived(app: &App, id: &ResourceId, live: &Live, tags: &OwnershipTags) {
    let now = app.clock.now();
    let known = app.tagged(id);
    let mut outlived = tags.ends.clone();
    outlived.retain(|network, end| {
        let stands = live.exact(*network).is_some();
        known.outlived.get(network) == Some(end) || (*end <= now && !stands)
    });
    app.set_tagged(id, Tagged { outlived, ..known });
}

/// The entries that stand, that a tag names and that the ledger has never heard of, each with its end;
/// and those of them that are left alone, since they are too old or too wide to be believed.
fn unheard_of(
    app: &App,
    id: &ResourceId,
    live: &Live,
    tags: &OwnershipTags,
) -> (BTreeMap<Ipv4Net, Timestamp>, BTreeSet<Ipv4Net>) {
    let (mut ours, mut left) = tags.standing(live, app.clock.now());
    let wide = |network: &Ipv4Net| network.prefix_len() < WIDEST;
    left.extend(ours.keys().copied().filter(wide));
    let outlived = app.tagged(id).outlived;
    ours.retain(|network, _| !outlived.contains_key(network));
    left.retain(|network| !outlived.contains_key(network));
    app.ledger.read(|state| {
        ours.retain(|network, _| !wide(network) && !state.ever_held(id, *network));
        left.retain(|network| !state.ever_held(id, *network));
    });
    (ours, left)
}

/// Takes note of what a read shows of the tags.
pub(super) async fn note(app: &App, id: &ResourceId, live: &Live) -> Result<(), StoreError> {
    if !is_on(app, id) {
        return Ok(());
    }
    let mut said = wanted(app, id);
    let Packed { left_out, .. } =
        ownership_tags::pack(&live.tags, &said, (id, &app.ownership_tag_key), false);
    let before = app.tagged(id);
    let mut now = Tagged {
        wanted: said.clone(),
        tried: if before.wanted == said {
            before.tried
        } else {
            0
        },
        left_out: left_out.clone(),
        ..before.clone()
    };
    said.retain(|network, _| !left_out.contains(network));
    now.shown = ownership_tags::read(&live.tags, id, &app.ownership_tag_key).ends == said;
    let lost = !now.shown && now.tried == MOST_TRIES;
    if lost {
        // Told once: one more than is ever tried.
        now.tried = now.tried.saturating_add(1);
    }
    app.set_tagged(id, now);
    if !left_out.is_empty() && left_out != before.left_out {
        let text = format!(
            "the tags of `{}` have no room for {} of doorward's {} entries (Azure takes 50 tags on a resource): should the ledger \
             be lost, nobody would know whose they are: {}. Those that end last are in the tags",
            id.name(),
            left_out.len(),
            wanted(app, id).len(),
            listed(&left_out)
        );
        tell(app, id, "ownership_tags_full", text).await?;
    }
    if lost {
        let text = format!(
            "the tags that doorward writes to `{}` do not stay: something else sets them (Azure Policy, Terraform without \
             `ignore_changes = [tags]`). Until that ends, a lost ledger could not be made up from them",
            id.name()
        );
        tell(app, id, "ownership_tags_lost", text).await?;
    }
    Ok(())
}

/// Tags alone are about to be written.
pub(super) fn try_again(app: &App, id: &ResourceId) {
    let known = app.tagged(id);
    let tried = known.tried.saturating_add(1);
    app.set_tagged(id, Tagged { tried, ..known });
}

/// The body of a write: the rules where they change, the tags where they do.
pub(super) fn body(app: &App, id: &ResourceId, patch: &Patch, fresh: &Live) -> RawObject {
    let mut body = if *patch == Patch::default() {
        RawObject::default()
    } else {
        patch.body(fresh)
    };
    if is_on(app, id) {
        let mut ends = wanted(app, id);
        ends.retain(|network, _| !patch.remove.contains(network));
        // What only this read tells is learnt by the next turn: until then its tags stay.
        let tags = ownership_tags::read(&fresh.tags, id, &app.ownership_tag_key);
        ends.extend(unheard_of(app, id, fresh, &tags).0);
        // Where a write names tags, it may replace them all or leave the others: if they did not go the
        // first time, they are written with nothing in them.
        let blank = app.tagged(id).tried > 1;
        let packed = ownership_tags::pack(&fresh.tags, &ends, (id, &app.ownership_tag_key), blank);
        if packed.tags != fresh.tags {
            body.set("tags", RawJson::from(&packed.tags));
        }
    }
    body
}

/// Azure refused a write for good. If it had tags, they may be why: the next ones go without, so that
/// what must open or close does. Whether it is worth another attempt.
pub(super) async fn go_without(
    app: &App,
    id: &ResourceId,
    body: &RawObject,
    error: &ArmError,
) -> Result<bool, StoreError> {
    let other_cause = error.is_transient() || error.missing_action().is_some();
    if body.get("tags").is_none() || other_cause {
        return Ok(false);
    }
    let until = clock::add(app.clock.now(), WITHOUT_FOR);
    let known = app.tagged(id);
    app.set_tagged(
        id,
        Tagged {
            without_until: Some(until),
            ..known
        },
    );
    let text = format!(
        "Azure refused a write to `{}` that had doorward's tags in it, so the next go without them, until {}: should the \
         ledger be lost, entries of that time are not known as doorward's. Azure said: {error}",
        id.name(),
        wording::time(until)
    );
    tell(app, id, "ownership_tags_refused", text).await?;
    Ok(true)
}

/// Tags that bear our name and do not verify are ignored, and told of once.
async fn report_unverified(
    app: &App,
    id: &ResourceId,
    live: &Live,
    tags: &OwnershipTags,
) -> Result<(), StoreError> {
    for name in &tags.unverified {
        let value = live.tags.get(name).map(RawJson::to_string);
        let hash = Hash::of(value.unwrap_or_default().as_bytes());
        if !app.notice(&format!("{id} {name} {hash}"), "ownership_tag_ignored") {
            continue;
        }
        let text = format!(
            "the tag `{}` of `{}` is not doorward's, or was changed, or is of another key or registry: it is ignored and left \
             as it is. Take it away, if nobody needs it",
            wording::quoted(name),
            id.name()
        );
        tell(app, id, "ownership_tag_ignored", text).await?;
    }
    Ok(())
}

/// Makes up what the ledger does not know: a grant for each entry that a tag names and that stands.
async fn recover(
    app: &App,
    id: &ResourceId,
    live: &Live,
    tags: &OwnershipTags,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let (ours, left) = unheard_of(app, id, live, tags);
    if ours.is_empty() && left.is_empty() {
        return Ok(());
    }
    let mut what = Vec::new();
    for (network, until) in &ours {
        for address in addresses(*network) {
            what.push(LedgerEvent::Recovered {
                grant: grant(app, id, address, *until),
                network: *network,
            });
        }
    }
    let names: BTreeSet<Ipv4Net> = ours.keys().copied().collect();
    let text = format!(
        "tags of `{}` say that {} of its entries are doorward's, which the ledger has never heard of (it was lost, or is an \
         older copy): they are taken away on time: {}{}",
        id.name(),
        names.len(),
        listed(&names),
        if left.is_empty() {
            String::new()
        } else {
            format!(
                ". Left alone, since their tags are too old or the entries too wide to be believed: {}",
                listed(&left)
            )
        }
    );
    let key = format!("{id} {}", Hash::of(text.as_bytes()));
    if what.is_empty() && !app.notice(&key, "recovered") {
        return Ok(());
    }
    what.push(app.alert("recovered", text, &About::registry(id)));
    match app.ledger.append(now, what).await {
        Err(StoreError::Duplicate) => Ok(()),
        other => other,
    }
}

fn grant(app: &App, id: &ResourceId, address: GlobalIpv4, until: Timestamp) -> Grant {
    Grant {
        id: GrantId(app.clock.id()),
        registry: id.clone(),
        address,
        until,
        // Which denial it was stood in the ledger that was lost.
        denial: DenialId(app.clock.id()),
        request: None,
        rule: None,
        channel: None,
        renew: None,
        evictable: false,
        widen: None,
    }
}

/// The addresses of a network, as far as they may be open at all.
fn addresses(network: Ipv4Net) -> impl Iterator<Item = GlobalIpv4> {
    let all = u32::from(network.network())..=u32::from(network.broadcast());
    all.filter_map(|bits| GlobalIpv4::try_from(std::net::Ipv4Addr::from(bits)).ok())
}

fn listed(networks: &BTreeSet<Ipv4Net>) -> String {
    let named = networks.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|network| format!("`{}`", network::text(*network)))
        .collect();
    let more = networks.len().saturating_sub(NAMED);
    match more {
        0 => named.join(", "),
        _ => format!("{} and {more} more", named.join(", ")),
    }
}

async fn tell(app: &App, id: &ResourceId, code: &str, text: String) -> Result<(), StoreError> {
    let alert = app.alert(code, text, &About::registry(id));
    app.ledger.append(app.clock.now(), vec![alert]).await
}
