//! Microsoft's weekly service-tag file (`ServiceTags_Public_YYYYMMDD.json`): which Azure service has
//! which addresses (<https://learn.microsoft.com/azure/virtual-network/service-tags-overview>).

use crate::sets::{Answer, CidrError, parse_cidr};
use crate::yaml::problem::did_you_mean;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

/// The file. Fields that nothing here needs are not read.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTags {
    /// Counts the changes of the file; a larger one is newer. A number in the file, a text in the
    /// answer of Azure Resource Manager.
    #[serde(deserialize_with = "number")]
    pub change_number: u64,
    /// `Public`, `AzureGovernment` or `AzureChinaCloud`.
    pub cloud: String,
    /// The tags.
    pub values: Vec<ServiceTag>,
}

/// One tag.
#[derive(Clone, Debug, Deserialize)]
pub struct ServiceTag {
    /// `AzureContainerRegistry.WestEurope`; its case varies from tag to tag.
    pub name: String,
    /// Its addresses.
    pub properties: Properties,
}

/// What a tag holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Properties {
    /// IPv4 and IPv6 mixed.
    pub address_prefixes: Vec<String>,
}

/// A file or tag that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServiceTagError {
    /// Not the JSON of the weekly file.
    #[error(
        "this is not Microsoft's weekly service-tag file: {0}; download ServiceTags_Public_*.json from https://www.microsoft.com/download/details.aspx?id=56519"
    )]
    Syntax(#[from] serde_json::Error),
    /// The file has no such tag.
    #[error("there is no service tag `{tag}` in this file: {hint}")]
    NoTag {
        /// The tag asked for.
        tag: String,
        /// What may be meant.
        hint: String,
    },
    /// A prefix that is none.
    #[error("service tag `{tag}`: {error}")]
    Prefix {
        /// The tag.
        tag: String,
        /// What is wrong.
        error: CidrError,
    },
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    match Written::deserialize(deserializer)? {
        Written::Number(number) => Ok(number),
        Written::Text(text) => text
            .parse()
            .map_err(|_| serde::de::Error::custom("`changeNumber` is not a whole number")),
    }
}

impl ServiceTags {
    /// Reads the file.
    pub fn parse(text: &str) -> Result<Self, ServiceTagError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Ok(serde_json::from_str(text)?)
    }

    /// The addresses of a tag, and which edition they are from.
    pub fn answer(&self, tag: &str) -> Result<Answer, ServiceTagError> {
        Ok(Answer {
            networks: self.tag(tag)?,
            change_number: Some(self.change_number),
            note: None,
        })
    }

    /// The addresses of a tag, its name compared without regard to case.
    pub fn tag(&self, name: &str) -> Result<Vec<IpNet>, ServiceTagError> {
        let found = |tag: &&ServiceTag| tag.name.eq_ignore_ascii_case(name);
        let Some(tag) = self.values.iter().find(found) else {
            let names = self.values.iter().map(|tag| tag.name.as_str());
            return Err(ServiceTagError::NoTag {
                tag: name.to_owned(),
                hint: did_you_mean(name, names).unwrap_or_else(|| {
                    "write service and region as the file does, such as AzureContainerRegistry.WestEurope".to_owned()
                }),
            });
        };
        let prefixes = tag.properties.address_prefixes.iter();
        prefixes
            .map(|prefix| {
                parse_cidr(prefix).map_err(|error| ServiceTagError::Prefix {
                    tag: tag.name.clone(),
                    error,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"changeNumber":7,"cloud":"Public","values":[
        {"name":"AzureContainerRegistry.WestEurope","id":"AzureContainerRegistry.WestEurope","properties":
         {"changeNumber":3,"region":"westeurope","regionId":18,"platform":"Azure","systemService":"AzureContainerRegistry",
          "addressPrefixes":["20.61.0.0/28","2603:1020::/64"],"networkFeatures":null}},
        {"name":"Broken","id":"Broken","properties":{"addressPrefixes":["20.61.0.1/28"]}}]}"#;

    #[test]
    fn tags_are_found_whatever_their_case() {
        let file = ServiceTags::parse(FILE).unwrap();
        let networks = file.tag("azurecontainerregistry.westeurope").unwrap();
        assert_eq!(networks.len(), 2);
        assert_eq!((file.change_number, file.cloud.as_str()), (7, "Public"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let file = ServiceTags::parse(FILE).unwrap();
        insta::assert_snapshot!(file.tag("AzureContainerRegistry.WestEurop").unwrap_err(), @r"there is no service tag `AzureContainerRegistry.WestEurop` in this file: did you mean `AzureContainerRegistry.WestEurope`?");
        insta::assert_snapshot!(file.tag("Broken").unwrap_err(), @r"service tag `Broken`: `20.61.0.1/28` has bits set beyond its prefix length: write `20.61.0.0/28` for the network, or the address alone");
        insta::assert_snapshot!(ServiceTags::parse("{}").unwrap_err(), @r"this is not Microsoft's weekly service-tag file: missing field `changeNumber` at line 1 column 2; download ServiceTags_Public_*.json from https://www.microsoft.com/download/details.aspx?id=56519");
    }
}
