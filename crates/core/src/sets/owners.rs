//! All tags of a service-tag file, ready to say which of them hold an address.

use super::sources::service_tags::ServiceTags;
use super::{Index, parse_cidr};
use std::net::IpAddr;

/// The tags by the numbers that the index has for them.
#[derive(Clone, Debug)]
pub struct Owners {
    names: Vec<String>,
    index: Index,
    /// Which edition of the file it is.
    pub change_number: u64,
    /// What of the file could not be read: one line for each prefix.
    pub wrong: Vec<String>,
}

impl Owners {
    /// Indexes a file. A prefix that is none is noted, and costs only itself.
    pub fn new(file: &ServiceTags) -> Self {
        let (mut prefixes, mut wrong) = (Vec::new(), Vec::new());
        for (tag, number) in file.values.iter().zip(0..) {
            for prefix in &tag.properties.address_prefixes {
                match parse_cidr(prefix) {
                    Ok(network) => prefixes.push((network, number)),
                    Err(error) => wrong.push(format!("service tag `{}`: {error}", tag.name)),
                }
            }
        }
        Self {
            names: file.values.iter().map(|tag| tag.name.clone()).collect(),
            index: Index::new(prefixes),
            change_number: file.change_number,
            wrong,
        }
    }

    /// The names of the tags that hold an address, in the order of the file.
    pub fn holding(&self, address: IpAddr) -> impl Iterator<Item = &str> {
        let numbers = self.index.holding(address).iter();
        numbers.filter_map(|number| self.names.get(*number as usize).map(String::as_str))
    }

    /// The index itself.
    pub fn index(&self) -> &Index {
        &self.index
    }
}
