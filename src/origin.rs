//! Forwarding: how a call leaves for a portal and what comes back.
//!
//! Fifth in the flow, between the budget's [`Reservation`](crate::budget::Reservation), without which nothing leaves, and the store or the
//! client that gets the answer. `request` gives every call its one shape, `client` sends it at most once, `response` and `body` are what
//! arrives, `content_coding` proves or undoes its coding. What may be asked, and what becomes of an answer, is decided elsewhere.

mod body;
mod client;
mod connection;
mod content_coding;
mod error;
mod proxy;
mod request;
mod response;
mod trust;

pub use body::{Body, Completed};
pub use client::{Client, plain};
pub use connection::named_in_connection;
pub use content_coding::{Coding, Decoded, Fault as CodingFault, Gunzip, Limits, checked};
pub use error::{BuildError, Error, Phase};
pub use proxy::{ProxyFault, Via, proxy_for};
pub use request::Call;
pub use response::Answer;
pub use trust::{TrustFault, authorities};
