//! The forms that channels take a message in. Each is a pure function of the message, escapes what comes
//! from outside in its own way, and keeps within its receiver's limits.

pub mod email;
pub mod escape;
#[cfg(test)]
mod hostile;
pub mod pagerduty;
#[cfg(test)]
pub(crate) mod samples;
pub mod slack;
pub mod teams;
pub mod template;
pub mod webhook;
