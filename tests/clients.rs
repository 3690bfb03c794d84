//! Programs that people really use, unchanged but for one address: each makes the same calls of the portal in a box, then through préau, then
//! through préau again. Status, body and fields are the portal's, save a listed few, and the second time costs no call.
//!
//! The programs and their packages are installed by `.ci/run`, never from here; where one is absent its test is reported as ignored.

#[path = "clients/browser.rs"]
mod browser;
#[path = "clients/calls.rs"]
mod calls;
#[path = "clients/curl.rs"]
mod curl;
#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "support/http.rs"]
mod http;
#[path = "support/http_page.rs"]
mod http_page;
#[path = "clients/keys.rs"]
mod keys;
#[path = "clients/outcome.rs"]
mod outcome;
#[path = "support/outside.rs"]
mod outside;
#[path = "clients/pages.rs"]
mod pages;
#[path = "clients/program.rs"]
mod program;
#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "support/roof.rs"]
mod roof;
#[path = "clients/round.rs"]
mod round;

use std::path::Path;
use std::process::ExitCode;

use calls::{Call, Spelling};
use outcome::Outcome;
use outside::{CHROMIUM, CURL, NODE, NODE_PACKAGES, PYTHON_PACKAGES, installed, trial};
use round::Stage;

fn main() -> ExitCode {
    let exit = outside::run(vec![
        trial("recorded_requests_are_read_with_the_fields_that_matter", &[], calls::recorded_requests_are_read_with_the_fields_that_matter),
        trial("differences_are_seen_but_for_the_listed_ones", &[], outcome::differences_are_seen_but_for_the_listed_ones),
        trial("curl_is_served", &[CURL], || all_calls("curl", Spelling::NoSpace, |base, calls| curl::ask(&[], base, calls))),
        trial("curl_that_takes_gzip_is_served", &[CURL], || {
            all_calls("curl --compressed", Spelling::NoSpace, |base, calls| curl::ask(&["--compressed"], base, calls));
        }),
        trial("nodes_fetch_is_served", &[NODE], || all_calls("Node fetch", Spelling::Any, node("with_fetch.mjs", &[]))),
        trial("the_vendors_library_is_served", &[NODE, NODE_PACKAGES], || {
            all_calls("@opendatasoft/api-client", Spelling::Any, node("with_api_client.mjs", &[&installed()]));
        }),
        trial("pythons_requests_is_served", &[PYTHON_PACKAGES], || all_calls("requests", Spelling::Any, python("with_requests.py"))),
        trial("pythons_urllib_is_served", &[PYTHON_PACKAGES], || all_calls("urllib", Spelling::Ascii, python("with_urllib.py"))),
        trial("pandas_reads_tables", &[PYTHON_PACKAGES], || tables("pandas", &["csv", "json", "jsonl"], python("with_pandas.py"))),
        trial("duckdb_reads_tables", &[PYTHON_PACKAGES], || {
            tables("DuckDB", &["csv", "json", "jsonl", "parquet"], python("with_duckdb.py"));
        }),
        trial("curl_carries_keys", &[CURL], keys::curl_carries_keys),
        trial("pythons_programs_carry_keys", &[PYTHON_PACKAGES], || keys::pythons_programs_carry_keys(&outside::python())),
        trial("javascript_carries_keys", &[NODE, NODE_PACKAGES], || keys::javascript_carries_keys(&installed())),
        trial("a_page_of_another_origin_is_served", &[CHROMIUM], browser::a_page_of_another_origin_is_served),
        trial("a_page_of_a_foreign_origin_spends_no_teams_budget", &[CHROMIUM, CURL], || {
            pages::a_page_of_a_foreign_origin_spends_no_teams_budget(&pages::OF_THIS_MACHINE);
        }),
        trial("a_page_of_a_foreign_origin_spends_no_teams_budget_over_plain_http_either", &[CHROMIUM, CURL], || {
            pages::a_page_of_a_foreign_origin_spends_no_teams_budget(&pages::OF_A_NETWORK);
        }),
        trial("a_page_of_an_allowed_origin_reads_every_field", &[CHROMIUM], pages::a_page_of_an_allowed_origin_reads_every_field),
    ]);
    round::print_table();
    exit
}

/// All calls, by a client that takes such targets.
fn all_calls(client: &'static str, spelling: Spelling, ask: impl FnMut(&str, &[Call]) -> Vec<Outcome>) {
    let stage = Stage::new();
    let calls = stage.runtime.block_on(calls::all(stage.portal.addr(), spelling));
    round::run(client, &stage, &calls, ask);
}

/// The tables in these formats, by a program that reads nothing else.
fn tables(client: &'static str, formats: &[&str], ask: impl FnMut(&str, &[Call]) -> Vec<Outcome>) {
    round::run(client, &Stage::new(), &calls::tables(formats), ask);
}

/// A script for Node.
fn node<'a>(script: &'a str, more: &'a [&'a Path]) -> impl FnMut(&str, &[Call]) -> Vec<Outcome> + 'a {
    move |base, calls| program::run(Path::new("node"), script, more, base, calls)
}

/// A script for the Python that has the packages.
fn python(script: &str) -> impl FnMut(&str, &[Call]) -> Vec<Outcome> + '_ {
    move |base, calls| program::run(&outside::python(), script, &[], base, calls)
}
