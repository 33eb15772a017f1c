//! Feeds from a storage account: `storage_queue` and `blob`.

use crate::azure::{StorageAccess, StorageAccount};
use crate::config::Secret;
use crate::config::values::{is_loopback, secret};
use doorward_core::yaml::problem::Sink;
use doorward_core::yaml::{Fields, Item};
use reqwest::Url;
use std::path::Path;
use std::time::Duration;

/// How long a message is hidden from others while it is taken in, unless the file says otherwise. After a
/// crash it comes again no sooner than that.
const HIDDEN_FOR: Duration = Duration::from_mins(2);
/// The longest that it may be: later a denial opens nothing.
const LONGEST_HIDDEN: Duration = Duration::from_mins(15);
/// How often a message is received before it is set aside unread, unless the file says otherwise.
const MAX_DEQUEUES: u32 = 10;

/// A queue of Azure Storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueFeed {
    /// Whose it is.
    pub account: StorageAccount,
    /// Its name.
    pub queue: String,
    /// How long a message is hidden from others while it is taken in.
    pub visibility_timeout: Duration,
    /// How often a message is received before it is set aside unread.
    pub max_dequeues: u32,
}

/// Archived logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobFeed {
    /// Whose they are.
    pub account: StorageAccount,
    /// The containers that they are in.
    pub containers: Vec<String>,
    /// What the names of blobs that are read begin with.
    pub prefix: Option<String>,
}

/// Reads what `kind: storage_queue` takes.
pub(super) fn queue(
    fields: &mut Fields<'_>,
    (folder, secrets): (&Path, &mut Vec<Secret>),
    sink: &mut Sink<'_>,
) -> Option<QueueFeed> {
    let account = account(fields, (folder, secrets), sink);
    let queue = fields.need("queue", "name the queue: `queue: denials`", sink);
    let queue = queue.and_then(|at| store_name(&at, sink));
    let hidden = fields.take("visibility_timeout");
    let hidden = hidden.map_or(Some(HIDDEN_FOR), |at| {
        let hidden = at.duration(sink)?;
        if !(Duration::from_secs(1)..=LONGEST_HIDDEN).contains(&hidden) {
            at.error(
                "a message is not hidden that short or that long",
                "write 1s to 15m",
                sink,
            );
        }
        Some(hidden)
    });
    let most = fields.take("max_dequeues");
    let most = most.map_or(Some(MAX_DEQUEUES), |at| at.number(1, 1_000, sink));
    Some(QueueFeed {
        account: account?,
        queue: queue?,
        visibility_timeout: hidden?,
        max_dequeues: most?,
    })
}

/// Reads what `kind: blob` takes.
pub(super) fn blob(
    fields: &mut Fields<'_>,
    (folder, secrets): (&Path, &mut Vec<Secret>),
    sink: &mut Sink<'_>,
) -> Option<BlobFeed> {
    let account = account(fields, (folder, secrets), sink);
    let help = "name the container: `container: insights-logs-containerregistryloginevents`";
    let containers = fields.need("container", help, sink);
    let containers = containers.and_then(|at| {
        let mut names = Vec::new();
        for item in at.each() {
            let name = store_name(&item, sink)?;
            if names.contains(&name) {
                item.error("this is there a second time", "keep one of the two", sink);
            }
            names.push(name);
        }
        (!names.is_empty()).then_some(names)
    });
    let prefix = fields.take("prefix");
    let prefix = prefix.map(|at| at.text(sink).map(str::to_owned));
    Some(BlobFeed {
        account: account?,
        containers: containers?,
        prefix: match prefix {
            None => None,
            Some(read) => Some(read?),
        },
    })
}

fn account(
    fields: &mut Fields<'_>,
    (folder, secrets): (&Path, &mut Vec<Secret>),
    sink: &mut Sink<'_>,
) -> Option<StorageAccount> {
    let help = "name the storage account: `account: contosodenials`";
    let name = fields.need("account", help, sink);
    let name = name.and_then(|at| account_name(&at, sink));
    let endpoint = fields.take("endpoint");
    let read = endpoint.as_ref().map(|at| endpoint_of(at, sink));
    let (key, sas) = (fields.take("key"), fields.take("sas"));
    if let (Some(_), Some(at)) = (&key, &sas) {
        at.error(
            "an account is read with a key or with a SAS",
            "keep one of the two",
            sink,
        );
    }
    let mut reference = |at: &Item<'_>| {
        let secret = secret(at, folder, sink)?;
        secrets.push(secret.clone());
        Some(secret.from)
    };
    let access = match (&key, &sas) {
        (Some(at), _) => StorageAccess::Key(reference(at)?),
        (None, Some(at)) => StorageAccess::Sas(reference(at)?),
        (None, None) => StorageAccess::Identity,
    };
    if let (StorageAccess::Identity, Some(at), Some(Some(url))) = (&access, &endpoint, &read)
        && url.scheme() == "http"
    {
        let help = "use `https://`, or give a `key` or `sas`";
        at.error("an identity's token is never sent without TLS", help, sink);
    }
    Some(StorageAccount {
        name: name?,
        endpoint: match read {
            None => None,
            Some(read) => Some(read?),
        },
        access,
    })
}

/// The service's own URL: of another cloud, behind a custom domain, or an emulator's.
fn endpoint_of(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<Url> {
    let url = Url::parse(item.text(sink)?).ok().filter(|url| {
        let safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(url);
        let bare = url.query().is_none() && url.fragment().is_none();
        safe && bare && url.has_host() && url.username().is_empty() && url.password().is_none()
    });
    if url.is_none() {
        item.hide(sink);
        let help = "write the service's URL, such as `https://contosodenials.queue.core.windows.net/`; a SAS is named by `sas`";
        item.error("this is no https URL of a storage service", help, sink);
    }
    url
}

fn account_name(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?;
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    if (3..=24).contains(&text.len()) && text.chars().all(plain) {
        return Some(text.to_owned());
    }
    let help = "write its name alone: 3 to 24 small letters and digits";
    item.error("this is no name of a storage account", help, sink);
    None
}

/// A queue's or container's name
/// (<https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata>).
fn store_name(item: &Item<'_>, sink: &mut Sink<'_>) -> Option<String> {
    let text = item.text(sink)?;
    let plain = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-$".contains(letter)
    };
    if (3..=63).contains(&text.len()) && text.chars().all(plain) {
        return Some(text.to_owned());
    }
    let help = "write 3 to 63 small letters, digits and `-`";
    item.error("this is no name of a queue or container", help, sink);
    None
}
