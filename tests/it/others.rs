//! What others do to a registry in a story, and Event Grid's word of it.

use crate::world::{OURS, REGISTRY, World};
use doorward_sim::{Call, Moment, Outcome, Registry, Writes};
use serde_json::json;
use std::time::Duration;

/// Who they are, as Azure knows them.
pub(crate) const SOMEBODY: &str = "8b1f2e6c93a74c2e8f701b2c3d4e5f6a";
/// A correlation id of theirs.
pub(crate) const THEIR_WRITE: &str = "0b9d5a1c-0000-4000-8000-000000000000";

/// Writes that take so many seconds, and are to be asked for every so many.
pub(crate) fn taking(takes: u64, retry_after: u64, outcome: Outcome) -> Writes {
    Writes::Asynchronous {
        takes: Duration::from_secs(takes),
        retry_after: Duration::from_secs(retry_after),
        outcome,
    }
}

/// They change the registry.
pub(crate) fn edit(world: &World, change: impl FnOnce(&mut Registry)) {
    world.azure.edit(REGISTRY, "somebody else", change);
}

/// Something happens while a denial is being answered, at this moment of the next call of this kind.
pub(crate) async fn during_our_call(
    world: &World,
    (call, moment): (Call, Moment),
    happens: impl FnOnce(&World),
) {
    let hold = world.azure.hold(call, moment);
    world.denied(OURS).await;
    let ((), ()) = tokio::join!(
        async {
            hold.reached().await;
            happens(world);
            hold.release();
        },
        world.settle()
    );
}

/// Event Grid tells, with the event `id`, that somebody changed the registry now, under this
/// correlation id.
pub(crate) async fn tell(world: &World, id: &str, correlation: &str) {
    let uri = Registry::new(REGISTRY).id();
    let event = json!([{
        "id": id, "topic": uri, "subject": uri, "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "eventTime": world.clock.now().to_string(), "dataVersion": "2", "metadataVersion": "1",
        "data": {
            "resourceUri": uri, "correlationId": correlation,
            "operationName": "Microsoft.ContainerRegistry/registries/write",
            "authorization": { "evidence": { "principalId": SOMEBODY } },
        },
    }]);
    let reply = world.deliver("clusters", &event.to_string()).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
}
