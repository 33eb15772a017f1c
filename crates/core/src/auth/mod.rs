//! Proofs of who somebody is: tokens of CI jobs and of Azure, signatures of senders, signed links, people.

pub mod api_token;
pub mod easy_auth;
pub mod link;
pub mod owner;
pub mod person;
pub mod proof;
pub mod sign_in;
pub mod signature;
pub mod slack;
pub mod token;
