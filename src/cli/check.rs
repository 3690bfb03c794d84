//! `preau check`: every fault of the configuration at once, or the settings in force.
//!
//! It decides nothing: it loads the configuration exactly as `preau serve` does and prints what came of it. It opens no socket, makes no
//! directory and no call.

mod shares;

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;

use crate::config::{ClientKeys, Config, Environment, Overrides, Portal, size_text};
use crate::origin::proxy_for;

/// What `preau check` prints, and its exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The text, with a final line end.
    pub text: String,
    /// 0 if there is no fault, else 1.
    pub status: u8,
}

/// Loads the configuration that `overrides` and `environment` name and says what is wrong with it, or what is in force.
pub fn check(overrides: &Overrides, environment: &Environment) -> Verdict {
    match Config::load(overrides, environment) {
        Err(faults) => Verdict { text: format!("{faults}\n"), status: 1 },
        Ok(config) => Verdict { text: Summary(&config).to_string(), status: 0 },
    }
}

/// The settings in force, for people.
struct Summary<'a>(&'a Config);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(config) = self;
        writeln!(f, "ok: no fault in the configuration\n")?;
        writeln!(f, "portals")?;
        for portal in &config.portals {
            write!(f, "  {}  {}", portal.name, portal.url.as_str().trim_end_matches('/'))?;
            portal_details(portal, f)?;
        }
        let listen = &config.listen;
        writeln!(f, "\naddresses\n  mirror  {}\n  admin   {}", listen.mirror, listen.admin)?;
        if let Some(public) = &listen.public_url {
            writeln!(f, "  public  {}", public.as_str().trim_end_matches('/'))?;
        }
        writeln!(f, "\ndata\n  {}", config.data.display())?;
        writeln!(f, "\nbudget, calls per UTC day")?;
        budget_table(config, f)?;
        writeln!(f, "\nshares, calls per UTC day")?;
        shares::table(config, f)?;
        clients(config, f)?;
        let cache = &config.cache;
        writeln!(f, "\ncache")?;
        writeln!(
            f,
            "  memory {}, disk {}; bodies over {} are passed on while they arrive",
            size_text(cache.memory_bytes.get()),
            if cache.disk_bytes == 0 { "none".to_owned() } else { size_text(cache.disk_bytes) },
            size_text(cache.buffer_limit.get() as u64)
        )?;
        writeln!(
            f,
            "  stale answers for {}, after waiting {}; errors remembered {}",
            Shown(cache.stale_if_error),
            Shown(cache.patience),
            Shown(cache.negative_lifetime)
        )?;
        freshness(config, f)?;
        let fresh = &cache.lifetimes;
        writeln!(
            f,
            "  lifetimes: catalog {}, dataset {}, records {}, export {}, attachment {}, page {}, others {}",
            Shown(fresh.catalog),
            Shown(fresh.dataset),
            Shown(fresh.records),
            Shown(fresh.export),
            Shown(fresh.attachment),
            Shown(fresh.page),
            Shown(fresh.default)
        )?;
        let origin = &config.origin;
        writeln!(f, "\ncalls")?;
        writeln!(f, "  contact      {}", origin.contact.as_deref().unwrap_or("none; please give one with origin.contact"))?;
        let beside = origin.ca_file.as_ref().map_or_else(String::new, |path| format!(" and {}", path.display()));
        writeln!(f, "  authorities  the platform's{beside}")?;
        writeln!(
            f,
            "  time-outs    connect {}, first byte {}, idle {}, whole {}",
            Shown(origin.connect_timeout),
            Shown(origin.first_byte_timeout),
            Shown(origin.idle_timeout),
            Shown(origin.whole_timeout)
        )?;
        for portal in &config.portals {
            writeln!(f, "  to {}  {}", portal.name, way(config, portal))?;
        }
        Ok(())
    }
}

/// What a portal has beyond name and origin, on its line.
fn portal_details(portal: &Portal, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !portal.hosts.is_empty() {
        write!(f, "  hosts {}", portal.hosts.join(", "))?;
    }
    if let Some(public) = &portal.public_url {
        write!(f, "  known as {}", public.as_str().trim_end_matches('/'))?;
    }
    if !portal.rewrite_links {
        write!(f, "  links stay the portal's")?;
    }
    if portal.may_force {
        write!(f, "  clients may force calls")?;
    }
    match portal.client_keys {
        ClientKeys::Pass => {}
        ClientKeys::Strip => write!(f, "  clients' keys are taken off")?,
        ClientKeys::Refuse => write!(f, "  clients' keys are refused")?,
    }
    match portal.same_as_anonymous.len() {
        0 => {}
        1 => write!(f, "  1 key counts as anonymous")?,
        n => write!(f, "  {n} keys count as anonymous")?,
    }
    writeln!(f)
}

/// Where clients come from beside their networks, and what becomes of them there.
fn clients(config: &Config, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let listen = &config.listen;
    if !listen.trusted_proxies.is_empty() {
        let proxies: Vec<String> = listen.trusted_proxies.iter().map(shares::network).collect();
        writeln!(f, "  addresses are believed of the proxies {}", proxies.join(", "))?;
    }
    if !listen.allowed_origins.is_empty() {
        writeln!(f, "  pages of {} are not foreign", listen.allowed_origins.join(", "))?;
    }
    Ok(())
}

/// How far answers may be behind the portal, and what is spent on knowing it.
fn freshness(config: &Config, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Config { cache, budget, .. } = config;
    match budget.looks_per_day {
        0 => writeln!(f, "  versions: no looks at the catalogue, lifetimes alone decide")?,
        looks => writeln!(f, "  versions: a look vouches for {}, at most {looks} looks a day", Shown(cache.freshness_bound))?,
    }
    writeln!(
        f,
        "  unmoved answers live {}, {} once metadata moved; settled after {} and {}",
        Shown(cache.max_unmoved),
        Shown(cache.max_unmoved_after_metadata),
        Shown(cache.settle),
        Shown(cache.settle_again)
    )?;
    writeln!(
        f,
        "  stale ones are renewed {} at once, {} a minute; audits {} a day; clients keep {}",
        cache.concurrent_refreshes,
        cache.refreshes_per_minute,
        budget.audits_per_day,
        if cache.client_freshness { "what is left" } else { "nothing unasked" }
    )
}

/// By which way calls to `portal` go.
fn way(config: &Config, portal: &Portal) -> String {
    match proxy_for(&config.origin.proxy, &portal.url) {
        Ok(None) => "directly".to_owned(),
        Ok(Some(via)) => format!("through {via}"),
        // Loading refuses it; shown rather than assumed away.
        Err(fault) => fault.to_string(),
    }
}

/// One line per portal: what the day has, what is kept back, what is left for askers.
fn budget_table(config: &Config, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let width = config.portals.iter().map(|portal| portal.name.len()).max().unwrap_or(0).max("portal".len());
    let line = |f: &mut fmt::Formatter<'_>, name: &str, cells: [&dyn fmt::Display; 5]| {
        let [day, looks, revalidation, askers, at_once] = cells;
        writeln!(f, "  {name:<width$}  {day:>10}  {looks:>10}  {revalidation:>12}  {askers:>10}  {at_once:>7}")
    };
    line(f, "portal", [&"day", &"for looks", &"revalidation", &"for askers", &"at once"])?;
    for portal in &config.portals {
        let (looks, revalidation) = config.budget.reserves(portal.daily_calls);
        let askers = portal.daily_calls.get() - looks - revalidation;
        line(f, &portal.name, [&portal.daily_calls, &looks, &revalidation, &askers, &config.budget.max_concurrent_calls])?;
    }
    Ok(())
}

/// A time, short, with its unit.
struct Shown(Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 24 * 3600;
        let seconds = self.0.as_secs();
        if seconds >= DAY && seconds.is_multiple_of(DAY) && self.0.subsec_nanos() == 0 {
            return write!(f, "{} d", seconds / DAY);
        }
        write!(f, "{:#}", SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str, variables: &[(&str, &str)]) -> (Verdict, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("preau.toml");
        std::fs::write(&path, text).unwrap();
        let environment = [("HOME", "/home/ada")].iter().chain(variables).copied().collect();
        let verdict = check(&Overrides { config: Some(path.clone()), ..Overrides::default() }, &environment);
        (verdict, path.display().to_string())
    }

    #[test]
    fn a_configuration_with_five_faults_shows_all_five_with_file_line_key_wrong_and_right() {
        let (verdict, path) = verdict(
            "[listen]\nmirror = \"8080\"\n[cache]\nmemory_byte = \"256 MiB\"\npatience = \"1\"\n[[portal]]\nname = \"Éducation\"\nurl = \"data.education.gouv.fr\"\n",
            &[],
        );
        assert_eq!(verdict.status, 1);
        for (line, key, wrong, right) in [
            (2, "listen.mirror", "\"8080\" is not an address", "write an IP address and a port"),
            (4, "cache.memory_byte", "no such key", "did you mean memory_bytes?"),
            (5, "cache.patience", "\"1\" has no unit", "write a number and a unit"),
            (7, "portal.name", "\"Éducation\" is not a portal's name", "write 1 to 32 lower-case letters"),
            (8, "portal.url", "\"data.education.gouv.fr\" is not an absolute URL", "write scheme, host and"),
        ] {
            let fault = format!("{path}:{line}: {key}: {wrong}\n    {right}");
            assert!(verdict.text.contains(&fault), "{fault}\nis not in\n{}", verdict.text);
        }
        assert!(verdict.text.ends_with("5 faults in the configuration\n"));
    }

    #[test]
    fn calls_go_directly_where_no_proxy_excepts_the_portal() {
        let variables = [("HTTPS_PROXY", "http://proxy.intra:3128"), ("NO_PROXY", "gouv.fr")];
        let (verdict, _) = verdict("", &variables);
        assert!(verdict.text.ends_with("to education  directly\n"), "{}", verdict.text);
    }

    #[test]
    fn a_sound_configuration_shows_what_is_in_force() {
        let (verdict, _) = verdict(
            "[[portal]]\nname = \"education\"\ndaily_calls = 600\nmay_force = true\n[budget]\nrevalidation_reserve = 10\n[cache]\nfreshness_bound = \"2 min\"\n",
            &[("PREAU_LISTEN", "127.0.0.1:9000"), ("PREAU_DATA", "/srv/preau"), ("HTTPS_PROXY", "http://me:hunter2@proxy.intra:3128")],
        );
        assert_eq!(verdict.status, 0);
        for stated in [
            "ok: no fault",
            "education  https://data.education.gouv.fr  clients may force calls\n",
            "mirror  127.0.0.1:9000\n  admin   127.0.0.1:8081\n",
            "data\n  /srv/preau\n",
            "  portal            day   for looks  revalidation  for askers  at once\n  education         600          30            10         560        8\n",
            "stale answers for 7 d, after waiting 1s; errors remembered 2m",
            "versions: a look vouches for 2m, at most 300 looks a day\n",
            "unmoved answers live 1 d, 1h once metadata moved; settled after 2m and 30m\n",
            "renewed 4 at once, 30 a minute; audits 10 a day; clients keep nothing unasked\n",
            "whole 30m",
            "to education  through http://…@proxy.intra:3128 (tunnel, from HTTPS_PROXY)",
        ] {
            assert!(verdict.text.contains(stated), "{stated:?}\nis not in\n{}", verdict.text);
        }
        assert!(!verdict.text.contains("hunter2"));
    }

    #[test]
    fn the_shares_of_each_portal_are_shown_as_they_come_out() {
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("key");
        std::fs::write(&key, "hunter2").unwrap();
        let text = format!(
            "[listen]\ntrusted_proxies = [\"192.0.2.1\"]\nallowed_origins = [\"https://p.example\"]\n\
             [[portal]]\nname = \"education\"\n[[portal]]\nname = \"sports\"\nurl = \"https://s.fr\"\ndaily_calls = 100\nclient_keys = \"strip\"\n\
             [[team]]\nname = \"carte-scolaire\"\nnetworks = [\"10.1.0.0/16\", \"10.9.9.9\"]\nguaranteed = {{ education = 800 }}\nceiling = 2000\n\
             may_force = true\noverflow = [\"ministry\"]\n\
             [[team]]\nname = \"nightly\"\nclass = \"batch\"\nkeys = [\"{}\"]\n\
             [[account]]\nname = \"ministry\"\nportal = \"education\"\nkey_file = {:?}\n[budget]\nrelease = \"16:30\"\n",
            crate::config::KeyHash::of(b"x"),
            key.display().to_string()
        );
        let (verdict, _) = verdict(&text, &[]);
        let expected = "
shares, calls per UTC day
  education             guaranteed   ceiling  class        keys  networks
  default                        0      4850  interactive     0  all others
  browser                        0       100  interactive     0  pages of foreign origins
  carte-scolaire               800      2000  interactive     0  10.1.0.0/16, 10.9.9.9  overflows into ministry; may force calls
  nightly                        0      4850  batch           1  none
  guaranteed to nobody        4050
  sports                guaranteed   ceiling  class        keys  networks
  default                        0        90  interactive     0  all others
  browser                        0        90  interactive     0  pages of foreign origins
  carte-scolaire                 0        90  interactive     0  10.1.0.0/16, 10.9.9.9  may force calls
  nightly                        0        90  batch           1  none
  guaranteed to nobody          90
  guarantees hold until 16:30 UTC, then fall to nothing at 23:30
  addresses are believed of the proxies 192.0.2.1
  pages of https://p.example are not foreign
";
        assert!(verdict.text.contains(expected), "{}", verdict.text);
        assert!(verdict.text.contains("sports  https://s.fr  clients' keys are taken off\n") && !verdict.text.contains("hunter2"));
    }
}
