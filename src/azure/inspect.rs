//! Looking at an installation's Azure side without changing it: whose token it is, what that may do, where a
//! registry's logs go, what time it is there.

use super::arm::Arm;
use super::call::Call;
use super::error::ArmError;
use super::http::SendError;
use super::identity::token_error::TokenError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_core::doctor::machine::Identity;
use doorward_core::doctor::permissions::Permissions;
use doorward_core::net::resource_id::ResourceId;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::DATE;
use reqwest::{Method, Request};
use serde_json::Value;

/// <https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource>.
const PERMISSIONS: (&str, &str) = (
    "/providers/Microsoft.Authorization/permissions",
    "2022-04-01",
);
/// <https://learn.microsoft.com/rest/api/monitor/diagnostic-settings/list>.
const SETTINGS: (&str, &str) = (
    "/providers/Microsoft.Insights/diagnosticSettings",
    "2021-05-01-preview",
);
/// Any resource will do: the answer's head is looked at.
const ANYTHING: (&str, &str) = ("/subscriptions", "2022-12-01");

impl Arm {
    /// Whose token it is, as the token itself says; nothing of that is verified here.
    pub async fn identity(&self) -> Result<Identity, TokenError> {
        let authorization = self.token().await?;
        let token = authorization.to_str().unwrap_or_default();
        Ok(identity(token).unwrap_or_default())
    }

    /// What this identity may do on a resource.
    pub async fn permissions(&self, id: &ResourceId, call: &Call) -> Result<Permissions, ArmError> {
        let (path, version) = PERMISSIONS;
        let values = self.list(self.url(&format!("{id}{path}"), version), call);
        Ok(Permissions::read(&values.await?))
    }

    /// The diagnostic settings of a resource, as Azure shows them.
    pub async fn diagnostic_settings(
        &self,
        id: &ResourceId,
        call: &Call,
    ) -> Result<Vec<Value>, ArmError> {
        let (path, version) = SETTINGS;
        self.list(self.url(&format!("{id}{path}"), version), call)
            .await
    }

    /// What time it is there, by the `Date` of an answer; none where it has none. Asked without a token.
    pub async fn time(&self) -> Result<Option<Timestamp>, SendError> {
        let (path, version) = ANYTHING;
        let request = Request::new(Method::GET, self.url(path, version));
        let reply = self.http().send(request).await?;
        let date = reply.headers.get(DATE).and_then(|date| date.to_str().ok());
        Ok(date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok()))
    }
}

/// What a JSON web token's claims say of whose it is; none if it is of another form.
fn identity(authorization: &str) -> Option<Identity> {
    let token = authorization.strip_prefix("Bearer ")?;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| claims.get(name)?.as_str());
        found.map(doorward_core::messages::wording::quoted)
    };
    Some(Identity {
        client_id: text(&["appid", "azp"]),
        object_id: text(&["oid"]),
        tenant: text(&["tid"]),
        user: text(&["upn", "unique_name", "preferred_username"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_read_from_claims_and_never_from_another_form() {
        let claims = serde_json::json!({ "appid": "a", "oid": "o", "tid": "t" }).to_string();
        let token = format!("Bearer e30.{}.sig", URL_SAFE_NO_PAD.encode(claims));
        let found = identity(&token).unwrap();
        assert_eq!(found.client_id.as_deref(), Some("a"));
        assert_eq!((found.object_id.as_deref(), found.user), (Some("o"), None));
        for other in ["Bearer opaque", "Bearer a.b.c", "Basic e30.e30.x", ""] {
            assert_eq!(identity(other), None, "{other}");
        }
    }
}
