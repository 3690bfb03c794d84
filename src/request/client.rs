//! Who asks: the team that a request belongs to, and the client within it.
//!
//! By a key of ours (`keys`), else by the network of its address (`address`), else nobody in particular. What a browser asks on behalf of a
//! foreign page (`pages`) belongs to the team of such pages, whatever the network of its reader: no page spends a team's calls. A key that is
//! shown and not known is a fault, never silently the default team.
//!
//! Pure: the configuration, a head and the address at the other end of the connection decide. What a team may spend is the budget's to say.

mod address;
mod keys;
mod pages;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use http::request::Parts;
use ipnet::IpNet;

use self::keys::{Carried, Keys};
use self::pages::Pages;
use crate::config::Config;
use crate::request::credential::OwnKey;
use crate::team::TeamId;

/// Whoever sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The team that it spends for.
    pub team: TeamId,
    /// By what it was recognised.
    pub known_by: KnownBy,
    /// Its address, behind trusted proxies the one that the last of them has seen; none where nobody can tell.
    pub address: Option<IpAddr>,
}

/// By what a client was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// A key of ours.
    Key,
    /// Its network.
    Network,
    /// Nothing: it belongs to the default team, or to that of foreign pages.
    Nothing,
}

/// Why a request is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrecognised {
    /// A key of ours that is nobody's: 401.
    #[error("this key is not known here; ask whoever runs this server for one, or ask without")]
    UnknownKey,
    /// The name that came with a key is not that of the key's team: 401, so that whoever typed it is asked again.
    #[error("this key is not that of the team whose name came with it; give the team's own name, or leave the name empty")]
    OtherName,
    /// Two keys that disagree: 400.
    #[error("the request carries two keys of this server; send one, in `X-Preau-Key` or by `Authorization: Basic`")]
    TwoKeys,
    /// A trusted proxy says what cannot be read: 400.
    #[error("what a proxy says of the client's address in `Forwarded` or `X-Forwarded-For` cannot be read")]
    MalformedForwarding,
    /// A trusted proxy says two things: 400.
    #[error("`Forwarded` and `X-Forwarded-For` name different clients; a proxy passes on one of them unread")]
    TwoAddresses,
}

/// All by which clients are recognised.
#[derive(Debug)]
pub struct Recognition {
    keys: Keys,
    /// The narrowest first.
    networks: Vec<(IpNet, TeamId)>,
    proxies: Vec<IpNet>,
    pages: Pages,
    /// By team.
    may_force: Vec<bool>,
}

impl Recognition {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        let teams = || (0..).map(TeamId::new).zip(&config.teams);
        let mut networks: Vec<_> = teams().flat_map(|(id, team)| team.networks.iter().map(move |network| (*network, id))).collect();
        networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
        let public = config.portals.iter().filter_map(|portal| portal.public_url.as_ref()).chain(config.listen.public_url.as_ref());
        let hosts = config.portals.iter().flat_map(|portal| &portal.hosts).map(String::as_str);
        Self {
            keys: Keys::new(teams()),
            networks,
            proxies: config.listen.trusted_proxies.clone(),
            pages: Pages::new(&config.listen.allowed_origins, public, hosts),
            may_force: config.teams.iter().map(|team| team.may_force).collect(),
        }
    }

    /// Whose request it is; `peer` is the address at the other end of its connection.
    ///
    /// # Errors
    ///
    /// [`Unrecognised`]: a key that is nobody's, two that disagree, and what a trusted proxy should not have sent.
    pub fn recognise(&self, head: &Parts, peer: Option<IpAddr>) -> Result<Client, Unrecognised> {
        let carried = self.keys.carried(&head.headers)?;
        let address = address::of(&head.headers, peer, &self.proxies)?;
        let client = |team, known_by| Ok(Client { team, known_by, address });
        match carried {
            // No page has it set without this server's leave (it is asked for that beforehand) and without knowing the key.
            Some(Carried { team, by: OwnKey::Field }) => client(team, KnownBy::Key),
            carried => {
                if self.pages.is_foreign(&head.headers) {
                    // A browser repeats a name and password that it was once given, whichever page makes it ask: they show who reads the
                    // page, and not that the page is one of theirs.
                    return client(TeamId::BROWSER, KnownBy::Nothing);
                }
                match (carried, address.and_then(|address| self.team_of(address))) {
                    (Some(Carried { team, .. }), _) => client(team, KnownBy::Key),
                    (None, Some(team)) => client(team, KnownBy::Network),
                    (None, None) => client(TeamId::DEFAULT, KnownBy::Nothing),
                }
            }
        }
    }

    /// Whether a team's clients may force calls by what their requests say.
    pub fn may_force(&self, team: TeamId) -> bool {
        self.may_force.get(team.index()).copied().unwrap_or(false)
    }

    /// The team in whose narrowest network an address is.
    fn team_of(&self, address: IpAddr) -> Option<TeamId> {
        self.networks.iter().find(|(network, _)| network.contains(&address)).map(|(_, team)| *team)
    }
}
