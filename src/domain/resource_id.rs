//! stub
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
/// stub
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(String);
impl ResourceId {
    /// name
    pub fn name(&self) -> &str { self.0.rsplit('/').next().unwrap_or_default() }
    fn key(&self) -> String { self.0.to_ascii_lowercase() }
}
impl fmt::Display for ResourceId { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) } }
impl PartialEq for ResourceId { fn eq(&self, o: &Self) -> bool { self.key() == o.key() } }
impl Eq for ResourceId {}
impl PartialOrd for ResourceId { fn partial_cmp(&self, o: &Self) -> Option<Ordering> { Some(self.cmp(o)) } }
impl Ord for ResourceId { fn cmp(&self, o: &Self) -> Ordering { self.key().cmp(&o.key()) } }
impl std::str::FromStr for ResourceId { type Err = std::convert::Infallible; fn from_str(s: &str) -> Result<Self, Self::Err> { Ok(Self(s.to_owned())) } }
