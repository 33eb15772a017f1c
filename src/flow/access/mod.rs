//! Who may come in beside senders: sessions of people who signed in, and tokens of programs.

pub mod api_tokens;
pub mod sessions;
