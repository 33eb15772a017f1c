//! Asks Azure which hosts lead to the enrolled registries, until all are known; and reads those again, by
//! and by, that could not be read.

use super::posture;
use crate::flow::app::App;
use doorward_core::net::resource_id::ResourceId;
use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use std::time::Duration;

/// How long a read may take: the first needs a token, and a machine's identity endpoint takes its time.
const READ_WITHIN: Duration = Duration::from_secs(50);

/// How many registries are read at once: one that does not answer costs the others nothing.
const AT_ONCE: usize = 16;

/// Reads what is due; when to look again, if a registry cannot be read.
pub async fn run_once(app: &App) -> Option<Timestamp> {
    let (unread, now) = (app.unread_registries(), app.clock.now());
    let due = app.postures(|postures| postures.due(unread, now));
    let read = async |id: ResourceId| posture::read_within(app, &id, READ_WITHIN).await;
    stream::iter(due).for_each_concurrent(AT_ONCE, read).await;
    app.postures(|postures| postures.next())
}
