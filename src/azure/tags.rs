//! Azure's own list of service tags
//! (<https://learn.microsoft.com/rest/api/virtualnetwork/service-tags/list>). It may be weeks behind
//! the weekly file, and lacks tags that network security groups cannot use.

use super::arm::{Arm, json};
use super::call::Call;
use super::error::ArmError;
use super::http::MAX_ANSWER;
use doorward_core::sets::sources::service_tags::ServiceTags;
use serde_json::Value;

/// The api-version that it is read with.
const API_VERSION: &str = "2024-05-01";

/// The most pages that are read.
const MAX_PAGES: usize = 100;

impl Arm {
    /// The service tags that a subscription is told. `location` says which version of the list, and
    /// filters nothing. Needs `Microsoft.Network/locations/serviceTags/read`.
    pub async fn service_tags(
        &self,
        subscription: &str,
        location: &str,
        call: &Call,
    ) -> Result<ServiceTags, ArmError> {
        let path = format!(
            "/subscriptions/{subscription}/providers/Microsoft.Network/locations/{location}/serviceTags"
        );
        let bad = |why: String| ArmError::bad_reply(&path, why);
        let mut whole: Option<ServiceTags> = None;
        let mut next = Some(self.url(&path, API_VERSION));
        let (mut pages, mut bytes) = (0_usize, 0_usize);
        while let Some(url) = next {
            let reply = self.read(url, call).await?;
            (pages, bytes) = (pages + 1, bytes.saturating_add(reply.body.len()));
            if pages > MAX_PAGES || bytes > MAX_ANSWER {
                return Err(bad(format!(
                    "the list does not end within {MAX_PAGES} pages"
                )));
            }
            let page = json(&reply, &path)?;
            next = match page.get("nextLink").and_then(Value::as_str) {
                None | Some("") => None,
                Some(link) => Some(self.link(link).map_err(bad)?),
            };
            let page: ServiceTags =
                serde_json::from_value(page).map_err(|error| bad(error.to_string()))?;
            match &mut whole {
                None => whole = Some(page),
                Some(whole) if whole.change_number == page.change_number => {
                    whole.values.extend(page.values);
                }
                Some(_) => {
                    return Err(bad(
                        "another edition was published while it was read".to_owned()
                    ));
                }
            }
        }
        whole.ok_or_else(|| bad("it has no pages".to_owned()))
    }
}
