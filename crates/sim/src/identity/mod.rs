//! Who is who: Microsoft Entra ID with its tokens, and managed identity.

pub(crate) mod authority;
pub(crate) mod managed;
pub(crate) mod tokens;
