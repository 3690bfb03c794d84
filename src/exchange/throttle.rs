//! How many calls one client may have made for it in a second: a loop is slowed before it has spent what its whole team has.
//!
//! Counted is what a client leads or has made for itself alone; hits and fills that it joins cost nothing and never count. A client is an address
//! within a team; of IPv6 the first 64 bits, because a single machine has all the others to itself.
//!
//! The generic cell rate algorithm in its usual form: of each client one instant is kept, at which its allowance would be whole again. The crate
//! `governor` has it too, and lets the time be given; but its keyed limiters grow with the number of keys until somebody walks them, and a store of
//! our own that does not would be longer than the algorithm. Here what is whole again is forgotten, and clients beyond the number that is
//! kept share one allowance: whoever floods from many addresses slows others that come new, and fills no memory.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::request::client::Client;
use crate::team::TeamId;

/// Clients that are told apart.
const MAX_CLIENTS: usize = 16_384;
/// Of all that are kept, those whose allowance is whole are looked for this often at most.
const SWEEP: Duration = Duration::from_secs(1);

/// The allowances of all clients.
#[derive(Debug)]
pub struct Throttle {
    /// Time in which one more may be made; none: no limit.
    interval: Option<Duration>,
    /// What may be made at once.
    burst: u32,
    clients: Mutex<Clients>,
}

#[derive(Debug, Default)]
struct Clients {
    /// When each client's allowance is whole again, on the monotonic hand.
    whole_at: HashMap<Of, Duration>,
    /// The same of all that found no place among these.
    others: Duration,
    swept: Duration,
}

/// Whose allowance.
type Of = (TeamId, Option<IpAddr>);

impl Throttle {
    /// `per_second` on average, and `burst` at once; 0 a second is no limit.
    pub fn new(per_second: u32, burst: NonZeroU32) -> Self {
        let interval = Duration::from_secs(1).checked_div(per_second);
        Self { interval, burst: burst.get(), clients: Mutex::default() }
    }

    /// Takes one call of the client's allowance. `elapsed` is the monotonic hand.
    ///
    /// # Errors
    ///
    /// If there is none: the time until there is.
    pub fn take(&self, client: &Client, elapsed: Duration) -> Result<(), Duration> {
        let Some(interval) = self.interval else { return Ok(()) };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let whole_at = clients.of((client.team, client.address.map(network)), elapsed);
        // As long as an allowance takes to be whole, so much of it is spent.
        let spent = whole_at.saturating_sub(elapsed);
        let most = interval.saturating_mul(self.burst - 1);
        if spent > most {
            return Err(spent - most);
        }
        *whole_at = elapsed.saturating_add(spent).saturating_add(interval);
        Ok(())
    }
}

impl Clients {
    fn of(&mut self, client: Of, elapsed: Duration) -> &mut Duration {
        if self.whole_at.len() >= MAX_CLIENTS && !self.whole_at.contains_key(&client) {
            if elapsed.saturating_sub(self.swept) >= SWEEP {
                self.swept = elapsed;
                self.whole_at.retain(|_, whole_at| *whole_at > elapsed);
            }
            if self.whole_at.len() >= MAX_CLIENTS {
                return &mut self.others;
            }
        }
        self.whole_at.entry(client).or_default()
    }
}

/// What of an address tells one client from another.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::client::KnownBy;

    fn client(team: u16, address: &str) -> Client {
        Client { team: TeamId::new(team), known_by: KnownBy::Nothing, address: Some(address.parse().unwrap()) }
    }

    fn throttle(per_second: u32, burst: u32) -> Throttle {
        Throttle::new(per_second, NonZeroU32::new(burst).unwrap())
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_goes_at_once_and_then_so_many_a_second() {
        let (throttle, loops) = (throttle(10, 5), client(0, "192.0.2.1"));
        let mut made = Vec::new();
        for now in 0..=1000 {
            if throttle.take(&loops, ms(now)).is_ok() {
                made.push(now);
            }
        }
        assert_eq!(made, [0, 1, 2, 3, 4, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
        assert_eq!(throttle.take(&loops, ms(1030)), Err(ms(70)), "and is told how long to wait");
        assert!((0..5).all(|_| throttle.take(&loops, ms(2000)).is_ok()), "what is not used is saved, up to the burst");
        assert!(throttle.take(&loops, ms(2000)).is_err());
    }

    #[test]
    fn a_client_is_an_address_within_a_team() {
        let throttle = throttle(1, 1);
        let first = |team, address| throttle.take(&client(team, address), ms(0)).is_ok();
        assert!(first(0, "192.0.2.1"));
        assert!(!first(0, "::ffff:192.0.2.1"), "the same, written otherwise");
        assert!(first(1, "192.0.2.1") && first(0, "192.0.2.2"));
        assert!(first(0, "2001:db8:1:1::1"));
        assert!(!first(0, "2001:db8:1:1:ffff::2"), "one machine has all of a /64");
        assert!(first(0, "2001:db8:1:2::1"));
    }

    #[test]
    fn without_a_limit_nothing_is_kept() {
        let throttle = throttle(0, 1);
        assert!((0..1000).all(|_| throttle.take(&client(0, "192.0.2.1"), ms(0)).is_ok()));
        assert!(throttle.clients.lock().unwrap().whole_at.is_empty());
    }

    #[test]
    fn a_flood_of_addresses_fills_no_memory_and_all_beyond_the_limit_share_one_allowance() {
        let throttle = throttle(1, 2);
        let addresses = |from: u32| (from..from + 60_000).map(|bits| client(0, &std::net::Ipv4Addr::from_bits(bits).to_string()));
        let made = addresses(0).filter(|client| throttle.take(client, ms(0)).is_ok()).count();
        assert_eq!(made, MAX_CLIENTS + 2);
        assert_eq!(throttle.clients.lock().unwrap().whole_at.len(), MAX_CLIENTS);
        let made = addresses(1 << 24).filter(|client| throttle.take(client, ms(1500)).is_ok()).count();
        assert!(made >= MAX_CLIENTS, "those whose allowance is whole are forgotten: {made}");
        assert_eq!(throttle.clients.lock().unwrap().whole_at.len(), MAX_CLIENTS);
    }
}
