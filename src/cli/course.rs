//! Which course a request took, as its answer says.

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Course {
    /// From store.
    Hit,
    /// From store, although it is stale.
    Stale,
    /// By another request's call.
    Collapsed,
    /// By a call.
    Forwarded,
    /// Not: no call could leave.
    Refused,
    /// By préau itself.
    Local,
}

impl Course {
    /// Reads what `Cache-Status` says.
    pub fn of(status: u16, cache_status: &str) -> Self {
        let has = |parameter: &str| cache_status.split("; ").any(|part| part == parameter || part.starts_with(&format!("{parameter}=")));
        if cache_status.contains("ttl=-") {
            Self::Stale
        } else if has("hit") {
            Self::Hit
        } else if has("collapsed") {
            Self::Collapsed
        } else if has("fwd") {
            Self::Forwarded
        } else if status == 429 || status == 503 {
            Self::Refused
        } else {
            Self::Local
        }
    }
}

/// The `detail` of a `Cache-Status`.
pub fn detail(cache_status: &str) -> Option<&str> {
    cache_status.split("; ").find_map(|part| part.strip_prefix("detail="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn courses_are_read_from_cache_status() {
        for (status, text, expected) in [
            (200, "preau; hit; ttl=3", Course::Hit),
            (200, "preau; hit; ttl=-3; detail=fill-slow", Course::Stale),
            (200, "preau; fwd=stale; ttl=-3; detail=fill-failed", Course::Stale),
            (200, "preau; fwd=uri-miss; fwd-status=200; stored; collapsed", Course::Collapsed),
            (400, "preau; fwd=uri-miss; fwd-status=400; stored", Course::Forwarded),
            (429, "preau; detail=exhausted", Course::Refused),
            (404, "preau; detail=unknown-uri", Course::Local),
        ] {
            assert_eq!(Course::of(status, text), expected, "{text}");
        }
    }
}
