//! stub
use serde::{Deserialize, Serialize};
/// stub
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// r
    pub rule: Option<String>,
    /// b
    pub because: Option<String>,
}
