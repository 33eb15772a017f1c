//! Lists from the web: GitHub's, Azure's service tags, anybody's.

use super::{ASK, HOUR, MINUTE, later, list_of, listed, publish, rule, with_nothing_secret, world};
use crate::world::STRANGER;
use doorward_sim::{Call, Fault};
use serde_json::json;

#[tokio::test]
async fn a_list_from_the_web_counts_and_is_read_again_each_hour() {
    let world = list_of("20.88.0.0/24 # ours\n\n20.89.0.1\n").await;
    let set = listed(&world, "list");
    assert_eq!((set.kind.as_str(), set.owned), ("http", false));
    assert_eq!(set.size.unwrap().addresses, 257);
    assert_eq!(rule(&world, "20.88.0.7").await.as_deref(), Some("known"));
    let asked = || world.azure.requests_of(Call::WebPage).len();
    assert_eq!(asked(), 1);
    later(&world, 50 * MINUTE).await;
    assert_eq!(asked(), 1);
    publish(&world, "20.88.0.0/24\n20.90.0.1\n");
    later(&world, 10 * MINUTE).await;
    assert_eq!(asked(), 2);
    assert_eq!(rule(&world, "20.90.0.1").await.as_deref(), Some("known"));
    assert_eq!(rule(&world, "20.89.0.1").await, None);
}

#[tokio::test]
async fn what_is_no_list_leaves_the_last_one() {
    let world = list_of("20.88.0.0/24\n").await;
    let hash = listed(&world, "list").hash;
    let origin = "https://elsewhere.contoso.com".to_owned();
    let faults = [
        (Some(Fault::Redirect(origin)), "redirects"),
        (Some(Fault::Oversized(20 << 20)), "longer than"),
        (Some(Fault::LostAfter), "did not arrive"),
        (
            Some(Fault::Status {
                status: 503,
                retry_after: None,
            }),
            "503",
        ),
        (None, "line 1"),
    ];
    publish(&world, "<html>moved</html>\n");
    for (fault, says) in faults {
        if let Some(fault) = fault {
            world.azure.knobs(|knobs| knobs.next(Call::WebPage, fault));
        }
        later(&world, HOUR).await;
        let set = listed(&world, "list");
        let error = set.error.unwrap();
        assert!(error.contains(says), "{error}");
        assert!(
            !error.contains("hush") && !error.contains("localhost"),
            "{error}"
        );
        assert_eq!(set.hash, hash);
    }
    publish(&world, "# nothing left\n");
    later(&world, HOUR).await;
    assert!(listed(&world, "list").error.unwrap().contains("empty"));
    assert!(with_nothing_secret(&world).await);
}

#[tokio::test]
async fn a_list_is_bounded() {
    let world = world(
        |azure| {
            let url = azure.publish("list", "20.88.0.1\n20.88.0.3\n20.88.0.5\n");
            format!("list: {{ http: \"{url}\", max_size: 2 }}")
        },
        ASK,
    )
    .await;
    let set = listed(&world, "list");
    assert_eq!(set.size, None);
    assert!(set.error.unwrap().contains("max_size"));
}

#[tokio::test]
async fn service_tags_of_azure_are_read_once_for_all_and_know_their_edition() {
    let source =
        "source: arm, subscription: 00000000-0000-4000-8000-000000000001, location: westeurope";
    let world = world(
        |azure| {
            azure.model(|model| {
                model.add_service_tag("AzureContainerRegistry.WestEurope", &["20.70.16.0/24"]);
                model.add_service_tag("AzureDevOps", &["20.71.0.0/24"]);
            });
            format!(
                "list: {{ service_tag: azurecontainerregistry.westeurope, {source} }}, devops: {{ service_tag: AzureDevOps, {source} }}"
            )
        },
        "- { name: known, when: { address: [list, devops] }, then: ask }",
    )
    .await;
    let set = listed(&world, "list");
    assert_eq!((set.change_number, set.owned), (Some(64), false));
    assert_eq!(world.azure.requests_of(Call::ServiceTags).len(), 1);
    assert_eq!(rule(&world, "20.70.16.9").await.as_deref(), Some("known"));
    later(&world, 5 * HOUR).await;
    assert_eq!(world.azure.requests_of(Call::ServiceTags).len(), 1);
    world
        .azure
        .model(|model| model.add_service_tag("AzureDevOps", &["20.71.0.0/24", "20.71.1.0/25"]));
    later(&world, HOUR).await;
    assert_eq!(world.azure.requests_of(Call::ServiceTags).len(), 2);
    let set = listed(&world, "devops");
    assert_eq!(
        (set.change_number, set.size.unwrap().addresses),
        (Some(65), 384)
    );
    // A list that cannot be had never makes way for another.
    world
        .azure
        .knobs(|knobs| knobs.always(Call::ServiceTags, Fault::Garbled));
    later(&world, 6 * HOUR).await;
    assert_eq!(listed(&world, "list").age_seconds, Some(6 * 3600));
}

#[tokio::test]
async fn github_is_read_by_its_url() {
    let world = world(
        |azure| {
            let page = json!({ "actions": ["20.95.0.0/24", "2603:1030::/48"], "hooks": [] });
            let url = azure.publish("meta", &page.to_string());
            format!("list: {{ github_meta: actions, url: \"{url}\" }}")
        },
        ASK,
    )
    .await;
    assert_eq!(listed(&world, "list").size.unwrap().stretches_v6, 1);
    assert_eq!(rule(&world, "20.95.0.9").await.as_deref(), Some("known"));
    assert_eq!(rule(&world, STRANGER).await, None);
}
