//! Tests of `resource_id`.

use super::*;

const ID: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg_Prod(1)/providers/Microsoft.ContainerRegistry/registries/contosoProd";

#[test]
fn an_id_tells_its_parts() {
    let id: ResourceId = ID.parse().unwrap();
    assert_eq!(id.subscription(), "11111111-2222-3333-4444-555555555555");
    assert_eq!(id.resource_group(), "rg_Prod(1)");
    assert_eq!(id.provider_type(), REGISTRY);
    assert_eq!(id.name(), "contosoProd");
    assert_eq!(id.to_string(), ID);
}

#[test]
fn case_does_not_matter() {
    let id: ResourceId = ID.parse().unwrap();
    let shouted: ResourceId = ID.to_uppercase().parse().unwrap();
    assert_eq!(id, shouted);
    assert_eq!(id.key(), shouted.key());
    assert!(shouted.is_type(REGISTRY));
    assert_eq!(shouted.name(), "CONTOSOPROD");
}

#[test]
fn a_child_has_the_types_of_its_parents_too() {
    let id: ResourceId = format!("{ID}/replications/westus").parse().unwrap();
    assert_eq!(id.provider_type(), format!("{REGISTRY}/replications"));
    assert_eq!(id.name(), "westus");
    assert!(id.of_type(REGISTRY).is_err());
}

#[test]
fn what_is_no_id_is_refused_with_the_reason() {
    let long = format!("{ID}{}", "x".repeat(2000));
    for (text, why) in [
        ("contosoprod", "does not start"),
        ("", "does not start"),
        ("/", "empty part"),
        ("/subscriptions//resourceGroups/a", "empty part"),
        (
            "/subscriptions/a/resourceGroups/b",
            "ends before `providers`",
        ),
        (
            "/tenants/a/resourceGroups/b/providers/c/d/e",
            "`subscriptions`",
        ),
        (
            "/subscriptions/a/resourceGroups/b/providers/c/d",
            "type and a name",
        ),
        (
            "/subscriptions/a/resourceGroups/b/providers/c/d/e/f",
            "type and a name",
        ),
        (
            "/subscriptions/a/resourceGroups/b/providers/c/d/..",
            "character",
        ),
        (
            "/subscriptions/a/resourceGroups/b/providers/c/d/%2e%2e",
            "character",
        ),
        (
            "/subscriptions/a/resourceGroups/b/providers/c/d/e?x=1",
            "character",
        ),
        (
            "/subscriptions/a/resourceGroups/b/providers/c/d/e#x",
            "character",
        ),
        (
            "/subscriptions/a/resourceGroups/b/providers/c/d/e\\f",
            "character",
        ),
        (long.as_str(), "longer"),
    ] {
        let error = text.parse::<ResourceId>().unwrap_err();
        assert!(error.why.contains(why), "{text}: {error}");
        assert!(error.to_string().len() < 700, "{error}");
    }
}
