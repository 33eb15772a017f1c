//! Tests of `ownership_tags`.

use super::*;
use crate::firewall::raw_json::tests::{any_json, any_text};
use proptest::prelude::*;

fn key(text: &str) -> OwnershipTagKey {
    OwnershipTagKey::new(&SecretString::from(text.repeat(32))).unwrap()
}

fn registry(name: &str) -> ResourceId {
    format!(
        "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/{name}"
    )
    .parse()
    .unwrap()
}

fn ends(most: usize) -> impl Strategy<Value = BTreeMap<Ipv4Net, Timestamp>> {
    let network = (any::<u32>(), 8_u8..=32)
        .prop_map(|(bits, length)| Ipv4Net::new(bits.into(), length).unwrap().trunc());
    let end = (0_i64..4_000_000_000).prop_map(|at| Timestamp::from_second(at).unwrap());
    prop::collection::btree_map(network, end, 0..=most)
}

fn others(count: usize) -> RawObject {
    let mut tags = RawObject::default();
    for number in 0..count {
        tags.set(&format!("cost-center-{number}"), RawJson::string("42"));
    }
    tags
}

fn carries(packed: &Packed, tags: &RawObject) -> bool {
    let mut tags = tags.iter();
    tags.all(|(name, value)| packed.tags.get(name) == Some(value))
}

fn as_said(ends: &BTreeMap<Ipv4Net, Timestamp>) -> BTreeMap<Ipv4Net, Timestamp> {
    ends.iter()
        .map(|(network, end)| (*network, to_the_minute(*end)))
        .collect()
}

proptest! {
    #[test]
    fn what_is_packed_is_read_again(ends in ends(200), others_count in 0_usize..40) {
        let (key, registry) = (key("k"), registry("prod"));
        let others = others(others_count);
        let packed = pack(&others, &ends, (&registry, &key), false);
        let said = read(&packed.tags, &registry, &key);
        let mut kept = as_said(&ends);
        kept.retain(|network, _| !packed.left_out.contains(network));
        prop_assert_eq!(said.ends, kept);
        prop_assert!(said.unverified.is_empty());
        prop_assert!(packed.tags.len() <= MOST_TAGS);
        let fits = |(_, value): (&str, &RawJson)| value.text().unwrap().len() <= LONGEST_VALUE;
        prop_assert!(packed.tags.iter().all(fits));
        prop_assert!(carries(&packed, &others));
        // Two hundred need eleven tags.
        prop_assert!(others_count > 39 || packed.left_out.is_empty());
    }

    #[test]
    fn tags_of_others_stay_where_and_as_they_were_read(
        before in prop::collection::vec((any_text(), any_json()), 0..4),
        after in prop::collection::vec((any_text(), any_json()), 0..4),
        old in ends(30),
        new in ends(30),
    ) {
        let (key, registry) = (key("k"), registry("prod"));
        let written = |tags: &[(String, String)]| -> Vec<String> {
            tags.iter().map(|(name, value)| format!("{name}:{value}")).collect()
        };
        let ours = pack(&RawObject::default(), &old, (&registry, &key), false).tags.to_string();
        let ours = ours.trim_matches(['{', '}']);
        let with = |ours: &str| {
            let own = Some(ours.to_owned()).filter(|ours| !ours.is_empty());
            let all: Vec<String> = written(&before).into_iter().chain(own).chain(written(&after)).collect();
            format!("{{{}}}", all.join(","))
        };
        let tags = RawJson::parse(with(ours).as_bytes()).unwrap().object().unwrap();
        prop_assert_eq!(pack(&tags, &old, (&registry, &key), false).tags, tags.clone());
        let mut packed = pack(&tags, &new, (&registry, &key), false).tags;
        packed = packed.rewritten(|name, value| (!is_our_name(name)).then(|| value.clone()));
        prop_assert_eq!(packed.to_string(), with(""));
    }

    #[test]
    fn nothing_that_was_changed_verifies(ends in ends(20), place in any::<prop::sample::Index>(), with in any::<u8>()) {
        let (key, registry) = (key("k"), registry("prod"));
        let all: Vec<_> = ends.into_iter().take(IN_A_TAG).collect();
        let good = value(&all, &registry, &key);
        prop_assert!(entries(&good, &registry, &key).is_some());
        let mut bytes = URL_SAFE_NO_PAD.decode(&good).unwrap();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != with);
        bytes[place] = with;
        let forged = URL_SAFE_NO_PAD.encode(&bytes);
        prop_assert_eq!(entries(&forged, &registry, &key), None);
        let cut = &good[..good.len() - 1];
        prop_assert_eq!(entries(cut, &registry, &key), None);
    }

    #[test]
    fn any_text_is_borne(text in ".{0,300}") {
        prop_assert_eq!(entries(&text, &registry("prod"), &key("k")), None);
    }
}

#[test]
fn another_registry_or_key_says_nothing() {
    let ends = BTreeMap::from([("20.1.2.3/32".parse().unwrap(), Timestamp::UNIX_EPOCH)]);
    let good = (&registry("prod"), &key("k"));
    let tags = pack(&RawObject::default(), &ends, good, false).tags;
    assert_eq!(read(&tags, &registry("PROD"), &key("k")).ends.len(), 1);
    for (name, secret) in [("test", "k"), ("prod", "l")] {
        let owned_tags = read(&tags, &registry(name), &key(secret));
        assert!(owned_tags.ends.is_empty());
        assert_eq!(owned_tags.unverified.len(), 1);
    }
}

#[test]
fn what_ends_last_is_kept_where_tags_are_few() {
    let at = |minute: u8| Timestamp::from_second(i64::from(minute) * 60).unwrap();
    let one = |last: u8| -> Ipv4Net { Ipv4Net::from(Ipv4Addr::new(20, 1, 2, last)) };
    let ends: BTreeMap<_, _> = (0..30).map(|last| (one(last), at(last))).collect();
    let place = (&registry("prod"), &key("k"));
    let packed = pack(&others(49), &ends, place, false);
    assert_eq!(packed.left_out, (0..11).map(one).collect());
    assert_eq!(packed.tags.len(), 50);
    assert_eq!(pack(&others(50), &ends, place, false).left_out.len(), 30);
}

#[test]
fn tags_that_bear_our_name_and_are_not_ours_are_carried() {
    let mut tags = others(1);
    for (name, value) in [
        ("doorward-tags-0", "somebody's"),
        ("Doorward-Tags-1", "AQ"),
        ("doorward-tags-x", "x"),
    ] {
        tags.set(name, RawJson::string(value));
    }
    let place = (&registry("prod"), &key("k"));
    let owned_tags = read(&tags, place.0, place.1);
    assert_eq!(owned_tags.unverified.len(), 2);
    let ends = BTreeMap::from([("20.1.2.3/32".parse().unwrap(), Timestamp::UNIX_EPOCH)]);
    let packed = pack(&tags, &ends, place, false);
    assert_eq!(packed.tags.len(), 5);
    assert!(carries(&packed, &tags));
}

#[test]
fn a_tag_that_is_no_longer_needed_goes_or_says_nothing() {
    let place = (&registry("prod"), &key("k"));
    let ends = BTreeMap::from([("20.1.2.3/32".parse().unwrap(), Timestamp::UNIX_EPOCH)]);
    let tags = pack(&others(1), &ends, place, false).tags;
    let none = BTreeMap::new();
    assert_eq!(pack(&tags, &none, place, false).tags, others(1));
    let blank = pack(&tags, &none, place, true).tags;
    assert_eq!(blank.len(), 2);
    let owned_tags = read(&blank, place.0, place.1);
    assert!(owned_tags.blank && owned_tags.ends.is_empty() && owned_tags.unverified.is_empty());
}
