//! A spelling of a client's that was made another one: what is audited, and which guesses about the portal it puts to the test.
//!
//! Pure. Whatever carries a credential, in any form, is never kept: what is sent in an audit must be what anybody may ask.

use std::collections::BTreeSet;
use std::fmt;

use url::{Position, Url};

use super::Written;
use crate::request::credential::{Credential, redacted};
use crate::request::endpoint::{self, ApiVersion, Family};
use crate::request::query::rules::{Action, TABLE};
use crate::request::query::{RawQuery, Rule, RuleSwitches, canonicalise};
use crate::request::question::Question;

/// Something that is believed of one family of endpoints of the portal: that its answers are the same with a rule applied and without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guess {
    /// Of which API.
    pub version: ApiVersion,
    /// Of which endpoints of it.
    pub family: Family,
    /// The rule; none for what is no rule: percent-encoding, `+`, a trailing slash.
    pub rule: Option<Rule>,
    /// For [`Rule::DropDefaults`], whose default: each is a guess of its own. Else nothing.
    pub parameter: &'static str,
}

/// What a client wrote, and what it was taken for.
#[derive(Clone, Debug)]
pub struct Spelling {
    /// Path and query as they were received, without the portal's prefix.
    pub raw: String,
    /// What they were understood as, by the rules of then.
    pub question: Question,
    /// What the two being one relies on.
    pub guesses: BTreeSet<Guess>,
}

impl Spelling {
    /// What is to be learnt from this request; nothing, if it was written canonically, or is not to be sent again as it was: with anything that
    /// looks like a credential, for a callback, about the present moment, or not to be shared.
    pub fn of(Written { path, query }: Written<'_>, question: &Question, switches: &RuleSwitches) -> Option<Self> {
        let canonical = question.query.query.target(&question.endpoint);
        let raw = match query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        if raw == canonical || question.key.is_none() || question.query.jsonp.is_some() || question.query.clock_dependent {
            return None;
        }
        // What a log would not show whole is too long, or has something to hide. A key that counts as none was a key when it was written.
        if question.credential != Credential::Anonymous || redacted(&raw) != raw {
            return None;
        }
        let parameters = RawQuery::parse(query.unwrap_or_default()).ok()?;
        let guesses = guesses(question, &parameters, &raw, switches);
        // A rule may have been switched meanwhile.
        (!guesses.is_empty()).then(|| Self { raw, question: question.clone(), guesses })
    }

    /// The rules that took part.
    pub fn rules(&self) -> Vec<Rule> {
        let rules: BTreeSet<Rule> = self.guesses.iter().filter_map(|guess| guess.rule).collect();
        rules.into_iter().collect()
    }

    /// The canonical spelling, as it is sent.
    pub fn canonical(&self) -> String {
        self.question.query.query.target(&self.question.endpoint)
    }

    /// The canonical spelling with these rules off, beyond those of `switches`; none if the query cannot be spelled so.
    pub fn without(&self, rules: &[Rule], switches: &RuleSwitches) -> Option<String> {
        without(&self.question, &query_of(&self.raw)?, rules, switches)
    }

    /// Whether it would be taken for the same today.
    pub fn still_holds(&self, switches: &RuleSwitches) -> bool {
        self.without(&[], switches).is_some_and(|today| today == self.canonical())
    }

    /// The spelling as it can be sent to the portal at `origin`: the client's own bytes but for those that the client library cannot send, which are
    /// percent-encoded. None if that is the canonical spelling, or no longer the client's question.
    pub fn on_the_wire(&self, origin: &Url) -> Option<String> {
        let url = Url::parse(&format!("{}{}", origin.origin().ascii_serialization(), self.raw)).ok()?;
        let sent = &url[Position::BeforePath..];
        let (path, raw_path) = (url.path(), self.raw.split('?').next().unwrap_or_default());
        let same_path = endpoint::classify(path) == endpoint::classify(raw_path);
        let same_query = query_of(sent).is_some() && query_of(sent) == query_of(&self.raw);
        (same_path && same_query && url.fragment().is_none() && sent != self.canonical()).then(|| sent.to_owned())
    }
}

fn query_of(target: &str) -> Option<RawQuery> {
    RawQuery::parse(target.split_once('?').map_or("", |(_, query)| query)).ok()
}

/// Which rules make `raw` what it was taken for, each tried by leaving it out.
fn guesses(question: &Question, parameters: &RawQuery, raw: &str, switches: &RuleSwitches) -> BTreeSet<Guess> {
    let (version, family) = (question.endpoint.version(), question.endpoint.family());
    let guess = |rule, parameter| Guess { version, family, rule, parameter };
    let canonical = question.query.query.target(&question.endpoint);
    let mut guesses = BTreeSet::new();
    for &rule in Rule::ALL {
        if without(question, parameters, &[rule], switches).is_none_or(|other| other == canonical) {
            continue;
        }
        if rule == Rule::DropDefaults {
            let kept = RawQuery::parse(question.query.query.text()).unwrap_or_default();
            let dropped = |name: &&str| parameters.values(name).next().is_some() && kept.values(name).next().is_none();
            guesses.extend(defaults(question).filter(dropped).map(|name| guess(Some(rule), name)));
        } else {
            guesses.insert(guess(Some(rule), ""));
        }
    }
    if without(question, parameters, &[], switches).is_none_or(|today| today != canonical) {
        return BTreeSet::new();
    }
    if without(question, parameters, Rule::ALL, switches).is_some_and(|plain| plain != raw) {
        guesses.insert(guess(None, ""));
    }
    guesses
}

/// The parameters whose defaults are dropped for the question's endpoint.
fn defaults(question: &Question) -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|row| row.covers(&question.endpoint)).flat_map(|row| match row.action {
        Action::DropDefaults(defaults) => defaults.iter().map(|(name, _)| *name).collect(),
        _ => Vec::new(),
    })
}

fn without(question: &Question, parameters: &RawQuery, rules: &[Rule], switches: &RuleSwitches) -> Option<String> {
    let switches = switches.clone();
    for &rule in rules {
        switches.switch_off(rule, question.endpoint.version(), question.endpoint.family());
    }
    let canonical = canonicalise(&question.endpoint, parameters.clone(), &switches).ok()?;
    Some(canonical.query.target(&question.endpoint))
}

impl fmt::Display for Guess {
    /// `drop-defaults (offset) for v2.1 records`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.map_or("encoding", Rule::name))?;
        if !self.parameter.is_empty() {
            write!(f, " ({})", self.parameter)?;
        }
        write!(f, " for {} {}", self.version, self.family)
    }
}

/// A question as a client asks it, for tests.
#[cfg(test)]
pub(super) fn question(target: &str) -> Question {
    use crate::request::question::{Asked, Understood};
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let key = crate::config::Secret::new("public");
    let asked = Asked {
        portal: "box",
        origin: "http://portal.example",
        same_as_anonymous: &[key],
        method: &http::Method::GET,
        path,
        query,
        fields: &http::HeaderMap::new(),
        content: None,
        is_form: false,
    };
    match Question::understand(asked, &RuleSwitches::default()) {
        Ok(Understood::Question(question)) => *question,
        other => panic!("{target}: {other:?}"),
    }
}

#[cfg(test)]
pub(super) fn spelling(target: &str) -> Option<Spelling> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    Spelling::of(Written { path, query }, &question(target), &RuleSwitches::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: &str = "/api/explore/v2.1/catalog/datasets/x/records";

    fn guessed(query: &str) -> Vec<String> {
        spelling(&format!("{RECORDS}?{query}")).map_or_else(Vec::new, |spelling| {
            let all = spelling.guesses.iter().map(|guess| guess.to_string().replace(" for v2.1 records", ""));
            all.collect()
        })
    }

    #[test]
    fn each_rule_that_changed_something_is_a_guess_and_no_other() {
        for (query, expected) in [
            ("limit=5&offset=0", &["drop-defaults (offset)"][..]),
            ("limit=10&offset=0", &["drop-defaults (limit)", "drop-defaults (offset)"]),
            ("limit=20&where=a%3D1", &[]),
            ("where=a%3D1&limit=20", &["sort-names"]),
            ("where=a=1", &["encoding"]),
            ("where=a%20%20AND%20b", &["whitespace", "operator-case"]),
            ("_=123&limit=20", &["drop-ignored"]),
            ("where=b&where=a", &["sort-repeated"]),
            ("offset=0&offset=0", &[]),
        ] {
            assert_eq!(guessed(query), expected, "{query}");
        }
        assert_eq!(spelling(&format!("{RECORDS}/")).unwrap().guesses.len(), 1, "a trailing slash");
        assert_eq!(spelling("/api/records/1.0/search/?rows=2&dataset=x").unwrap().rules(), [Rule::SortNames]);
    }

    #[test]
    fn what_could_be_a_credential_a_callback_or_of_the_moment_is_never_kept() {
        for query in [
            "limit=10&apikey=public",
            "limit=10&%61pikey=public",
            "limit=10&APIKEY=x",
            "limit=10&access_token=x",
            "limit=10&where=a%3Enow()",
        ] {
            assert!(spelling(&format!("{RECORDS}?{query}")).is_none(), "{query}");
        }
        assert!(spelling("/api/records/1.0/search?rows=2&dataset=x&format=jsonp&callback=f").is_none());
        let long = format!("{RECORDS}?limit=10&where={}", "a".repeat(2000));
        assert!(spelling(&long).is_none());
    }

    #[test]
    fn the_clients_bytes_are_sent_but_for_those_that_cannot_be() {
        let origin = Url::parse("https://portal.example").unwrap();
        for (query, sent) in [
            ("limit=10&offset=0", "limit=10&offset=0"),
            ("where=a+%3d+{b}|c&limit=10", "where=a+%3d+{b}|c&limit=10"),
            ("where=a='b'&limit=10", "where=a=%27b%27&limit=10"),
        ] {
            let spelling = spelling(&format!("{RECORDS}?{query}")).unwrap();
            assert_eq!(spelling.on_the_wire(&origin).unwrap(), format!("{RECORDS}?{sent}"));
        }
        // What differs in nothing but such bytes is the canonical spelling.
        let spelling = spelling("/api/explore/v2.1/catalog/datasets/x/records?where='b'").unwrap();
        assert_eq!(spelling.on_the_wire(&origin), None);
    }

    #[test]
    fn without_one_rule_the_others_still_hold() {
        let spelling = spelling(&format!("{RECORDS}?where=b&offset=0&_=1&where=a")).unwrap();
        let spelled = |rules: &[Rule]| spelling.without(rules, &RuleSwitches::default()).unwrap()[RECORDS.len()..].to_owned();
        assert_eq!(spelled(&[Rule::DropDefaults]), "?offset=0&where=a&where=b");
        assert_eq!(spelled(&[Rule::SortRepeated]), "?where=b&where=a");
        assert_eq!(spelled(Rule::ALL), "?where=b&offset=0&_=1&where=a");
    }
}
