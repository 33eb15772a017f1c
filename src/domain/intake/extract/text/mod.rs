//! TODO room

pub(crate) mod line_breaks;
pub(crate) mod lines;
pub(crate) mod normalize;
pub(crate) mod page;
pub(crate) mod unescape;
pub(crate) mod unwrap_lines;
pub(crate) mod window;
