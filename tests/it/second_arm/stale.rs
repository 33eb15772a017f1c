//! Reads that show what was.

use super::fake::Registry;
use super::{SECOND, Story};
use crate::world::OURS;

#[tokio::test]
async fn a_read_older_than_one_before_a_restart_is_not_written_from() {
    let theirs = |registry: &mut Registry| {
        registry.rule_set = registry.rule_set.replace("[]", r#"[{"value":"40.1.2.3"}]"#);
    };
    let unknown = |registry: &mut Registry| {
        registry.rule_set = registry.rule_set.replace("[]", r#"[],"future":1"#);
    };
    let edits: [fn(&mut Registry); 2] = [theirs, unknown];
    for edit in edits {
        let mut story = Story::new().await;
        story.world.settle().await;
        let before = story.arm.snapshot();
        story.world.pass(SECOND).await;
        story.arm.edit(edit);
        let changed = story.arm.registry().rule_set;
        story.world.pass(360 * SECOND).await;
        story.world.restart().await;
        story.arm.reads_show(Some(before));
        story.world.denied(OURS).await;
        story.world.pass(30 * SECOND).await;
        assert!(story.arm.patches().is_empty(), "{changed}");
        story.arm.reads_show(None);
        story.world.pass(10 * SECOND).await;
        assert!(story.arm.entries().contains(&OURS.to_owned()), "{changed}");
        let kept =
            |part: &str| !changed.contains(part) || story.arm.registry().rule_set.contains(part);
        assert!(kept("40.1.2.3") && kept("future"), "{changed}");
    }
}
