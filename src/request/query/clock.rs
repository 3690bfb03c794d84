//! Whether an answer moves although the data do not: it says "now", or draws lots.
//!
//! Such an answer cannot be fresh by the version of its dataset. A question that only looks as if is treated so too:
//! that costs a few calls, the other error costs the truth.

use crate::request::endpoint::{ApiVersion, Endpoint};
use crate::request::odsql;

use super::RawQuery;

/// Parameters of v2.x that hold ODSQL.
const CLAUSES: [&str; 4] = ["select", "where", "group_by", "order_by"];

pub(super) fn dependent(endpoint: &Endpoint, query: &RawQuery) -> bool {
    let is_odsql = matches!(endpoint.version(), ApiVersion::V2_0 | ApiVersion::V2_1) && !query.has_semicolon();
    query.0.iter().any(|pair| {
        let value = pair.value.as_deref().unwrap_or_default();
        if is_odsql && CLAUSES.contains(&pair.name.as_str()) {
            odsql::depends_on_clock(value)
        } else {
            speaks_of_now(&pair.name) || speaks_of_now(value)
        }
    })
}

/// `#now()` of the v1 query language (`q`, `qv1`), `now()` of OData filters, `random()` of v1 expressions.
fn speaks_of_now(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["#now", "now(", "random("].into_iter().any(|word| text.contains(word))
}
