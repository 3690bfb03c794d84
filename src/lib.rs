//! préau: one roof over an open-data portal.

pub mod admin;
pub mod budget;
pub mod cache;
pub mod clock;
pub mod config;
pub mod error;
pub mod exchange;
pub mod origin;
pub mod portal;
pub mod request;
pub mod response;
pub mod server;
pub mod simulator;
pub mod telemetry;
