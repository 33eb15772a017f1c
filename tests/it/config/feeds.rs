//! Feeds from storage accounts: what is read, and what a wrong one is told.

use super::{REGISTRY, SecretRef};
use super::{broken, read};
use doorward::azure::StorageAccess;
use doorward::config::{Auth, Config, Feed, FeedKind};
use std::time::Duration;

fn with(feed: &str) -> String {
    format!(
        "links: {{ key: {{ env: DOORWARD_LINK_KEY }} }}
registries:
  - id: {REGISTRY}
sources:
  - name: fetched
    feed: {feed}
    trust_status_403: true
"
    )
}

fn feed(config: &Config) -> &Feed {
    let Auth::Feed(feed) = &config.sources[0].auth else {
        panic!("{config:?}")
    };
    feed
}

#[test]
fn three_lines_are_a_feed_of_every_kind() {
    let config = read(&with(
        "{ kind: storage_queue, account: contosodenials, queue: denials }",
    ));
    let FeedKind::StorageQueue(queue) = &feed(&config).kind else {
        panic!("{config:?}")
    };
    assert_eq!(queue.account.access, StorageAccess::Identity);
    assert_eq!(
        (queue.max_dequeues, queue.visibility_timeout),
        (10, Duration::from_mins(2))
    );
    assert_eq!(feed(&config).every, Duration::from_secs(10));
    assert!(feed(&config).registries.is_empty());
    let config = read(&with(
        "{ kind: blob, account: contosologs, container: [one, two], sas: { env: SAS } }",
    ));
    let FeedKind::Blob(blob) = &feed(&config).kind else {
        panic!("{config:?}")
    };
    assert_eq!(blob.containers, ["one", "two"]);
    assert_eq!(
        blob.account.access,
        StorageAccess::Sas(SecretRef::Env("SAS".to_owned()))
    );
    let named: Vec<&str> = feed(&config)
        .secrets
        .iter()
        .map(|it| it.field.as_str())
        .collect();
    assert_eq!(named, ["sources[0].feed.sas"]);
}

#[test]
fn mistake_of_a_feed_is_told_with_its_fix_and_without_secrets() {
    for (feed, told) in [
        (
            "{ kind: storage_queue, queue: denials }",
            "name the storage account",
        ),
        (
            "{ kind: storage_queue, account: Contoso, queue: denials }",
            "3 to 24 small letters",
        ),
        (
            "{ kind: storage_queue, account: contoso, queue: d }",
            "3 to 63 small letters",
        ),
        (
            "{ kind: storage_queue, account: contoso, queue: denials, every: 1h }",
            "write 1s to 15m",
        ),
        (
            "{ kind: storage_queue, account: contoso, queue: denials, visibility_timeout: 1h }",
            "write 1s to 15m",
        ),
        (
            "{ kind: storage_queue, account: contoso, queue: denials, key: hunter2 }",
            "a secret is named here",
        ),
        (
            "{ kind: storage_queue, account: contoso, queue: denials, key: { env: A }, sas: { env: B } }",
            "keep one of the two",
        ),
        (
            "{ kind: storage_queue, account: contoso, queue: denials, endpoint: 'http://queues.example/' }",
            "no https URL",
        ),
        (
            "{ kind: storage_queue, account: contoso, queue: denials, endpoint: 'https://q.example/?sig=hunter2' }",
            "a SAS is named by `sas`",
        ),
        (
            "{ kind: storage_queue, account: contoso, queue: denials, endpoint: 'http://127.0.0.1:10001/contoso' }",
            "never sent without TLS",
        ),
        (
            "{ kind: storage_queue, account: contoso, queue: denials, container: a }",
            "there is no field `container`",
        ),
        ("{ kind: blob, account: contoso }", "name the container"),
        (
            "{ kind: blob, account: contoso, container: [one, one] }",
            "a second time",
        ),
    ] {
        let problems = broken(&with(feed));
        assert!(problems.contains(told), "{feed}: {problems}");
        assert!(!problems.contains("hunter2"), "{problems}");
    }
}
