//! Addresses, networks and resource ids: parsing, and what IANA reserves.

pub mod address;
pub mod network;
pub mod peer;
pub mod resource_id;
pub mod special;
