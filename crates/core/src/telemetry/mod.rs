//! What can be measured of what stands and of what happens: nothing here decides anything.

mod completed;
pub mod standing;
pub mod steps;
