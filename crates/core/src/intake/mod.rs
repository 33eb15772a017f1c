//! From a body to its denials: reading deliveries, extraction, attribution to a registry, deduplication.

pub mod admission;
pub mod arrivals;
pub mod dedup;
pub mod delivery;
pub mod denial;
mod document;
pub mod extract;
pub mod feed;
pub mod report;
pub mod routing;
pub mod work;
