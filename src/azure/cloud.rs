//! The clouds of Azure and their endpoints.

use serde::Deserialize;

/// A cloud of Azure, each with endpoints of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cloud {
    /// Azure as everybody knows it.
    #[default]
    Public,
    /// Azure for the US government.
    UsGov,
    /// Azure in China, operated by 21Vianet.
    China,
}

impl Cloud {
    /// The host of the cloud's Resource Manager
    /// (<https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure>,
    /// <https://learn.microsoft.com/azure/china/resources-developer-guide>).
    pub(super) fn resource_manager(self) -> &'static str {
        match self {
            Self::Public => "https://management.azure.com/",
            Self::UsGov => "https://management.usgovcloudapi.net/",
            Self::China => "https://management.chinacloudapi.cn/",
        }
    }

    /// What the hosts of its storage accounts end with.
    pub(super) fn storage_suffix(self) -> &'static str {
        match self {
            Self::Public => "core.windows.net",
            Self::UsGov => "core.usgovcloudapi.net",
            Self::China => "core.chinacloudapi.cn",
        }
    }

    /// The cloud's Entra sign-in host
    /// (<https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud>).
    pub(super) fn authority(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com/",
            Self::UsGov => "https://login.microsoftonline.us/",
            Self::China => "https://login.partner.microsoftonline.cn/",
        }
    }
}
