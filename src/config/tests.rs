//! The configuration as a whole: layers, several faults at once, and the example file.

use std::path::Path;

use super::*;

mod sharing;

const NOTHING: [(&str, &str); 1] = [("HOME", "/home/ada")];

/// Loads `text` from a file of its own, with `variables`; `NOTHING` stands for a user's bare environment.
fn load<const N: usize>(text: &str, variables: [(&str, &str); N], overrides: Overrides) -> Result<Config, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f.toml");
    std::fs::write(&path, text).unwrap();
    let overrides = Overrides { config: Some(path), ..overrides };
    let environment: Environment = NOTHING.into_iter().chain(variables).collect();
    let prefix = format!("{}/", directory.path().display());
    Config::load(&overrides, &environment)
        .map_err(|faults| faults.iter().map(|fault| fault.to_string().replace(&prefix, "").replace("\n    ", " -> ")).collect())
}

fn defaults() -> Config {
    Config::load(&Overrides::default(), &NOTHING.into_iter().collect()).unwrap()
}

/// Every key that exists: what is asked for when a configuration is read.
fn every_key() -> Vec<&'static str> {
    let environment = NOTHING.into_iter().collect();
    let mut layers = Layers::gather(&Overrides::default(), &environment);
    read(&mut layers);
    layers.known().chain([portals::KEYS, teams::KEYS, accounts::KEYS].concat()).collect()
}

fn faults(text: &str) -> Vec<String> {
    load(text, [], Overrides::default()).unwrap_err()
}

#[test]
fn with_nothing_at_all_the_education_portal_is_served() {
    let config = defaults();
    assert_eq!(config.listen.mirror.to_string(), "0.0.0.0:8080");
    assert_eq!(config.listen.admin.to_string(), "127.0.0.1:8081");
    assert_eq!(config.portals.len(), 1);
    assert_eq!((config.portals[0].name.as_str(), config.portals[0].url.as_str()), ("education", "https://data.education.gouv.fr/"));
    assert_eq!(config.portals[0].daily_calls.get(), 5000);
}

#[test]
fn the_example_file_states_the_defaults_and_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/preau.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let overrides = Overrides { config: Some(path), ..Overrides::default() };
    let config = Config::load(&overrides, &NOTHING.into_iter().collect()).map_err(|faults| faults.to_string()).unwrap();
    assert_eq!(config, defaults());
    for key in every_key() {
        let name = key.rsplit('.').next().unwrap();
        let stated = text.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{name} = ")));
        assert!(stated, "{key} is not in the example");
    }
}

#[test]
fn a_flag_wins_over_a_variable_that_over_the_file_that_over_the_default() {
    let file = "data = \"/file\"\n[listen]\nmirror = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"\n[cache]\npatience = \"2 s\"\n";
    let variables = [("PREAU_LISTEN", "127.0.0.1:3"), ("PREAU_DATA", "/variable"), ("PREAU_CACHE_LIFETIMES_RECORDS", "3 s")];
    let flags = Overrides { data: Some("/flag".into()), ..Overrides::default() };
    let config = load(file, variables, flags).unwrap();
    assert_eq!(config.data, Path::new("/flag"));
    assert_eq!(config.listen.mirror.port(), 3);
    assert_eq!(config.listen.admin.port(), 2);
    assert_eq!(config.cache.patience, Duration::from_secs(2));
    assert_eq!(config.cache.lifetimes.records, Duration::from_secs(3));
    assert_eq!(config.cache.lifetimes.export, Duration::from_secs(600));
    let unset = load(file, [("PREAU_LISTEN", "")], Overrides::default()).unwrap();
    assert_eq!(unset.listen.mirror.port(), 1);
}

#[test]
fn every_scalar_key_has_a_variable() {
    for (variable, text) in [
        ("PREAU_CACHE_MEMORY_BYTES", "2 MiB"),
        ("PREAU_TELEMETRY_LOG_FORMAT", "json"),
        ("PREAU_BUDGET_MAX_CONCURRENT_CALLS", "1"),
        ("PREAU_LISTEN_MAX_HEAD_BYTES", "20000"),
        ("PREAU_ORIGIN_CONTACT", "a@b.fr"),
    ] {
        assert_ne!(load("", [(variable, text)], Overrides::default()).unwrap(), defaults(), "{variable}");
    }
}

#[test]
fn portals_of_flags_replace_the_list_and_keep_the_settings_of_their_names() {
    let file = "[[portal]]\nname = \"sports\"\nurl = \"https://data.sports.gouv.fr\"\ndaily_calls = 7\n[[portal]]\nname = \"other\"\nurl = \"https://o.fr\"\n";
    let flags = Overrides { portals: vec!["new=http://127.0.0.1:9".into(), "sports=http://127.0.0.1:8".into()], ..Overrides::default() };
    let config = load(file, [("PREAU_PORTAL", "hidden=http://h.fr")], flags).unwrap();
    let seen: Vec<_> = config.portals.iter().map(|p| (p.name.as_str(), p.url.as_str(), p.daily_calls.get())).collect();
    assert_eq!(seen, [("new", "http://127.0.0.1:9/", 5000), ("sports", "http://127.0.0.1:8/", 7)]);
    let by_variable = load(file, [("PREAU_PORTAL", "a=http://a.fr, b=http://b.fr")], Overrides::default()).unwrap();
    assert_eq!(by_variable.portals.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn all_faults_of_file_variables_and_flags_come_in_one_run() {
    let file = "[listen]\nmirorr = \"0.0.0.0:80\"\nidle_timeout = 5\n[cahce]\nmemory_bytes = 1\n[cache]\nbuffer_limit = \"many\"\n[[portal]]\nname = \"A\"\nurl = \"https://a.fr/x\"\nsame_as_anonymous = [\"hunter2\"]\n";
    let flags = Overrides { admin: Some("8081".into()), portals: vec!["education".into()], ..Overrides::default() };
    let faults = load(file, [("PREAU_CACHE_PATIENCE", "soon"), ("PREAU_CACHE_PATIENSE", "1 s")], flags).unwrap_err();
    assert_eq!(
        faults,
        [
            "f.toml:2: listen.mirorr: no such key -> did you mean mirror?",
            "f.toml:3: listen.idle_timeout: 5 has no unit -> write a number and a unit, such as \"500 ms\", \"10 s\", \"5 min\", \"2 h\" or \"7 days\"",
            "f.toml:4: cahce: no such table -> did you mean [cache]?",
            "f.toml:7: cache.buffer_limit: \"many\" is not a size -> write bytes, such as 65536, \"256 KiB\" or \"64 MB\"",
            "f.toml:9: portal.name: \"A\" is not a portal's name -> write 1 to 32 lower-case letters, digits and hyphens, such as \"education\"",
            "f.toml:10: portal.url: \"https://a.fr/x\" has a path -> write scheme, host and, if need be, port, such as \"https://data.education.gouv.fr\"",
            "f.toml:11: portal.same_as_anonymous: no such key -> write portal.same_as_anonymous_file, the path of a file with one key a line",
            "environment PREAU_CACHE_PATIENCE: cache.patience: \"soon\" is not a duration -> write a number and a unit, such as \"500 ms\", \"10 s\", \"5 min\", \"2 h\" or \"7 days\"",
            "environment PREAU_CACHE_PATIENSE: PREAU_CACHE_PATIENSE: no such variable -> did you mean PREAU_CACHE_PATIENCE?",
            "flag --admin: listen.admin: \"8081\" is not an address -> write an IP address and a port, such as \"127.0.0.1:8081\" or \"[::1]:8081\"",
            "flag --portal: portal: \"education\" has no \"=\" -> write NAME=URL, such as education=https://data.education.gouv.fr",
        ]
    );
}

#[test]
fn a_syntax_error_hides_no_other_fault_and_invents_none() {
    let found = faults("[cache]\npatience = \npatiense = 1\n[[portal]]\nname = \"a\nurl = \"https://a.fr\"\n");
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("f.toml:2: TOML: "));
    assert!(found[1].starts_with("f.toml:3: cache.patiense: no such key"));
    assert!(found[2].starts_with("f.toml:5: TOML: "));
}

#[test]
fn a_key_in_the_wrong_table_is_sent_to_the_right_one() {
    assert_eq!(faults("memory_bytes = 1"), ["f.toml:1: memory_bytes: no such key here -> write memory_bytes under [cache]"]);
    assert_eq!(faults("cache = 1"), ["f.toml:1: cache: this is a table, not a key -> write [cache] and its keys below"]);
    assert_eq!(faults("[data]\nx = 1"), ["f.toml:1: data: this is a key, not a table -> write data = … with its value"]);
    assert_eq!(faults("[cache.lifetime]\nrecords = 1"), ["f.toml:1: cache.lifetime: no such table -> did you mean [cache.lifetimes]?"]);
}

#[test]
fn settings_that_contradict_each_other_are_refused_where_they_stand() {
    let found = faults(
        "[listen]\nadmin = \"127.0.0.1:8080\"\nmax_target_bytes = \"32 KiB\"\nmax_head_bytes = \"16 KiB\"\n[cache]\nmemory_bytes = \"1 MiB\"\nbuffer_limit = \"2 MiB\"\n[origin]\nwhole_timeout = \"10 s\"\n",
    );
    let starts = [
        "f.toml:2: listen.admin: 127.0.0.1:8080 is taken by listen.mirror (0.0.0.0:8080)",
        "f.toml:3: listen.max_target_bytes: 32 KiB is more than listen.max_head_bytes (16 KiB)",
        "f.toml:7: cache.buffer_limit: 2 MiB is more than cache.memory_bytes (1 MiB)",
        "default: origin.first_byte_timeout: it is longer than origin.whole_timeout",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (fault, start) in found.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}");
    }
}

#[test]
fn the_times_of_freshness_are_refused_where_one_of_them_could_never_come() {
    let found = faults("[cache]\nfreshness_bound = \"2 h\"\nmax_unmoved = \"30 min\"\nsettle = \"1 h\"\n");
    let starts = [
        "f.toml:3: cache.max_unmoved: it is shorter than cache.freshness_bound",
        "default: cache.max_unmoved_after_metadata: it is shorter than cache.freshness_bound",
        "default: cache.max_unmoved_after_metadata: it is longer than cache.max_unmoved",
        "default: cache.settle_again: it does not come after cache.settle",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for start in starts {
        assert!(found.iter().any(|fault| fault.starts_with(start)), "{start} in {found:#?}");
    }
    let none = load("[cache]\nsettle = \"0 s\"\nsettle_again = \"0 s\"\n", [], Overrides::default()).unwrap();
    assert!(none.cache.settle.is_zero() && none.cache.settle_again.is_zero());
    for (text, key) in [
        ("[cache]\nfreshness_bound = \"0 s\"\n", "cache.freshness_bound: zero"),
        ("[cache]\nmax_unmoved = \"0 s\"\n", "cache.max_unmoved: zero"),
        ("[cache]\nconcurrent_refreshes = 0\n", "cache.concurrent_refreshes: 0 is out of range"),
        ("[cache]\nrefreshes_per_minute = 100001\n", "cache.refreshes_per_minute: 100001 is out of range"),
        ("[cache]\nclient_freshness = \"true\"\n", "cache.client_freshness: \"true\" is neither"),
        ("[[portal]]\nmay_force = 1\n", "portal.may_force: 1 is neither"),
    ] {
        assert!(faults(text)[0].contains(key), "{key}: {:#?}", faults(text));
    }
}

#[test]
fn freshness_comes_from_versions_by_default_and_an_error_never_outlives_the_bound() {
    let Config { cache, budget, portals, .. } = defaults();
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!((cache.freshness_bound, cache.negative_lifetime), (minutes(5), minutes(5)));
    assert_eq!((cache.max_unmoved, cache.max_unmoved_after_metadata), (minutes(24 * 60), minutes(60)));
    assert_eq!((cache.settle, cache.settle_again), (minutes(2), minutes(30)));
    assert_eq!((cache.concurrent_refreshes.get(), cache.refreshes_per_minute.get()), (4, 30));
    assert!(!cache.client_freshness && !portals[0].may_force);
    assert_eq!((budget.looks_per_day, budget.audits_per_day, budget.look_reserve, budget.revalidation_reserve), (300, 10, 50, 100));
    let short = load("[cache]\nfreshness_bound = \"1 min\"\n", [("PREAU_CACHE_CLIENT_FRESHNESS", "true")], Overrides::default()).unwrap();
    assert_eq!(short.cache.negative_lifetime, minutes(1));
    assert!(short.cache.client_freshness);
    let off = load("[[portal]]\nmay_force = true\n[budget]\nlooks_per_day = 0\naudits_per_day = 0\n", [], Overrides::default()).unwrap();
    assert!(off.portals[0].may_force);
    assert_eq!((off.budget.looks_per_day, off.budget.audits_per_day), (0, 0));
}

#[test]
fn two_portals_share_no_name_no_origin_and_no_host() {
    let found = faults(
        "[[portal]]\nname = \"a\"\nurl = \"https://a.fr\"\nhosts = [\"x.fr\"]\n[[portal]]\nname = \"a\"\nurl = \"https://A.fr:443\"\nhosts = [\"X.fr\"]\n",
    );
    let keys: Vec<_> = found.iter().map(|fault| fault.split(": ").nth(1).unwrap()).collect();
    assert_eq!(keys, ["portal.name", "portal.url", "portal.hosts"], "{found:#?}");
    assert_eq!(faults("portal = []"), ["f.toml:1: portal: the list is empty -> leave it out for the default portal, or name one"]);
    assert_eq!(
        faults("[[portal]]\nname = \"a\""),
        ["f.toml:1: portal.url: the key is missing -> write url = \"https://…\", the portal's origin"]
    );
}

#[test]
fn keys_come_from_a_file_beside_the_configuration_and_are_never_printed() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("keys"), "# read keys\nhunter2\n\n  hunter3\n").unwrap();
    std::fs::write(at("bad"), "two words\n").unwrap();
    let configure = |file: &str| {
        std::fs::write(at("f.toml"), format!("[[portal]]\nsame_as_anonymous_file = \"{file}\"\n")).unwrap();
        Config::load(&Overrides { config: Some(at("f.toml")), ..Overrides::default() }, &NOTHING.into_iter().collect())
    };
    let config = configure("keys").unwrap();
    let keys: Vec<_> = config.portals[0].same_as_anonymous.iter().map(Secret::expose).collect();
    assert_eq!(keys, ["hunter2", "hunter3"]);
    assert!(!format!("{config:?}").contains("hunter"));
    let refused = configure("hunter2-itself").unwrap_err().to_string();
    assert!(refused.contains("cannot be read") && !refused.contains("hunter2"), "{refused}");
    let refused = configure("bad").unwrap_err().to_string();
    assert!(refused.contains("bad:1: ") && !refused.contains("two words"), "{refused}");
}

#[test]
fn an_authority_file_must_hold_a_certificate() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("empty.pem"), "nothing here").unwrap();
    let signed = rcgen::generate_simple_self_signed(vec!["a.fr".to_owned()]).unwrap();
    std::fs::write(directory.path().join("ca.pem"), signed.cert.pem()).unwrap();
    let configure = |file: &str| {
        let path = directory.path().join(file).display().to_string();
        load("", [("PREAU_ORIGIN_CA_FILE", path.as_str())], Overrides::default())
    };
    assert!(configure("ca.pem").is_ok());
    assert!(configure("empty.pem").unwrap_err()[0].contains("has no certificate"));
    assert!(configure("absent.pem").unwrap_err()[0].contains("cannot be read"));
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_of_what_named_it() {
    let missing = Environment::from_iter([("PREAU_CONFIG", "/nowhere/f.toml"), ("HOME", "/")]);
    let faults = Config::load(&Overrides::default(), &missing).unwrap_err().to_string();
    assert!(faults.starts_with("environment PREAU_CONFIG: config: /nowhere/f.toml cannot be read"), "{faults}");
}

#[test]
fn variables_of_others_are_left_alone() {
    let others = [("PREAU_REQUIRE", "root"), ("PREAU_PORT", "tcp://10.0.0.1:80"), ("PREAU_CACHE_SERVICE_HOST", "10.0.0.2")];
    assert!(load("", others, Overrides::default()).is_ok());
    let systematic = load("", [("PREAU_LISTEN_MIRROR", "127.0.0.1:0")], Overrides::default()).unwrap_err();
    assert_eq!(systematic, ["environment PREAU_LISTEN_MIRROR: PREAU_LISTEN_MIRROR: no such variable -> write PREAU_LISTEN"]);
}

#[test]
fn a_proxy_that_calls_cannot_go_through_is_a_fault_of_its_variable() {
    let found = load("", [("ALL_PROXY", "socks5://me:hunter2@proxy:1080")], Overrides::default()).unwrap_err();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("environment ALL_PROXY: the proxy of calls: ALL_PROXY names a socks5 proxy"), "{found:#?}");
    assert!(!found[0].contains("hunter2"));
}

#[test]
fn the_mirrors_own_addresses_and_the_disk_are_settings_with_bounds() {
    let file = "[listen]\npublic_url = \"https://o.example/data\"\n[[portal]]\nrewrite_links = false\npublic_url = \"http://e.example\"\n[cache]\ndisk_bytes = 0\n";
    let config = load(file, [], Overrides::default()).unwrap();
    assert_eq!(config.listen.public_url.unwrap().as_str(), "https://o.example/data");
    assert!(!config.portals[0].rewrite_links && config.portals[0].public_url.is_some());
    assert_eq!(config.cache.disk_bytes, 0);
    let found =
        faults("[listen]\npublic_url = \"ftp://me:hunter2@x\"\n[cache]\ndisk_bytes = \"1 KiB\"\n[[portal]]\nrewrite_links = \"no\"\n");
    let starts = [
        "f.toml:2: listen.public_url: the URL is neither http nor https",
        "f.toml:6: portal.rewrite_links: \"no\" is neither true nor false -> write true or false",
        "default: cache.buffer_limit: 256 KiB is more than cache.disk_bytes (1 KiB)",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for start in starts {
        assert!(found.iter().any(|fault| fault.starts_with(start)), "{start} in {found:#?}");
    }
    assert!(!found.concat().contains("hunter2"));
}
