//! Listeners: accepting connections, limits against hostile peers, reading bodies, what is in front of
//! every handler.

pub(crate) mod body;
pub(crate) mod boundary;
pub(crate) mod gate;
pub(crate) mod hosts;
pub(crate) mod origin;
pub(crate) mod readers;
pub(crate) mod server;
pub(crate) mod unauthenticated;
pub(crate) mod unpack;
