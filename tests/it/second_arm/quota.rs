//! A list that takes fewer entries than anybody said.

use super::fake::Registry;
use super::{SECOND, Story};
use serde_json::json;

const NUMBERED: &str = "The requested feature IP rule exceeds allowed quota 8 for the SKU Premium.";
const UNNUMBERED: &str = "The IP rule quota of the registry is exceeded.";

#[tokio::test]
async fn what_azure_says_of_its_limit_is_learnt_and_the_free_places_are_filled() {
    for (text, patches) in [(NUMBERED, 2..=2), (UNNUMBERED, 2..=8)] {
        let others = ["40.0.0.1", "40.0.0.2", "40.0.0.3"];
        let entries = others.map(|value| json!({ "value": value }));
        let story = Story::of(Registry {
            rule_set: json!({ "defaultAction": "Deny", "ipRules": entries }).to_string(),
            quota: (8, text),
            ..Registry::default()
        })
        .await;
        for number in 0..10 {
            story
                .world
                .denied(&format!("20.61.20.{}", 2 * number + 1))
                .await;
        }
        story.world.pass(20 * SECOND).await;
        assert_eq!(story.arm.entries().len(), 8, "{text}");
        assert_eq!(story.world.messages(), ["list_full"; 5], "{text}");
        let sent = story.arm.patches().len();
        assert!(patches.contains(&sent), "{text}: {sent} writes");
        let told = story.world.last_message("text");
        assert!(told.contains("0 of 8 places"), "{told}");
        story.world.pass(620 * SECOND).await;
        assert_eq!(story.arm.entries(), others, "{text}");
    }
}
