//! Which registry refused, and what was asked of it.

pub(crate) mod context;
pub(crate) mod host_reference;
pub(crate) mod import;
pub(crate) mod name_owner;
pub(crate) mod preceding_lines;
pub(crate) mod request_url;
pub(crate) mod requested_image;
pub(crate) mod served;
pub(crate) mod sibling_fields;
