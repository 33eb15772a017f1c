//! What was fetched goes into the ledger, together with where reading goes on.

use super::progress::Part;
use crate::flow::app::{App, Source};
use crate::flow::{intake, notice, usage};
use crate::store::StoreError;
use doorward_core::intake::feed::{self, FeedPage, FeedRecord};
use doorward_core::ledger::feed::FeedAdvanced;

/// How many records of one page that could not be read the log tells of.
const BAD_IN_LOG: usize = 5;

/// Records that were fetched, read.
pub(super) struct Fetched {
    page: FeedPage,
    records: usize,
    /// How many more are set aside without being read.
    unread: usize,
}

/// Where reading goes on.
pub(super) struct Next {
    /// One more than the advance before.
    pub(super) number: u64,
    /// Where, in the feed's own words.
    pub(super) cursor: String,
    /// Whether that is to be written down though nothing was reported.
    pub(super) is_due: bool,
}

impl Fetched {
    /// Reads records that are new.
    pub(super) fn new(app: &App, source: &Source, records: &[FeedRecord], unread: usize) -> Self {
        let watched = usage::watched(app, source);
        Self {
            page: feed::read(records, &source.options.dimensions, &watched),
            records: records.len().saturating_add(unread),
            unread,
        }
    }

    /// Takes in what they hold: signs of use first, which count once however often they come; then denials
    /// and the cursor together. Whether the cursor was written down.
    pub(super) async fn commit(
        self,
        app: &App,
        source: &Source,
        part: &Part,
        next: Next,
    ) -> Result<bool, StoreError> {
        let delivery = self.page.delivery;
        usage::take_in(app, source, &self.page.uses).await?;
        let set_aside = count(delivery.bad.len().saturating_add(self.unread));
        let reported = !delivery.reports.is_empty() || !delivery.changes.is_empty();
        let is_written = reported || set_aside > 0 || next.is_due;
        if is_written {
            let advanced = FeedAdvanced {
                source: source.name.clone(),
                partition: part.key.clone(),
                number: next.number,
                cursor: next.cursor,
                records: count(self.records),
                set_aside,
            };
            intake::accept_feed(app, source, delivery.clone(), advanced).await?;
        }
        intake::count(app, source, &delivery);
        let name = (source.name.as_str(), part.name.as_str());
        app.metrics.feeds.set_aside(name, set_aside);
        notice::of(app, source, &delivery);
        for bad in delivery.bad.iter().take(BAD_IN_LOG) {
            let error = &bad.error;
            tracing::warn!(
                source = source.name,
                error,
                "a record could not be read and is set aside"
            );
        }
        Ok(is_written)
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
