//! What préau makes of a target: its key, and what it asks the portal.

use ::http::{HeaderMap, Method};
use preau::cache::key::CacheKey;
use preau::request::query::RuleSwitches;
use preau::request::question::{Asked, Question, Understood};

/// The key of a target and its one spelling.
pub fn canonical(target: &str) -> (CacheKey, String) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let asked = Asked {
        portal: "box",
        origin: "http://portal.invalid",
        same_as_anonymous: &[],
        method: &Method::GET,
        path,
        query,
        fields: &HeaderMap::new(),
        content: None,
        is_form: false,
    };
    match Question::understand(asked, &RuleSwitches::default()) {
        Ok(Understood::Question(question)) => {
            let key = question.key.clone().expect("anybody may ask it");
            (key, question.query.query.target(&question.endpoint))
        }
        other => panic!("{target}: {other:?}"),
    }
}
