//! préau: one roof over an open-data portal.

pub mod clock;
pub mod simulator;
