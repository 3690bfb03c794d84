//! The environment: `PREAU_*` variables, the proxy's, and where the platform keeps a program's state.
//!
//! The process's variables are read once into [`Environment`]; everything after that is a pure function of it, so tests bring their own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::{ProxyVariables, Secret};

/// The environment variables of a process. An empty value counts as absent: that is how compose files and units leave a variable out.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// This process's variables. Names that are not Unicode cannot be ours and are left out.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect())
    }

    /// The value of `name`, if it is there, is not empty, and is Unicode.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().filter(|value| !value.is_empty())
    }

    /// Whether `name` has a value that is not Unicode.
    pub(super) fn is_garbled(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value.to_str().is_none())
    }

    /// Variables with a value whose name starts with `prefix`.
    pub(super) fn names(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty()).map(|(name, _)| name.as_str())
    }

    /// The proxy variables, as curl reads them: a lower-case name wins, even with an empty value, and `HTTP_PROXY` is not believed where
    /// a CGI server may have made it from a request's `Proxy` field.
    pub(super) fn proxy(&self) -> ProxyVariables {
        let either = |lower: &str, upper: &str| if self.0.contains_key(lower) { self.get(lower) } else { self.get(upper) };
        let http = if self.0.contains_key("REQUEST_METHOD") { self.get("http_proxy") } else { either("http_proxy", "HTTP_PROXY") };
        ProxyVariables {
            https: either("https_proxy", "HTTPS_PROXY").map(Secret::new),
            http: http.map(Secret::new),
            all: either("all_proxy", "ALL_PROXY").map(Secret::new),
            no: either("no_proxy", "NO_PROXY").map(str::to_owned),
        }
    }

    /// Where the platform keeps the state of a program: what systemd states, what the user states, `/var/lib` for root, and the XDG
    /// default in the home directory. `None` if there is no home either.
    pub(super) fn state_directory(&self, root: bool) -> Option<PathBuf> {
        let absolute = |name: &str| self.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        if let Some(first) = self.get("STATE_DIRECTORY").and_then(|list| list.split(':').next()) {
            return Some(PathBuf::from(first));
        }
        if let Some(states) = absolute("XDG_STATE_HOME") {
            return Some(states.join("preau"));
        }
        if root {
            return Some(PathBuf::from("/var/lib/preau"));
        }
        let home = absolute("HOME").or_else(|| etcetera::home_dir().ok())?;
        Some(if cfg!(windows) { home.join("AppData/Local/preau") } else { home.join(".local/state/preau") })
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl std::fmt::Debug for Environment {
    /// Names alone: values may be secrets of other programs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Whether the process runs as root. Only Linux's `/proc` tells without `unsafe`; elsewhere root has a home directory like anybody.
pub(super) fn is_root() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let effective = status.lines().find_map(|line| line.strip_prefix("Uid:")).and_then(|ids| ids.split_whitespace().nth(1));
    effective == Some("0")
}

/// Whether `name` is one that Kubernetes sets for a service called `preau-…`: not a setting, and nothing anybody could mend.
pub(super) fn is_service_link(name: &str) -> bool {
    let port = |rest: &str| rest.is_empty() || rest.starts_with('_');
    name.ends_with("_SERVICE_HOST")
        || name.split_once("_SERVICE_PORT").is_some_and(|(_, rest)| port(rest))
        || name.ends_with("_PORT")
        || name.split_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment<const N: usize>(variables: [(&str, &str); N]) -> Environment {
        variables.into_iter().collect()
    }

    #[test]
    fn the_state_directory_is_systemds_then_xdgs_then_roots_then_homes() {
        let all = [("STATE_DIRECTORY", "/run/a:/run/b"), ("XDG_STATE_HOME", "/states"), ("HOME", "/home/ada")];
        assert_eq!(environment(all).state_directory(true), Some("/run/a".into()));
        let [_, xdg, home] = all;
        assert_eq!(environment([xdg, home]).state_directory(true), Some("/states/preau".into()));
        assert_eq!(environment([home]).state_directory(true), Some("/var/lib/preau".into()));
        assert_eq!(environment([home]).state_directory(false), Some("/home/ada/.local/state/preau".into()));
        assert_eq!(environment([("XDG_STATE_HOME", "relative"), home]).state_directory(false), Some("/home/ada/.local/state/preau".into()));
    }

    #[test]
    fn a_lower_case_proxy_variable_wins_even_when_empty() {
        let proxy = environment([("https_proxy", "http://a"), ("HTTPS_PROXY", "http://b"), ("no_proxy", ""), ("NO_PROXY", "x")]).proxy();
        assert_eq!(proxy.https, Some(Secret::new("http://a")));
        assert_eq!(proxy.no, None);
        assert_eq!(environment([("HTTPS_PROXY", "http://b")]).proxy().https, Some(Secret::new("http://b")));
    }

    #[test]
    fn http_proxy_in_capitals_is_not_believed_under_cgi() {
        let cgi = environment([("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://attacker")]);
        assert_eq!(cgi.proxy().http, None);
        assert_eq!(environment([("HTTP_PROXY", "http://a")]).proxy().http, Some(Secret::new("http://a")));
    }

    #[test]
    fn variables_that_kubernetes_sets_for_services_are_told_apart() {
        for link in ["PREAU_CACHE_SERVICE_HOST", "PREAU_CACHE_SERVICE_PORT_REDIS", "PREAU_CACHE_PORT", "PREAU_CACHE_PORT_6379_TCP_ADDR"] {
            assert!(is_service_link(link), "{link}");
        }
        assert!(!is_service_link("PREAU_CACHE_MEMORY_BYTES"));
    }

    #[test]
    fn printing_an_environment_shows_no_value() {
        assert!(!format!("{:?}", environment([("TOKEN", "hunter2")])).contains("hunter2"));
    }
}
