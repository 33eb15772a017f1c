//! stub
use super::denial::Denial;
use super::sets::Sets;
use super::verdict::*;
use jiff::{SignedDuration, Timestamp};
/// stub
#[derive(Debug, Default)]
pub struct Policy;
impl Policy {
    /// n
    pub fn needs(&self) -> Vec<super::sets::External> { Vec::new() }
}
/// stub
#[derive(Debug)]
pub struct Facts<'a> {
    /// d
    pub denial: &'a Denial,
    /// r
    pub registry: Option<&'a str>,
    /// s
    pub source: &'a str,
    /// i
    pub identity: Option<&'a str>,
    /// u
    pub user_agent: Option<&'a str>,
    /// t
    pub trusted_status_403: bool,
}
/// stub
pub fn decide(_: &Policy, _: &Sets, _: &Facts<'_>, _: SignedDuration, _: Timestamp) -> Verdict {
    Verdict::alert(NoteCode::NoAddress, String::new())
}
