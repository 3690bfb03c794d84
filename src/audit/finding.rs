//! What an audit has switched off, and why.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::request::endpoint::{ApiVersion, Family};
use crate::request::query::Rule;

/// Something that can be switched off, and on again by an operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Switch {
    /// A rule of canonicalisation, for one family of endpoints of one API.
    Rule(Rule, ApiVersion, Family),
    /// The version of one dataset: while it is off, lifetimes decide about its answers.
    Versions(String),
}

/// A difference that was found, and what was switched off for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is off.
    pub switch: Switch,
    /// When it was found.
    pub at: Timestamp,
    /// The target whose answer is stored.
    pub canonical: String,
    /// The target that was answered otherwise: the client's spelling; of a version, the same one.
    pub other: String,
    /// What was seen, for people.
    pub why: String,
}

impl Switch {
    /// The switch of this name.
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(dataset) = name.strip_prefix("versions:").filter(|dataset| !dataset.is_empty()) {
            return Some(Self::Versions(dataset.to_owned()));
        }
        let mut parts = name.split(':');
        let (rule, version, family) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self::Rule(Rule::from_name(rule)?, ApiVersion::from_name(version)?, Family::from_name(family)?))
    }
}

impl fmt::Display for Switch {
    /// `drop-defaults:v2.1:records`, `versions:fr-en-annuaire-education`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule, version, family) => write!(f, "{}:{version}:{family}", rule.name()),
            Self::Versions(dataset) => write!(f, "versions:{dataset}"),
        }
    }
}

impl Serialize for Switch {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom(format!("{name:?} is nothing that can be switched")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_has_a_name_that_finds_it() {
        let mut names = std::collections::BTreeSet::new();
        for &rule in Rule::ALL {
            for &version in ApiVersion::ALL {
                for &family in Family::ALL {
                    let switch = Switch::Rule(rule, version, family);
                    assert_eq!(Switch::parse(&switch.to_string()), Some(switch.clone()));
                    assert!(names.insert(switch.to_string()));
                }
            }
        }
        let versions = Switch::Versions("a:b".to_owned());
        assert_eq!(Switch::parse(&versions.to_string()), Some(versions));
        for name in ["", "versions:", "drop-defaults", "drop-defaults:v2.1", "drop-defaults:v2.1:records:x", "no:v2.1:records"] {
            assert_eq!(Switch::parse(name), None, "{name}");
        }
    }
}
