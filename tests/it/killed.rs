//! The real program is killed in the middle of its first write, and started again.

use crate::process::{Installation, until};
use crate::world::{OURS, REGISTRY, furnished, message};
use clock::Clock;
use doorward_sim::{Call, Moment};

/// Killed while Azure holds the PATCH at `moment`: the ledger settles, and the grant ends.
async fn killed_at(moment: Moment) {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "8s");
    let first = installed.serve().await;
    let hold = azure.hold(Call::PatchRegistry, moment);
    first.deliver(message(OURS)).await;
    hold.reached().await;
    first.kill().await;
    assert_eq!(installed.kinds().await.last(), Some(&"write_intended"));
    hold.release();
    let _second = installed.serve().await;
    until("the write is settled", async || {
        installed.kinds().await.contains(&"opened")
    })
    .await;
    assert_eq!(
        azure.requests_of(Call::PatchRegistry).len(),
        1,
        "the PATCH was sent again"
    );
    until("the entry is gone", async || {
        azure.entries(REGISTRY).is_empty()
    })
    .await;
    until("the grant is over", async || {
        installed.kinds().await.last() == Some(&"ended")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_azure_has_done_anything() {
    killed_at(Moment::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_azure_has_done_it() {
    killed_at(Moment::After).await;
}

#[tokio::test]
async fn a_second_doorward_does_not_share_a_ledger_with_a_first() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "8s");
    let _first = installed.serve().await;
    let told = installed.refuses_to_serve().await;
    assert!(told.contains("another doorward uses this ledger"), "{told}");
}

#[tokio::test]
async fn a_link_key_that_is_too_short_is_told_with_its_place() {
    let azure = furnished(&Clock::system()).await;
    let installed = Installation::new(&azure, "8s");
    std::fs::write(installed.folder.path().join("link"), "short").unwrap();
    let told = installed.refuses_to_serve().await;
    assert!(
        told.contains("doorward.yaml:1:") && told.contains("field: links.key"),
        "{told}"
    );
    assert!(
        told.contains("openssl rand") && !told.contains("short\n"),
        "{told}"
    );
}
