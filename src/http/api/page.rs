//! Lists in pages: a cursor says where the next one begins.

use crate::http::HttpError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many items a page has where nobody says, and at most.
pub(crate) const USUAL: u32 = 50;
pub(crate) const MOST: u32 = 500;

/// The longest cursor that there is, in characters.
const LONGEST: usize = 512;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Page<T> {
    /// What is on it, in the order that the list has.
    pub(crate) items: Vec<T>,
    /// The `cursor` of the next page; null on the last.
    pub(crate) next: Option<String>,
}

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub(crate) limit: Option<u32>,
    /// `next` of the page before; left out for the first.
    #[param(max_length = 512)]
    pub(crate) cursor: Option<String>,
}

impl Paging {
    /// How many items are wanted.
    pub(super) fn limit(&self) -> Result<usize, HttpError> {
        let limit = self.limit.unwrap_or(USUAL);
        if (1..=MOST).contains(&limit) {
            return Ok(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        let what = format!("`limit` is from 1 to {MOST}");
        Err(HttpError::BadOrder(what))
    }

    /// The key of the last item that was shown.
    pub(super) fn after(&self) -> Result<Option<String>, HttpError> {
        let decoded = self.cursor.as_ref().map(|cursor| {
            let short = Some(cursor).filter(|cursor| cursor.len() <= LONGEST);
            let bytes = URL_SAFE_NO_PAD.decode(short?).ok()?;
            String::from_utf8(bytes).ok()
        });
        match decoded {
            Some(None) => {
                let what = "`cursor` is what `next` of an earlier answer said, or left out";
                Err(HttpError::BadOrder(what.to_owned()))
            }
            Some(key) => Ok(key),
            None => Ok(None),
        }
    }

    /// A page of `items`, which are in the order of their keys.
    pub(super) fn cut<T>(
        &self,
        items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<Page<T>, HttpError> {
        let (limit, after) = (self.limit()?, self.after()?);
        let mut left = items
            .into_iter()
            .filter(|item| after.as_ref().is_none_or(|after| key(item) > *after));
        let items: Vec<T> = left.by_ref().take(limit).collect();
        let more = left.next().is_some();
        let next = items.last().filter(|_| more).map(|last| cursor(&key(last)));
        Ok(Page { items, next })
    }
}

/// A key as a cursor.
pub(super) fn cursor(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(limit: u32, cursor: Option<String>) -> Paging {
        let limit = Some(limit);
        Paging { limit, cursor }
    }

    #[test]
    fn pages_show_each_item_once_also_when_one_vanishes_between() {
        let key = |item: &u32| format!("{item:04}");
        let first = paging(2, None).cut(vec![1, 2, 3, 4, 5], key).unwrap();
        assert_eq!(first.items, [1, 2]);
        let second = paging(2, first.next).cut(vec![1, 3, 4, 5], key).unwrap();
        assert_eq!(second.items, [3, 4]);
        let last = paging(2, second.next).cut(vec![1, 3, 4, 5], key).unwrap();
        assert_eq!((last.items, last.next), (vec![5], None));
    }

    #[test]
    fn limits_and_cursors_that_nobody_gave_are_refused() {
        assert!(paging(0, None).limit().is_err());
        assert!(paging(501, None).limit().is_err());
        assert!(paging(1, Some("%".to_owned())).after().is_err());
        assert_eq!(Paging::default().limit().unwrap(), 50);
    }
}
