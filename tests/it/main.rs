//! The one integration test binary: short stories against the real program and a simulated Azure.

mod corpus;
