//! préau: one roof over an open-data portal.
//!
//! An organisation's clients ask here instead of at the portal; what was asked before is answered from store, and every call that leaves
//! is counted on disk before it leaves. The modules, in the order in which a request meets them:
//!
//! 1. [`server`] takes connections and hands requests to [`exchange`], which calls the stages below and nothing else;
//! 2. [`request`] understands what is asked: endpoint, credential, canonical query, language;
//! 3. [`cache`] looks it up, and lets all who miss the same answer share one fill;
//! 4. [`budget`] grants the call that a fill needs, durably, or refuses it;
//! 5. [`origin`] makes the call, at most once;
//! 6. [`response`] and [`error`] dress what the client gets.
//!
//! Beside them: [`portal`], what is known of a portal beyond HTTP; [`audit`], which holds that against the portal; [`history`], who spent what; [`admin`], the operator's listener; [`team`], [`config`], [`clock`] and
//! [`telemetry`]; [`cli`], one subcommand a file; and [`simulator`], the portal in a box that tests and the demo run against.

pub mod admin;
pub mod audit;
pub mod budget;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod config;
pub mod error;
pub mod exchange;
pub mod history;
pub mod origin;
pub mod portal;
pub mod request;
pub mod response;
pub mod server;
pub mod simulator;
pub mod team;
pub mod telemetry;
