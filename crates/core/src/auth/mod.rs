//! Proofs of who somebody is: tokens of CI jobs and of Azure, signatures of senders, signed links.

pub mod link;
pub mod owner;
pub mod person;
pub mod proof;
pub mod signature;
pub mod token;
