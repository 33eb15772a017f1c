//! Sets that come over the network, as a policy writes them.

use crate::policy::{Policy, parse};
use crate::sets::{AzureKind, External, RefreshPolicy};
use crate::yaml::problem::Problems;
use std::time::Duration;

fn read(set: &str) -> Result<Policy, Problems> {
    let text = format!(
        "version: 1\nsets: {{ s: {{ {set} }} }}\nrules: [{{ name: r, when: {{ address: s }}, then: ask }}]\n"
    );
    parse(&[("policy.yaml".to_owned(), text)])
}

fn only(set: &str) -> (External, RefreshPolicy, bool) {
    let policy = read(set).unwrap_or_else(|problems| panic!("{set}: {problems}"));
    let mut wants = policy.wants().into_iter();
    let (external, refresh_policy) = wants.next().unwrap();
    (external, refresh_policy, policy.sets["s"].is_owned())
}

/// An id of a resource of this type.
fn id(kind: &str) -> String {
    let (provider, types) = kind.split_once('/').unwrap();
    let pairs: Vec<String> = types.split('/').map(|kind| format!("{kind}/x")).collect();
    let rest = pairs.join("/");
    format!("/subscriptions/s/resourceGroups/g/providers/{provider}/{rest}")
}

#[test]
fn every_kind_of_resource_is_named_by_its_id() {
    for kind in AzureKind::ALL {
        for types in kind.types() {
            let id = id(types);
            let (external, refresh_policy, owned) = only(&format!("{}: {id}", kind.name()));
            assert_eq!(external, External::Azure(kind, id.parse().unwrap()));
            assert_eq!(
                (refresh_policy, owned),
                (RefreshPolicy::default(), kind.is_owned())
            );
        }
        let wrong = id("Microsoft.Compute/virtualMachines");
        let told = read(&format!("{}: {wrong}", kind.name())).unwrap_err();
        assert!(told.to_string().contains("is needed here"), "{told}");
    }
}

#[test]
fn lists_are_shared_and_say_where_they_are_from() {
    for (set, shown) in [
        (
            "service_tag: AzureCloud",
            "service_tag AzureCloud of service-tags.json",
        ),
        (
            "service_tag: AzureCloud, source: file, file: weekly.json",
            "service_tag AzureCloud of weekly.json",
        ),
        (
            "service_tag: AzureCloud, source: arm, subscription: A-1, location: WestEurope",
            "service_tag AzureCloud of Azure (westeurope, subscription a-1)",
        ),
        (
            "github_meta: actions, file: meta.json",
            "github_meta actions of meta.json",
        ),
    ] {
        let (external, _, owned) = only(set);
        assert_eq!((external.to_string().as_str(), owned), (shown, false));
    }
    let (github, ..) = only("github_meta: actions");
    assert!(
        github.to_string().contains("https://api.github.com/…"),
        "{github}"
    );
    let (list, ..) = only("http: \"https://lists.contoso.com/a?sig=hush\"");
    assert!(
        list.to_string()
            .starts_with("http https://lists.contoso.com/… ("),
        "{list}"
    );
}

#[test]
fn how_a_set_is_kept_is_said_in_it() {
    let list = "http: \"https://lists.contoso.com/a\"";
    let (_, refresh_policy, _) = only(&format!(
        "{list}, refresh: 30m, max_refresh_change: 20%, max_size: 50"
    ));
    let expected = RefreshPolicy {
        refresh: Some(Duration::from_mins(30)),
        max_refresh_change: Some(20),
        max_size: Some(50),
    };
    assert_eq!(refresh_policy, expected);
    // Where two sets want the same, the stricter is done.
    let text = format!(
        "version: 1\nsets: {{ a: {{ {list}, refresh: 1h, max_size: 9 }}, b: {{ {list}, refresh: 5m, max_refresh_change: 40% }} }}\nrules: [{{ name: r, when: {{ address: [a, b] }}, then: ask }}]\n"
    );
    let policy = parse(&[("policy.yaml".to_owned(), text)]).unwrap();
    let refresh_policy = policy.wants().into_values().next().unwrap();
    assert_eq!(
        (
            refresh_policy.refresh,
            refresh_policy.bound(),
            refresh_policy.most()
        ),
        (Some(Duration::from_mins(5)), 40, 9)
    );
}

#[test]
fn what_makes_no_sense_is_told() {
    let app = id("Microsoft.App/managedEnvironments");
    let environment = format!("container_app_egress: {app}");
    let tag = "service_tag: T, source: arm, subscription: s";
    let located = format!("{tag}, location: a/b");
    for (set, says) in [
        ("http: \"http://lists.contoso.com/\"", "not an https URL"),
        (
            "http: \"https://u:hush@lists.contoso.com/\"",
            "user name or password",
        ),
        ("http: \"https://lists.contoso.com/a%\\thush\"", "not a URL"),
        (
            "htpp: \"https://lists.contoso.com/?sig=hush\"",
            "no field `htpp`",
        ),
        (
            "github_meta: actions, file: a, url: \"https://a.contoso.com/\"",
            "has a `file` as well",
        ),
        ("service_tag: T, source: web", "`web` is not known here"),
        (tag, "the field `location` is missing"),
        (&located, "`a/b` is not such a name"),
        (
            "service_tag: T, location: westeurope",
            "there is no field `location`",
        ),
        (&environment, "name the app"),
        (
            "cidrs: 20.0.0.0/24, refresh: 1h",
            "says nothing about a set of this kind",
        ),
        (
            "cidrs_file: a.txt, max_refresh_change: 10%",
            "says nothing about a set of this kind",
        ),
        (
            "github_meta: actions, max_size: 5",
            "says nothing about a set of this kind",
        ),
        (
            "github_meta: actions, refresh: 5s",
            "nothing is refreshed so often",
        ),
        (
            "github_meta: actions, max_refresh_change: half",
            "`half` is not a part of a whole",
        ),
        (
            "github_meta: actions, max_refresh_change: 0%",
            "`0%` is not a part of a whole",
        ),
    ] {
        let told = read(set).unwrap_err().to_string();
        assert!(told.contains(says), "{set}: {told}");
        assert!(!told.contains("hush"), "{told}");
    }
}
