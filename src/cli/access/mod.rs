//! Who may come in to a running doorward: `doorward sessions` and `doorward tokens`.

pub(super) mod sessions;
pub(super) mod tokens;
