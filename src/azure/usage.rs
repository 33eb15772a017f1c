//! How many IP rules a registry may have
//! (<https://learn.microsoft.com/rest/api/containerregistry/registries/list-usages>).

use super::arm::Arm;
use super::call::Call;
use super::error::ArmError;
use doorward_core::net::resource_id::ResourceId;
use serde_json::Value;

impl Arm {
    /// The registry's limit of IP rules; `None` where doorward may not read it
    /// (`Microsoft.ContainerRegistry/registries/listUsages/read`) or Azure does not list it.
    pub async fn ip_rule_limit(
        &self,
        id: &ResourceId,
        call: &Call,
    ) -> Result<Option<u32>, ArmError> {
        let url = self.url(&format!("{id}/listUsages"), self.api_version());
        let usages = match self.list(url, call).await {
            Ok(usages) => usages,
            Err(ArmError::Refused {
                status: 403, code, ..
            }) => {
                tracing::info!(registry = %id, code, "the limit of IP rules may not be read");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let is_ip_rules = |usage: &&Value| {
            let name = usage.get("name").and_then(Value::as_str);
            name.is_some_and(|name| name.eq_ignore_ascii_case("IPRules"))
        };
        let limit = usages.iter().find(is_ip_rules).and_then(|u| u.get("limit"));
        Ok(limit
            .and_then(Value::as_u64)
            .and_then(|limit| u32::try_from(limit).ok()))
    }
}
