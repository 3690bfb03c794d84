//! What the compose file promises.

use std::time::Duration;

use serde_yaml_ng::{Mapping, Value};

use super::{DATA, file, final_stage, settings};

/// The services, merge keys applied.
fn services() -> Mapping {
    let mut compose: Value = serde_yaml_ng::from_str(&file("docker-compose.yml")).expect("the compose file is YAML");
    compose.apply_merge().expect("merge keys name mappings");
    compose["services"].as_mapping().expect("there are services").clone()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_sequence().map(|items| items.iter().map(|item| item.as_str().expect("a text")).collect()).unwrap_or_default()
}

/// The environment of a service over that of the image.
fn environment(service: &Value) -> Vec<(String, String)> {
    let own = service["environment"].as_mapping().into_iter().flatten();
    let own = own.map(|(name, value)| (name.as_str().expect("a name").to_owned(), value.as_str().expect("a text").to_owned()));
    final_stage().environment().into_iter().chain(own).collect()
}

pub fn serves_with_one_volume_and_nothing_else() {
    let services = services();
    let plain: Vec<_> = services.iter().filter(|(_, service)| service.get("profiles").is_none()).collect();
    let [(name, service)] = plain[..] else { panic!("one service without a profile: {plain:?}") };
    assert_eq!(name, "preau");
    assert_eq!(texts(&service["volumes"]), [format!("preau:{DATA}")]);
    for nothing_else in ["depends_on", "env_file", "secrets", "configs", "tmpfs", "command", "entrypoint", "user"] {
        assert!(service.get(nothing_else).is_none(), "{nothing_else}");
    }
    let config = settings(environment(service).iter().map(|(n, v)| (n.as_str(), v.as_str())));
    assert_eq!(config.portals[0].url.as_str(), "https://data.education.gouv.fr/");
}

pub fn gives_no_service_more_than_it_needs() {
    for (name, service) in &services() {
        assert_eq!(service["read_only"], Value::Bool(true), "{name:?}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name:?}");
        assert!(texts(&service["security_opt"]).contains(&"no-new-privileges:true"), "{name:?}");
        for more in ["privileged", "cap_add", "user", "network_mode", "pid", "devices"] {
            assert!(service.get(more).is_none(), "{name:?} has {more}");
        }
    }
}

pub fn lets_the_host_alone_reach_the_admin_listener() {
    let mut seen = 0;
    for (name, service) in services().iter().filter(|(_, service)| service.get("command").is_none()) {
        let config = settings(environment(service).iter().map(|(n, v)| (n.as_str(), v.as_str())));
        assert!(config.listen.admin.ip().is_unspecified(), "a published port does not reach the container's own loopback");
        let inside = format!(":{}", config.listen.admin.port());
        for port in texts(&service["ports"]).into_iter().filter(|port| port.ends_with(&inside)) {
            assert!(port.starts_with("127.0.0.1:"), "{name:?} publishes {port}");
            seen += 1;
        }
        let mirror = format!(":{}", config.listen.mirror.port());
        assert!(texts(&service["ports"]).iter().any(|port| port.ends_with(&mirror)), "{name:?} publishes its mirror");
    }
    assert_eq!(seen, 2, "both mirrors publish their admin listener");
}

pub fn waits_longer_than_the_shutdown_deadline() {
    for (name, service) in &services() {
        let grace = service["stop_grace_period"].as_str().expect("a time");
        let seconds: u64 = grace.strip_suffix('s').and_then(|seconds| seconds.parse().ok()).expect("seconds");
        assert!(Duration::from_secs(seconds) > settings([("HOME", "/")]).listen.shutdown_deadline, "{name:?}");
    }
}

pub fn profile_demo_puts_the_simulator_behind_a_preau() {
    let services = services();
    let simulator = &services["simulator"];
    assert_eq!(texts(&simulator["profiles"]), ["demo"]);
    assert_eq!(simulator["healthcheck"]["disable"], Value::Bool(true));
    let command = texts(&simulator["command"]);
    assert_eq!(command[..2], ["simulate", "--listen"]);
    let port = command[2].rsplit_once(':').expect("an address").1;

    let mirror = &services["preau-demo"];
    assert_eq!(texts(&mirror["profiles"]), ["demo"]);
    assert_eq!(texts(&mirror["depends_on"]), ["simulator"]);
    let config = settings(environment(mirror).iter().map(|(n, v)| (n.as_str(), v.as_str())));
    assert_eq!(config.portals.len(), 1);
    assert_eq!(config.portals[0].url.as_str(), format!("http://simulator:{port}/"));
    let tmpfs = texts(&mirror["tmpfs"]);
    assert!(tmpfs.len() == 1 && tmpfs[0].starts_with(&format!("{DATA}:uid=65532,gid=65532")), "{tmpfs:?}");
}
