//! The configuration: read once, checked whole, every error with file, line and field.

mod secret;

pub use secret::{SecretError, SecretRef};
