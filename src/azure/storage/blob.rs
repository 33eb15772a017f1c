//! A container's blobs, listed and read piece by piece
//! (<https://learn.microsoft.com/rest/api/storageservices/list-blobs>).

use super::{Reach, StorageError, VERSION, time, within};
use azure_core::http::pager::PageIterator;
use azure_storage_blob::models::{
    BlobClientDownloadOptions, BlobContainerClientListBlobsOptions, BlobItem,
};
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};
use doorward_core::intake::feed::blobs::Listed;
use futures_util::TryStreamExt;
use std::num::NonZero;
use std::ops::Range;

/// How many pages of a list are read, of 5000 blobs each.
const MAX_PAGES: usize = 20;

/// A container.
pub struct Container(BlobContainerClient);

impl Container {
    pub(super) fn new(reach: Reach) -> Result<Self, StorageError> {
        let options = BlobContainerClientOptions {
            client_options: reach.options,
            version: VERSION.to_owned(),
        };
        let client = BlobContainerClient::new(reach.url, reach.credential, Some(options));
        client.map(Self).map_err(|_| StorageError::SecretUnusable)
    }

    /// The blobs whose names begin with `prefix`, and whether these are all.
    pub async fn list(&self, prefix: Option<&str>) -> Result<(Vec<Listed>, bool), StorageError> {
        let options = BlobContainerClientListBlobsOptions {
            prefix: prefix.map(str::to_owned),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let listing = self.0.list_blobs(Some(options));
        let listing = listing.map_err(|error| StorageError::read(&error))?;
        let mut pages: PageIterator<_> = listing.into_pages();
        let mut found = Vec::new();
        for _ in 0..MAX_PAGES {
            let Some(page) = within(pages.try_next()).await? else {
                return Ok((found, true));
            };
            let page = page.into_model();
            let page = page.map_err(|error| StorageError::read(&error))?;
            found.extend(page.blob_items.into_iter().filter_map(listed));
        }
        let more = within(pages.try_next()).await?;
        Ok((found, more.is_none()))
    }

    /// Some bytes of a blob.
    pub async fn read(&self, blob: &str, range: Range<u64>) -> Result<Vec<u8>, StorageError> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).ok();
        let options = BlobClientDownloadOptions {
            parallel: NonZero::new(1),
            partition_size: length.and_then(NonZero::new),
            range: Some(range.into()),
            ..BlobClientDownloadOptions::default()
        };
        let client = self.0.blob_client(blob);
        let download = async {
            let answer = client.download(Some(options)).await?;
            answer.body.collect().await
        };
        Ok(within(download).await?.to_vec())
    }
}

fn listed(blob: BlobItem) -> Option<Listed> {
    let properties = blob.properties?;
    Some(Listed {
        name: blob.name?,
        size: properties.content_length?,
        modified: properties.last_modified.and_then(time)?,
    })
}
