//! The image and the compose file, as far as they can be checked without a container engine: what they say, and that the image's exact
//! command line serves under a user that may write nothing but the data directory.

#[path = "container/command_line.rs"]
mod command_line;
#[path = "container/compose.rs"]
mod compose;
#[path = "container/dockerfile.rs"]
mod dockerfile;
#[path = "support/outside.rs"]
mod outside;

use std::path::Path;
use std::process::ExitCode;

use dockerfile::{Stage, exec_form};
use outside::{ROOT, trial};
use preau::config::{Config, Environment, Overrides};

/// The image's data directory.
const DATA: &str = "/var/lib/preau";

fn main() -> ExitCode {
    outside::run(vec![
        trial("dependencies_are_built_before_our_sources_are_copied", &[], dependencies_are_built_before_our_sources_are_copied),
        trial("the_final_image_holds_the_binary_of_the_dist_profile_and_no_sources", &[], the_final_image_holds_the_binary),
        trial("the_image_runs_as_a_numeric_user_that_is_not_root", &[], the_image_runs_as_a_numeric_user),
        trial("the_image_has_one_volume_which_is_the_data_directory", &[], the_image_has_one_volume),
        trial("the_health_check_is_the_binary_itself_in_exec_form", &[], the_health_check_is_the_binary_itself),
        trial("what_the_dockerfile_copies_is_let_through_by_dockerignore", &[], what_is_copied_is_let_through),
        trial("compose_serves_with_one_volume_and_nothing_else", &[], compose::serves_with_one_volume_and_nothing_else),
        trial("compose_gives_no_service_a_writable_root_or_a_capability", &[], compose::gives_no_service_more_than_it_needs),
        trial("compose_lets_the_host_alone_reach_the_admin_listener", &[], compose::lets_the_host_alone_reach_the_admin_listener),
        trial("compose_waits_longer_than_the_shutdown_deadline", &[], compose::waits_longer_than_the_shutdown_deadline),
        trial("compose_profile_demo_puts_the_simulator_behind_a_preau", &[], compose::profile_demo_puts_the_simulator_behind_a_preau),
        trial("the_images_command_line_serves_under_another_user_with_a_read_only_tree", &[ROOT], command_line::serves),
    ])
}

/// A file of the repository.
fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn stages() -> Vec<Stage> {
    dockerfile::stages(&file("Dockerfile"))
}

/// The stage that becomes the image.
fn final_stage() -> Stage {
    stages().pop().expect("there is a stage")
}

/// The settings in force with `variables`, as `preau serve` reads them.
fn settings<'v>(variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Config {
    let environment: Environment = variables.into_iter().collect();
    Config::load(&Overrides::default(), &environment).unwrap_or_else(|faults| panic!("{faults}"))
}

fn dependencies_are_built_before_our_sources_are_copied() {
    let build = &stages()[0];
    let manifests = build.position(|i| i.keyword == "COPY" && i.rest.starts_with("Cargo.toml Cargo.lock"));
    let dependencies = build.position(|i| i.keyword == "RUN" && i.rest.contains("cargo build"));
    let sources = build.position(|i| i.keyword == "COPY" && i.rest.starts_with("src "));
    assert!(manifests < dependencies && dependencies < sources);
    for build in build.all("RUN").filter(|run| run.contains("cargo build")) {
        assert!(build.contains("--locked") && build.contains("--profile dist"), "{build}");
    }
}

fn the_final_image_holds_the_binary() {
    let image = final_stage();
    let copied: Vec<&str> = image.all("COPY").collect();
    assert!(copied.iter().all(|copy| copy.starts_with("--from=build ")), "{copied:?}");
    assert!(copied.contains(&"--from=build /build/target/dist/preau /usr/local/bin/preau"), "{copied:?}");
    assert_eq!(image.all("RUN").count(), 0, "the final image has no shell");
    assert_eq!(image.command_line(), ["/usr/local/bin/preau", "serve"]);
    assert!(stages()[0].last("FROM").starts_with(concat!("rust:", env!("CARGO_PKG_RUST_VERSION"))), "the build image is of rust-version");
}

fn the_image_runs_as_a_numeric_user() {
    let (user, group) = user_of(&final_stage());
    assert!(user > 0 && group > 0);
}

/// User and group, which are numbers so that an orchestrator can tell that they are not root's.
fn user_of(image: &Stage) -> (u32, u32) {
    let (user, group) = image.last("USER").split_once(':').expect("USER names user and group");
    (user.parse().expect("a number"), group.parse().expect("a number"))
}

fn the_image_has_one_volume() {
    let image = final_stage();
    assert_eq!(image.all("VOLUME").collect::<Vec<_>>(), [format!("[{DATA:?}]")]);
    let environment = image.environment();
    let config = settings(environment.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    assert_eq!(config.data, Path::new(DATA));
    let (user, group) = user_of(&image);
    let copied = format!("--from=build --chown={user}:{group} /data {DATA}");
    assert!(image.all("COPY").any(|copy| copy == copied), "a new volume must belong to the user: {copied}");
    let ports: Vec<_> = image.last("EXPOSE").split(' ').map(|port| port.parse::<u16>().expect("a port")).collect();
    assert_eq!(ports, [config.listen.mirror.port(), config.listen.admin.port()]);
}

fn the_health_check_is_the_binary_itself() {
    let image = final_stage();
    let (_, command) = image.last("HEALTHCHECK").split_once("CMD ").expect("HEALTHCHECK has a command");
    assert_eq!(exec_form(command), [exec_form(image.last("ENTRYPOINT"))[0].as_str(), "health"]);
}

fn what_is_copied_is_let_through() {
    let ignore = file(".dockerignore");
    let rules: Vec<&str> = ignore.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rules[0], "*");
    let build = &stages()[0];
    for copied in build.all("COPY").flat_map(|copy| copy.rsplit_once(' ').map_or("", |(sources, _)| sources).split(' ')) {
        assert!(rules.contains(&format!("!{copied}").as_str()), "{copied} is not let through");
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(copied).exists(), "{copied} does not exist");
    }
}
