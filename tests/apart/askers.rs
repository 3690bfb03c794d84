//! Who asks: holders of keys, and those who have none. The portal writes on each answer whose it is.

use ::http::Method;
use bytes::Bytes;

use super::http::{self, Answer};
use super::roof::Roof;

/// Somebody who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    pub name: &'static str,
    authorization: Option<&'static str>,
    /// What the portal writes on an answer to this asker.
    mark: &'static str,
    /// The key, if the portal knows it.
    pub key: Option<&'static str>,
}

const fn holder(name: &'static str, authorization: &'static str, key: &'static str) -> Asker {
    Asker { name, authorization: Some(authorization), mark: key, key: Some(key) }
}

pub const ALPHA: Asker = holder("alpha", "Apikey valid-alpha-0123456789", "valid-alpha-0123456789");
pub const BETA: Asker = holder("beta", "Apikey valid-beta-0123456789", "valid-beta-0123456789");
pub const NOBODY: Asker = Asker { name: "nobody", authorization: None, mark: "anonymous", key: None };
/// With a credential that is no key: the portal answers 401, and préau understands nothing of it.
pub const BEARER: Asker = Asker { name: "bearer", authorization: Some("Bearer valid-alpha-0123456789"), mark: "unknown", key: None };
/// With a key that the portal does not know.
pub const INVENTED: Asker = Asker { name: "invented", authorization: Some("Apikey invented-0123456789"), mark: "unknown", key: None };

/// Those whom the portal answers.
pub const ANSWERED: [Asker; 3] = [ALPHA, BETA, NOBODY];
/// All of them.
pub const ALL: [Asker; 5] = [ALPHA, BETA, NOBODY, BEARER, INVENTED];

/// Each of `firsts` with each other of `seconds`.
pub fn pairs(firsts: &[Asker], seconds: &[Asker]) -> Vec<(Asker, Asker)> {
    firsts.iter().flat_map(|first| seconds.iter().filter(move |second| *second != first).map(|second| (*first, *second))).collect()
}

impl Asker {
    /// Asks through the roof.
    pub async fn get(self, roof: &Roof, target: &str) -> Answer {
        self.send(roof, Method::GET, target, &[]).await
    }

    /// Asks with more fields.
    pub async fn get_with(self, roof: &Roof, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(roof, Method::GET, target, fields).await
    }

    /// Asks in any way.
    pub async fn send(self, roof: &Roof, method: Method, target: &str, fields: &[(&str, &str)]) -> Answer {
        let mut fields = fields.to_vec();
        fields.extend(self.authorization.map(|value| ("authorization", value)));
        http::send(roof.mirror(), method, target, &fields, Bytes::new()).await
    }

    /// Whose an answer is, by its mark; one that is préau's own has none.
    pub fn of(answer: &Answer) -> Option<&str> {
        Some(answer.field("x-simulator-caller")).filter(|mark| !mark.is_empty())
    }

    /// Whether an answer is this asker's own, as far as it is anybody's.
    pub fn may_have(self, answer: &Answer) -> bool {
        Self::of(answer).is_none_or(|mark| mark == self.mark)
    }

    /// Whether an answer is the portal's to this asker.
    pub fn owns(self, answer: &Answer) -> bool {
        Self::of(answer) == Some(self.mark)
    }
}
