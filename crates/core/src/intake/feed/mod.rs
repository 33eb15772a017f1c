//! Records that doorward fetches itself: each is read as a delivery of its own, so that a bad one costs
//! no good one, and all of a page go into the ledger together with the feed's new cursor.

pub mod azure_logs;
pub mod blobs;
pub mod queue;
mod service;
mod status;

pub use service::{ServiceFailure, Store};
pub use status::{FeedFailure, FeedStatus};

use super::delivery;
use super::delivery::uses::{self, Use};
use super::delivery::{Dimensions, Head};
use super::report::{BadRecord, Delivery, Format};
use super::work::WorkBudget;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// A record as it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRecord {
    /// Its event's id, where what it holds has none of its own: the same id is the same event.
    pub event: String,
    /// What it is.
    pub body: Vec<u8>,
}

/// What a page of records holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// What they report, as one delivery. Its `bad` are set aside.
    pub delivery: Delivery,
    /// Signs that watched addresses are at work.
    pub uses: Vec<Use>,
}

/// Reads records one by one.
pub fn read(
    records: &[FeedRecord],
    dimensions: &Dimensions,
    watched: &BTreeSet<Ipv4Addr>,
) -> FeedPage {
    let json = Head::of([("content-type", "application/json")]);
    let text = Head::of([("content-type", "text/plain")]);
    let mut page = FeedPage {
        delivery: Delivery {
            format: Format::Diagnostic,
            records: records.len(),
            reports: Vec::new(),
            bad: Vec::new(),
            validation_code: None,
            passed_over: Vec::new(),
            changes: Vec::new(),
        },
        uses: Vec::new(),
    };
    for (number, record) in (1..).zip(records) {
        let work = WorkBudget::for_body(record.body.len());
        let is_json = record.body.trim_ascii_start().starts_with(b"{")
            || record.body.trim_ascii_start().starts_with(b"[");
        let head = if is_json { &json } else { &text };
        match delivery::read_within((head, dimensions), &record.body, work) {
            Ok(one) => {
                page.take(number, record, one);
                page.uses.extend(uses::read(head, &record.body, watched));
            }
            Err(error) => page.delivery.bad.push(BadRecord {
                record: number,
                error: error.to_string(),
            }),
        }
    }
    page.uses.sort_by_key(|one| one.at);
    page
}

impl FeedPage {
    fn take(&mut self, number: usize, record: &FeedRecord, one: Delivery) {
        let all = &mut self.delivery;
        // Several things may be wrong with one record: it is set aside once.
        if let Some(bad) = one.bad.into_iter().next() {
            all.bad.push(BadRecord {
                record: number,
                error: bad.error,
            });
        }
        for mut report in one.reports {
            report.event_id.get_or_insert_with(|| record.event.clone());
            all.reports.push(report);
        }
        all.changes.extend(one.changes);
        for (name, count) in one.passed_over {
            match all.passed_over.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum = sum.saturating_add(count),
                None => all.passed_over.push((name, count)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(event: &str, body: &str) -> FeedRecord {
        FeedRecord {
            event: event.to_owned(),
            body: body.into(),
        }
    }

    #[test]
    fn broken_record_is_set_aside_beside_good_ones() {
        let denial = "{\"category\": \"ContainerRegistryLoginEvents\", \"resourceId\": \"/x\", \"operationName\": \"Login\", \
            \"resultDescription\": \"403\", \"callerIpAddress\": \"20.1.2.3\", \"time\": \"2026-11-22T12:00:00Z\", \
            \"properties\": { \"loginServer\": \"contosoprod.azurecr.io\" }}";
        let records = [
            record("a", denial),
            record("b", "{ \"records\": [ broken"),
            record("c", denial),
        ];
        let page = read(&records, &Dimensions::default(), &BTreeSet::new());
        let events = page
            .delivery
            .reports
            .iter()
            .map(|it| it.event_id.as_deref());
        assert_eq!(events.collect::<Vec<_>>(), [Some("a"), Some("c")]);
        let bad: Vec<usize> = page.delivery.bad.iter().map(|bad| bad.record).collect();
        assert_eq!((page.delivery.records, bad), (3, vec![2]));
    }

    #[test]
    fn plain_text_is_read_beside_events() {
        let text = "denied: client with IP '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.";
        let page = read(
            &[record("a", text)],
            &Dimensions::default(),
            &BTreeSet::new(),
        );
        assert_eq!(
            (page.delivery.reports.len(), page.delivery.bad.len()),
            (1, 0)
        );
    }

    #[test]
    fn event_of_its_own_keeps_its_id() {
        let event = "{\"id\": \"own\", \"eventType\": \"a\", \"data\": { \"message\": \"contosoprod.azurecr.io: client with IP \
            '20.1.2.3' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.\" }}";
        let records = [record("message", event)];
        let page = read(&records, &Dimensions::default(), &BTreeSet::new());
        assert_eq!(page.delivery.reports.len(), 1);
        assert_eq!(page.delivery.reports[0].event_id.as_deref(), Some("own"));
    }
}
