//! `doorward export`: what is permanent, for Terraform and Bicep, while the service runs.

use crate::program::{err, out};
use crate::world::{OURS, REGISTRY, World};
use std::process::Output;

async fn export(world: &World, format: &'static str) -> Output {
    let config = world.folder.path().join("doorward.yaml");
    let run = move || {
        crate::program::doorward(&[
            "export",
            "--config",
            config.to_str().unwrap(),
            "--format",
            format,
        ])
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn permanent_entries_are_printed_and_temporary_ones_are_comments() {
    let world = World::new().await;
    world.azure.edit(REGISTRY, "owner", |registry| {
        registry.allow("198.51.100.0/24");
    });
    world.denied(OURS).await;
    world.settle().await;
    let printed = export(&world, "tfvars").await;
    let text = out(&printed);
    assert!(printed.status.success(), "{}", err(&printed));
    assert!(text.contains("    \"198.51.100.0/24\",\n  ]"), "{text}");
    assert!(
        text.contains(&format!(
            "  # {OURS}: temporary, managed by doorward, until "
        )),
        "{text}"
    );
    let text = out(&export(&world, "bicepparam").await);
    assert!(
        text.contains("using 'main.bicep'") && text.contains("    '198.51.100.0/24'\n"),
        "{text}"
    );
    assert!(text.contains(&format!("  // {OURS}: temporary")), "{text}");
}
