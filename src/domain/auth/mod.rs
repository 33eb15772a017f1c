//! TODO room

pub mod link;
pub mod owner;
pub mod proof;
pub mod signature;
pub mod token;
