//! What doorward knows nothing of comes back byte for byte.

use super::fake::Registry;
use super::{SECOND, Story};
use crate::world::OURS;

/// Members in no order, numbers that no machine has, escapes and blanks.
const ENTRY: &str = r#"{"zeta":1.0,"value":"40.1.2.3","big":123456789012345678901234567890,"action":"Allow","far":1e400,"x":{"b" : [1 ,  2.50],"a":"caf\u00e9 \ud83d"}}"#;
const AFTER: &str = r#""virtualNetworkRules":[{"id":"/subscriptions/s/subnets/a","action":"Allow","n":-0.0e-7}],"future":{"z":1,"a":18446744073709551616,"z":2}"#;
const TAGS: &str = r#"{"z-team":"Gr\u00fcn","a":"b\/c","cost":"1.0"}"#;

#[tokio::test]
async fn what_is_not_known_comes_back_byte_for_byte() {
    let set = |entries: &str| {
        format!(r#"{{"beta":[],"ipRules":[{entries}],"defaultAction":"Deny",{AFTER}}}"#)
    };
    let story = Story::of(Registry {
        rule_set: set(ENTRY),
        tags: TAGS.to_owned(),
        ..Registry::default()
    })
    .await;
    story.world.denied(OURS).await;
    story.world.settle().await;
    let ours = format!(r#"{{"action":"Allow","value":"{OURS}"}}"#);
    assert_eq!(
        story.arm.registry().rule_set,
        set(&format!("{ENTRY},{ours}"))
    );
    assert_eq!(story.arm.registry().tags, TAGS);
    story.world.pass(601 * SECOND).await;
    assert_eq!(story.arm.registry().rule_set, set(ENTRY));
}
