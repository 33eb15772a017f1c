//! Azure as doorward needs it: tokens, and registries and addresses through Azure Resource Manager.
//!
//! Nothing in here retries an exchange: who asks decides, and every new attempt starts at reading.

mod arm;
mod call;
mod cloud;
mod egress;
mod error;
pub mod http;
pub mod identity;
mod inspect;
mod logs;
mod operation;
mod rate_budget;
#[cfg(test)]
mod scripted;
mod settings;
mod storage;
mod tags;
#[cfg(test)]
mod tests;
mod unreadable;
mod usage;

pub use arm::{Arm, PATCH_WITHIN};
pub use call::Call;
pub use cloud::Cloud;
pub use egress::Egress;
pub(crate) use error::retry_after;
pub use error::{ArmError, PatchError};
pub use identity::credential::Credential;
pub use identity::token_error::TokenError;
pub use operation::{Accepted, Operation, Progress};
pub use settings::{Settings, SettingsError};
pub use storage::{Container, Message, Queue, StorageAccess, StorageAccount, StorageError};
pub use unreadable::{Reason, Unreadable};
