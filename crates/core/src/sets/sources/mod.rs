//! Where sets come from: the formats that others publish addresses in.

pub mod cidr_list;
pub(crate) mod external;
pub mod geo;
pub mod github_meta;
pub mod service_tags;
pub(crate) mod web_url;
