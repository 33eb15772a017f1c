//! The `azure` section of the configuration: which cloud, its endpoints, and as whom.

use super::cloud::Cloud;
use super::identity::credential::Credential;
use reqwest::Url;
use serde::Deserialize;
use std::path::PathBuf;

/// The `azure` section as it is written. [`Settings::validate`] checks it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Which cloud's endpoints to use where none is named below.
    pub cloud: Cloud,
    /// Azure Resource Manager: `https://management.azure.com/`.
    pub resource_manager: Option<String>,
    /// Where tokens are had: `https://login.microsoftonline.com/`.
    pub authority: Option<String>,
    /// What a token is asked for: `https://management.azure.com/.default`.
    pub scope: Option<String>,
    /// The api-version that registries are written with.
    pub api_version: String,
    /// The api-version that registries are read with: one that shows virtual network rules.
    pub read_api_version: String,
    /// A PEM file with authorities to trust beside the usual ones.
    pub ca_file: Option<PathBuf>,
    /// As whom doorward speaks to Azure.
    pub credential: Credential,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cloud: Cloud::default(),
            resource_manager: None,
            authority: None,
            scope: None,
            api_version: "2025-11-01".to_owned(),
            read_api_version: "2026-03-01-preview".to_owned(),
            ca_file: None,
            credential: Credential::default(),
        }
    }
}

/// A setting of the `azure` section that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("azure.{field}: {problem}")]
pub struct SettingsError {
    /// The field, as the configuration writes it.
    pub field: &'static str,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl SettingsError {
    pub(super) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            field,
            problem: problem.into(),
        }
    }
}

/// The endpoints, checked.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    pub(super) resource_manager: Url,
    pub(super) authority: Url,
    pub(super) scope: String,
}

impl Settings {
    /// Checks every field that can be checked without reading a file or asking Azure.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.endpoints()?;
        check_api_version("api_version", &self.api_version)?;
        check_api_version("read_api_version", &self.read_api_version)?;
        if !shows_virtual_network_rules(&self.read_api_version) {
            return Err(SettingsError::new(
                "read_api_version",
                format!(
                    "`{}` hides a registry's virtual network rules, which a write may then wipe: use `2026-03-01-preview`, or `2021-08-01-preview` where that is not offered",
                    self.read_api_version
                ),
            ));
        }
        Ok(())
    }

    /// Where tokens of Microsoft Entra ID are issued, checked.
    pub fn authority(&self) -> Result<Url, SettingsError> {
        Ok(self.endpoints()?.authority)
    }

    pub(super) fn endpoints(&self) -> Result<Endpoints, SettingsError> {
        let manager = self.resource_manager.as_deref();
        let authority = self.authority.as_deref();
        let scope = match self.scope.as_deref() {
            Some(scope) => check_scope(scope)?.to_owned(),
            None => format!("{}.default", self.cloud.resource_manager()),
        };
        Ok(Endpoints {
            resource_manager: self.endpoint(
                "resource_manager",
                manager.unwrap_or(self.cloud.resource_manager()),
            )?,
            authority: self.endpoint("authority", authority.unwrap_or(self.cloud.authority()))?,
            scope,
        })
    }

    /// An endpoint: scheme, host and port, nothing else; without TLS only to this machine, and only
    /// when the token sent there is a static one.
    fn endpoint(&self, field: &'static str, text: &str) -> Result<Url, SettingsError> {
        let refuse = |problem: &str| Err(SettingsError::new(field, problem));
        let Ok(url) = Url::parse(text) else {
            return refuse("this is not an URL: write it as `https://host/`");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(
                "an URL with a user name or password is not accepted: remove it, and name the credential under `azure.credential`",
            );
        }
        if url.query().is_some() || url.fragment().is_some() || url.path() != "/" {
            return refuse(
                "only scheme, host and port are wanted: remove the path, query or fragment",
            );
        }
        match url.scheme() {
            "http" if !is_loopback(&url) => refuse(
                "plain http would send the token readable over the network: use https (`ca_file` names an authority of your own)",
            ),
            "http" if !matches!(self.credential, Credential::StaticToken(_)) => refuse(
                "plain http is for a simulated Azure on this machine, and only with `credential: { kind: static_token, env: NAME }`: use https",
            ),
            "https" | "http" => Ok(url),
            _ => refuse("only https is spoken here: write it as `https://host/`"),
        }
    }
}

/// Whether an URL names this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<std::net::IpAddr>()
        .map_or(host == "localhost", |address| address.is_loopback())
}

/// A scope is handed to `az` on a command line: hence the narrow set of characters.
fn check_scope(scope: &str) -> Result<&str, SettingsError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/');
    let resource = scope.strip_suffix("/.default");
    if scope.chars().all(plain) && resource.is_some_and(|resource| !resource.is_empty()) {
        Ok(scope)
    } else {
        Err(SettingsError::new(
            "scope",
            "a scope is a resource's URL and `/.default`: write it as `https://management.azure.com/.default`",
        ))
    }
}

fn check_api_version(field: &'static str, version: &str) -> Result<(), SettingsError> {
    let date = version.strip_suffix("-preview").unwrap_or(version);
    let is_date = date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok();
    if is_date {
        Ok(())
    } else {
        Err(SettingsError::new(
            field,
            "an api-version is a date, with `-preview` or without: write it as `2025-11-01`",
        ))
    }
}

/// Virtual network rules went out of the registry's api with 2021-09-01 and came back with
/// 2026-03-01-preview (the swagger files of `Microsoft.ContainerRegistry`).
fn shows_virtual_network_rules(version: &str) -> bool {
    !("2021-09-01".."2026-03-01").contains(&version)
}

#[cfg(test)]
mod tests;
