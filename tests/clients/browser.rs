//! A page in a real browser that asks across origins: what it may read is what the fields on both sides allow it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::calls::{self, Call, Spelling};
use crate::outcome::Outcome;
use crate::program::{self, Running};
use crate::round::{self, Stage};

/// How long a browser may take to start, ask everything and tell. Another process is waited for, so this is real time.
const PATIENCE: Duration = Duration::from_secs(180);

/// What keeps it to this machine and to this page.
const OPTIONS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
];

/// What a page may read of an answer through préau beside the answer: where it came from, what it cost, and what is left to spend.
const LEGIBLE: [&str; 3] = ["cache-status", "x-preau-cost", "x-ratelimit-remaining"];

pub fn a_page_of_another_origin_is_served() {
    let stage = Stage::new();
    let calls = stage.runtime.block_on(calls::all(stage.portal.addr(), Spelling::Any));
    assert!(calls.iter().any(|call| call.fields.contains_key("Authorization")), "one call at least needs a preflight");
    let mirror = stage.mirror();
    let mut hidden = Vec::new();
    round::run("Chromium", &stage, &calls, |base, calls| {
        let outcomes = stage.runtime.block_on(visit(base, calls));
        if base == mirror {
            let answers = outcomes.iter().zip(calls).filter(|(_, call)| !call.is_answered_here());
            hidden.extend(answers.filter_map(|(outcome, call)| {
                // What a key has left is the portal's to say, which says it of what succeeds.
                let expected = if call.is_keyed() && outcome.status >= 400 { &LEGIBLE[..2] } else { &LEGIBLE[..] };
                let missing = expected.iter().find(|name| !outcome.fields.contains_key(**name))?;
                Some(format!("{missing} of {}", outcome.target))
            }));
        }
        outcomes
    });
    assert!(hidden.is_empty(), "a page may not read {hidden:#?}");
}

/// Opens the page in a browser that has never seen anything, and waits for what it tells.
async fn visit(base: &str, calls: &[Call]) -> Vec<Outcome> {
    Site::new("localhost").await.visit("page.html", json!({"base": base, "calls": calls}), &[]).await
}

/// An origin of its own, with pages that ask elsewhere.
pub struct Site {
    listener: TcpListener,
    name: &'static str,
}

impl Site {
    /// Under this name, which leads to this machine.
    pub async fn new(name: &'static str) -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a free port"), name }
    }

    /// As a browser writes it in `Origin`.
    pub fn origin(&self) -> String {
        format!("http://{}:{}", self.name, self.listener.local_addr().expect("it is bound").port())
    }

    /// Opens a page in a browser that has never seen anything and has these options more, and waits for what it tells of its task.
    pub async fn visit<T: DeserializeOwned>(self, page: &str, task: serde_json::Value, options: &[&str]) -> T {
        let (tell, mut told) = mpsc::channel(1);
        let origin = self.origin();
        serve(self.listener, page, task, tell);
        let profile = tempfile::tempdir().expect("a directory");
        let mut command = program::command("chromium", profile.path());
        command.args(OPTIONS).args(options).arg(format!("--user-data-dir={}", profile.path().display())).arg(format!("{origin}/"));
        let _browser = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("chromium starts"));
        let told = tokio::time::timeout(PATIENCE, told.recv()).await.expect("the page tells in time").expect("the server is there");
        serde_json::from_slice(&told).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&told)))
    }
}

/// Serves a page and what it needs.
fn serve(listener: TcpListener, page: &str, task: serde_json::Value, tell: mpsc::Sender<Bytes>) {
    let file = |name: &str, media_type: &'static str| {
        let text = std::fs::read_to_string(program::scripts().join(Path::new(name))).expect("the page is there");
        get(move || async move { ([(CONTENT_TYPE, media_type)], text) })
    };
    let router = Router::new()
        .route("/", file(page, "text/html"))
        .route("/ask.mjs", file("ask.mjs", "text/javascript"))
        .route("/task.json", get(move || async move { Json(task) }))
        .route("/outcomes", post(move |outcomes: Bytes| async move { tell.send(outcomes).await.expect("somebody waits") }))
        .layer(DefaultBodyLimit::disable());
    tokio::spawn(async move { axum::serve(listener, router).await });
}
