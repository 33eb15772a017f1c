//! Text as loggers mangle it, made readable: escapes, wraps, line breaks, and the window around a match.

pub(crate) mod line_breaks;
pub(crate) mod lines;
pub(crate) mod normalize;
pub(crate) mod page;
pub(crate) mod said;
pub(crate) mod unescape;
pub(crate) mod unwrap_lines;
pub(crate) mod window;
