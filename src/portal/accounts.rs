//! The organisation's own keys at a portal: accounts with calls of their own, and which teams may spend from them where the anonymous account
//! refuses.
//!
//! What a key unlocks beyond what everybody may read, it unlocks for every team that may use it: which teams those are is the operator's word.

use crate::config::Config;
use crate::request::credential::{Credential, CredentialFault};
use crate::team::TeamId;

/// The accounts at one portal.
#[derive(Debug, Default)]
pub struct Accounts {
    accounts: Vec<Account>,
    /// The places of those that each team may use, in the order in which it names them.
    open_to: Vec<Vec<usize>>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its key.
    pub credential: Credential,
}

/// The key of an account is none.
#[derive(Debug, thiserror::Error)]
#[error("account `{account}`: {fault}")]
pub struct NoKey {
    account: String,
    fault: CredentialFault,
}

impl Accounts {
    /// Those at the portal of this name.
    ///
    /// # Errors
    ///
    /// [`NoKey`] for a key that no header field can carry.
    pub fn of(config: &Config, portal: &str) -> Result<Self, NoKey> {
        let here = config.accounts.iter().filter(|account| account.portal == portal);
        let accounts = here.map(|account| {
            let credential = Credential::of_key(&account.key).map_err(|fault| NoKey { account: account.name.clone(), fault })?;
            Ok(Account { name: account.name.clone(), credential })
        });
        let accounts: Vec<Account> = accounts.collect::<Result<_, NoKey>>()?;
        let place = |name: &String| accounts.iter().position(|account| account.name == *name);
        let open_to = config.teams.iter().map(|team| team.overflow.iter().filter_map(place).collect()).collect();
        Ok(Self { accounts, open_to })
    }

    /// Those that a team may use, in the order in which it is to try them.
    pub fn open_to(&self, team: TeamId) -> impl Iterator<Item = &Account> {
        self.open_to.get(team.index()).into_iter().flatten().map(|place| &self.accounts[*place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Environment, Overrides, Secret};

    #[test]
    fn a_team_may_use_the_accounts_that_it_names_at_this_portal_and_no_others() {
        let mut config = Config::load(&Overrides::default(), &Environment::default()).unwrap();
        let account = |name: &str, portal: &str| config::Account {
            name: name.to_owned(),
            portal: portal.to_owned(),
            key: Secret::new(name),
            daily_calls: config.portals[0].daily_calls,
        };
        config.accounts = vec![account("one", "education"), account("two", "education"), account("three", "sports")];
        config.teams[0].overflow = ["three", "two", "one"].map(str::to_owned).to_vec();
        let accounts = Accounts::of(&config, "education").unwrap();
        let named = |team| accounts.open_to(team).map(|account| account.name.as_str()).collect::<Vec<_>>();
        assert_eq!(named(TeamId::DEFAULT), ["two", "one"]);
        assert!(named(TeamId::BROWSER).is_empty() && named(TeamId::new(7)).is_empty());
        config.accounts[0].key = Secret::new("with space");
        assert_eq!(Accounts::of(&config, "education").unwrap_err().account, "one");
    }
}
