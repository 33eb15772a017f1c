//! Whether feeds can be read, for whoever sets them up.

use super::progress::Part;
use super::storage::Read;
use super::{all, list, run_once};
use crate::config::FeedKind;
use crate::flow::app::App;
use crate::store::StoreError;
use doorward_core::doctor::senders::FeedPart;
use doorward_core::intake::feed::{FeedFailure, FeedStatus, ServiceFailure, Store};

/// Asks each part of a source's feed once. Nothing is changed there; what is found goes into the ledger that `app`
/// has, which is to be thrown away. Nothing for a source that is no feed.
pub async fn probe(app: &App, source: &str) -> Result<Vec<FeedPart>, StoreError> {
    let Some((source, feed)) = all(app).find(|(known, _)| known.name == source) else {
        return Ok(Vec::new());
    };
    if let FeedKind::StorageQueue(kind) = &feed.kind {
        // To receive a message would hide it.
        let peeked = match app.arm.queue(&kind.account, &kind.queue) {
            Ok(queue) => queue.peek().await,
            Err(error) => Err(error),
        };
        let read = Read {
            account: &kind.account,
            store: Store::Queue,
            name: &kind.queue,
        };
        let status = peeked.map_or_else(
            |error| read.refused(app, source, &error).status,
            |()| FeedStatus::Reading,
        );
        // To look at messages takes another permission of a SAS than to receive them.
        let unsure = FeedFailure::Service(ServiceFailure::RightMissing(Store::Queue));
        return Ok(vec![FeedPart {
            name: kind.queue.clone(),
            is_unsure: status.failure() == Some(&unsure),
            failing: status.failure().is_some(),
            text: status.text(),
        }]);
    }
    for part in Part::all(source, feed) {
        run_once(app, &part.source, &part.name).await?;
    }
    let parts = list(app).into_iter();
    let parts = parts.filter(|view| view.source == source.name);
    Ok(parts
        .map(|view| FeedPart {
            name: view.partition,
            is_unsure: false,
            failing: view.failing,
            text: view.text,
        })
        .collect())
}
