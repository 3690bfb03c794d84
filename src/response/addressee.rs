//! Whom an answer of our own is told: in which language, for which team, and whom it may ask.

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;
use jiff::Timestamp;

use crate::config::Config;
use crate::request::language::Spoken;
use crate::team::TeamId;

/// What the configuration says of those who ask and of whom they may turn to.
#[derive(Clone, Debug, Default)]
pub struct House {
    contact: Option<String>,
    teams: Vec<String>,
}

/// The reader of a refusal or an error.
#[derive(Clone, Copy, Debug)]
pub struct Addressee<'a> {
    /// The language it is told in.
    pub spoken: Spoken,
    /// When.
    pub now: Timestamp,
    /// Its team's name, if the request got so far.
    pub team: Option<&'a str>,
    /// Whom to ask for more, if the operator says so.
    pub contact: Option<&'a str>,
}

impl House {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        Self { contact: config.budget.contact.clone(), teams: config.teams.iter().map(|team| team.name.clone()).collect() }
    }

    /// Whoever sent these fields.
    pub fn addressee(&self, request: &HeaderMap, team: Option<TeamId>, now: Timestamp) -> Addressee<'_> {
        Addressee {
            spoken: Spoken::preferred(request.get_all(ACCEPT_LANGUAGE)),
            now,
            team: team.and_then(|team| self.teams.get(team.index())).map(String::as_str),
            contact: self.contact.as_deref(),
        }
    }
}
