//! What belongs to one piece of work that may take several exchanges with Azure.

use uuid::Uuid;

/// The id under which Azure's activity log and our own log tell of the same piece of work.
///
/// Sent as `x-ms-correlation-request-id` and `x-ms-client-request-id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The id, the same for all exchanges of the work.
    pub correlation_id: Uuid,
}

impl Call {
    /// A piece of work that already has an id.
    pub fn new(correlation_id: Uuid) -> Self {
        Self { correlation_id }
    }

    /// A piece of work with a fresh random id.
    pub fn random() -> Self {
        Self::new(Uuid::new_v4())
    }
}
