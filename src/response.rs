//! What the client gets: a stored or passed answer with its labels, or a problem document.

pub mod addressee;
pub mod cache_status;
pub mod fields;
pub mod from_stored;
pub mod multipart;
pub mod problem;
pub mod range;
pub mod rate_limit;
pub mod refusal;
pub mod relinked;
pub mod selected;
pub mod version;
