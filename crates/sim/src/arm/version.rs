//! Which api-versions are taken, and what they show.

use super::super::wire::Incoming;
use super::error::ArmError;

/// Those of Microsoft.ContainerRegistry/registries that `az` and the SDKs use.
const REGISTRY: [&str; 21] = [
    "2017-10-01",
    "2019-05-01",
    "2019-12-01-preview",
    "2020-11-01-preview",
    "2021-06-01-preview",
    "2021-08-01-preview",
    "2021-09-01",
    "2021-12-01-preview",
    "2022-02-01-preview",
    "2022-12-01",
    "2023-01-01-preview",
    "2023-06-01-preview",
    "2023-07-01",
    "2023-08-01-preview",
    "2023-11-01-preview",
    "2024-11-01-preview",
    "2025-04-01",
    "2025-11-01",
    "2026-01-01-preview",
    "2026-03-01-preview",
    "2026-09-01-preview",
];

/// A well-formed api-version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Version(String);

/// Takes the request's api-version, if it looks like one.
pub(super) fn check(request: &Incoming) -> Result<Version, ArmError> {
    let Some(asked) = request.parameter("api-version").filter(|v| !v.is_empty()) else {
        return Err(ArmError::bad(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    };
    let date = asked.strip_suffix("-preview").unwrap_or(asked);
    if date.parse::<jiff::civil::Date>().is_err() {
        return Err(ArmError::bad(
            "InvalidApiVersionParameter",
            format!(
                "The api-version '{asked}' is invalid. The supported versions are '{}'.",
                REGISTRY.join(",")
            ),
        ));
    }
    Ok(Version(asked.to_owned()))
}

impl Version {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Refuses a version that registries do not have.
    pub(super) fn for_registries(&self, location: &str) -> Result<(), ArmError> {
        if REGISTRY.contains(&self.0.as_str()) {
            return Ok(());
        }
        Err(ArmError::bad(
            "NoRegisteredProviderFound",
            format!(
                "No registered resource provider found for location '{location}' and API version '{}' for type 'registries'. The supported api-versions are '{}'.",
                self.0,
                REGISTRY.join(", ")
            ),
        ))
    }

    /// Whether it is of this day or a later one.
    pub(super) fn is_since(&self, day: &str) -> bool {
        self.0.as_str() >= day
    }

    /// What a virtual network rule's subnet is called, if this version has such rules: they were
    /// taken out in 2021-09-01 and came back in 2026-03-01-preview, under another name. `az` moved
    /// from 2021-08-01-preview to 2026-09-01-preview.
    pub(super) fn subnet_field(&self) -> Option<&'static str> {
        match self.0.as_str() {
            "2026-03-01-preview" | "2026-09-01-preview" => Some("virtualNetworkSubnetResourceId"),
            older if older < "2021-09-01" => Some("id"),
            _ => None,
        }
    }
}
