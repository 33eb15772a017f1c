//! TODO room

pub mod address;
pub mod network;
pub mod peer;
pub mod resource_id;
pub mod special;
