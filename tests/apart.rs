//! What a key of the portal unlocks is its holders' alone, whatever happens; and keys that nobody has cost no more than what is allowed.

#[path = "apart/askers.rs"]
mod askers;
#[path = "apart/families.rs"]
mod families;
#[path = "support/http.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod http;
#[path = "apart/invented.rs"]
mod invented;
#[path = "apart/keys.rs"]
mod keys;
#[path = "apart/overflow.rs"]
mod overflow;
#[path = "support/roof.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod roof;
#[path = "apart/situations.rs"]
mod situations;
#[path = "apart/sweep.rs"]
mod sweep;
