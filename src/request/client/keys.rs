//! Keys of ours: where a request carries one, and whose it is.
//!
//! A key that is shown is hashed and compared with every hash of the configuration, the whole of it and all of them, so that the time it takes
//! says nothing of how near a guess was.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::Unrecognised;
use crate::config::{KeyHash, Team};
use crate::request::credential::{OWN_KEY_FIELD, OwnKey};
use crate::team::TeamId;

/// The keys of all teams.
#[derive(Debug)]
pub(super) struct Keys {
    hashes: Vec<(KeyHash, TeamId)>,
    /// By team.
    names: Vec<String>,
}

/// A key that a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    /// Whose it is.
    pub(super) team: TeamId,
    /// Where it is.
    pub(super) by: OwnKey,
}

impl Keys {
    pub(super) fn new<'a>(teams: impl Iterator<Item = (TeamId, &'a Team)> + Clone) -> Self {
        Self {
            hashes: teams.clone().flat_map(|(id, team)| team.keys.iter().map(move |key| (*key, id))).collect(),
            names: teams.map(|(_, team)| team.name.clone()).collect(),
        }
    }

    /// The key that a request carries, if it carries any. Of two that agree, the one in our own field.
    ///
    /// # Errors
    ///
    /// One that is nobody's, and two that are not the same team's.
    pub(super) fn carried(&self, fields: &HeaderMap) -> Result<Option<Carried>, Unrecognised> {
        let in_field = only(fields.get_all(OWN_KEY_FIELD).iter())?;
        let in_field = in_field.map(|value| self.team_of(value.as_bytes().trim_ascii())).transpose()?;
        let basic = only(fields.get_all(AUTHORIZATION).iter().filter_map(|value| basic(value.as_bytes())))?;
        let basic = basic.map(|credentials| self.team_of_basic(credentials)).transpose()?;
        match (in_field, basic) {
            (Some(field), Some(basic)) if field != basic => Err(Unrecognised::TwoKeys),
            (Some(team), _) => Ok(Some(Carried { team, by: OwnKey::Field })),
            (None, Some(team)) => Ok(Some(Carried { team, by: OwnKey::Basic })),
            (None, None) => Ok(None),
        }
    }

    /// The team of `name:key` in Base64 (RFC 7617). The name may be empty: the key says it too.
    fn team_of_basic(&self, credentials: &[u8]) -> Result<TeamId, Unrecognised> {
        let text = BASE64_STANDARD.decode(credentials).map_err(|_| Unrecognised::UnknownKey)?;
        let colon = text.iter().position(|byte| *byte == b':').ok_or(Unrecognised::UnknownKey)?;
        let (name, key) = (&text[..colon], &text[colon + 1..]);
        let team = self.team_of(key)?;
        let own = self.names.get(team.index()).is_some_and(|own| own.as_bytes().eq_ignore_ascii_case(name));
        if own || name.is_empty() { Ok(team) } else { Err(Unrecognised::OtherName) }
    }

    fn team_of(&self, key: &[u8]) -> Result<TeamId, Unrecognised> {
        const NOBODYS: u32 = u32::MAX;
        let shown = KeyHash::of(key);
        let mut owner = NOBODYS;
        for (index, (known, _)) in (0u32..).zip(&self.hashes) {
            owner.conditional_assign(&index, known.0.ct_eq(&shown.0));
        }
        let found = usize::try_from(owner).ok().and_then(|index| self.hashes.get(index));
        found.map(|(_, team)| *team).ok_or(Unrecognised::UnknownKey)
    }
}

/// The only one, if there is any: what is said twice could be read twice.
fn only<T>(mut values: impl Iterator<Item = T>) -> Result<Option<T>, Unrecognised> {
    let first = values.next();
    if values.next().is_some() { Err(Unrecognised::TwoKeys) } else { Ok(first) }
}

/// What comes after `Basic` in a value of `Authorization`.
fn basic(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (scheme, credentials) = value.split_at(end);
    scheme.eq_ignore_ascii_case(b"basic").then(|| credentials.trim_ascii())
}
