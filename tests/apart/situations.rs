//! The situations of the sweep: in each, one asks, something happens, and another asks.

use ::http::Method;
use futures_util::future::join_all;

use super::askers::{ALL, ANSWERED, Asker, NOBODY, pairs};
use super::families::Target;
use super::http::Answer;
use super::sweep::{Needs, Report, Site};
use std::time::Duration;

/// What is about fills.
pub async fn of_fills() -> Vec<Report> {
    let small = Needs { buffer_limit: 512, ..Needs::default() };
    let slow = Needs { delay: Duration::from_millis(15), ..Needs::default() };
    vec![
        fresh_fill("fresh fill", Needs::default(), &ALL).await,
        fresh_fill("fresh fill, large", small, &ANSWERED).await,
        collapsed("collapsed fill", slow).await,
        collapsed("collapsed fill, large", Needs { buffer_limit: 512, ..slow }).await,
        forced().await,
    ]
}

/// What is about answers that are there already.
pub async fn of_what_is_stored() -> Vec<Report> {
    vec![only_if_cached().await, stale().await, negative().await, purged().await, restarted().await, head_range_and_conditions().await]
}

fn is_hit(answer: &Answer) -> bool {
    answer.field("x-preau-cost") == "0"
}

/// One asks and then another, and both once more.
async fn fresh_fill(name: &'static str, needs: Needs, seconds: &[Asker]) -> Report {
    let mut site = Site::build(name, needs).await;
    for (first, second) in pairs(&ANSWERED, seconds) {
        site.belongs_to(first).await;
        for target in site.targets.clone() {
            site.begin();
            let answer = first.get(&site.roof, &target.text).await;
            site.look_own(&target, first, first, &answer);
            for asker in [second, second, first] {
                let answer = asker.get(&site.roof, &target.text).await;
                site.look(&target, asker, first, &answer);
                site.meet_if("stored for the first", asker == first && is_hit(&answer));
            }
        }
    }
    site.report()
}

/// Three of each ask at once.
async fn collapsed(name: &'static str, needs: Needs) -> Report {
    let mut site = Site::build(name, needs).await;
    for (first, second) in pairs(&ANSWERED, &ANSWERED) {
        site.belongs_to(first).await;
        for target in site.targets.clone() {
            site.begin();
            let askers = [first, second, first, second, first, second];
            let answers = join_all(askers.iter().map(|asker| asker.get(&site.roof, &target.text))).await;
            for (asker, answer) in askers.iter().zip(&answers) {
                site.look_own(&target, *asker, first, answer);
            }
            let collapsed =
                |of: Asker| askers.iter().zip(&answers).any(|(asker, answer)| *asker == of && answer.cache_status().contains("collapsed"));
            site.meet_if("collapsed", collapsed(first) && collapsed(second));
        }
    }
    site.report()
}

/// One forces a call although the other's answer is there, or keeps its own from being stored.
async fn forced() -> Report {
    let mut site = Site::build("forced", Needs { may_force: true, ..Needs::default() }).await;
    for (first, second) in pairs(&ANSWERED, &ANSWERED) {
        site.belongs_to(first).await;
        for target in site.targets.clone() {
            site.begin();
            let answer = first.get(&site.roof, &target.text).await;
            site.look_own(&target, first, first, &answer);
            for (asker, directive) in [
                (second, "no-cache"),
                (first, "no-cache"),
                (second, "no-cache, no-store"),
                (first, "no-cache, no-store"),
                (second, "max-age=0"),
            ] {
                let answer = asker.get_with(&site.roof, &target.text, &[("cache-control", directive)]).await;
                site.look(&target, asker, first, &answer);
                site.meet_if("forced", asker == first && !is_hit(&answer));
            }
            let answer = first.get(&site.roof, &target.text).await;
            site.look_own(&target, first, first, &answer);
        }
    }
    site.report()
}

/// What is stored for one is asked for by another that wants nothing else.
async fn only_if_cached() -> Report {
    let mut site = Site::build("only if cached", Needs::default()).await;
    for (first, second) in pairs(&ANSWERED, &ALL) {
        site.belongs_to(first).await;
        for target in site.targets.clone() {
            site.begin();
            let answer = first.get(&site.roof, &target.text).await;
            site.look_own(&target, first, first, &answer);
            let fields = [("cache-control", "only-if-cached, max-stale")];
            let answer = second.get_with(&site.roof, &target.text, &fields).await;
            site.look(&target, second, first, &answer);
            let answer = first.get_with(&site.roof, &target.text, &fields).await;
            site.look(&target, first, first, &answer);
            site.meet_if("cached for the first", first.owns(&answer));
        }
    }
    site.report()
}

/// The portal fails, and what is stored is no longer fresh.
async fn stale() -> Report {
    let mut site = Site::build("stale while it fails", Needs::default()).await;
    for (first, second) in pairs(&ANSWERED, &ANSWERED) {
        site.belongs_to(first).await;
        let targets: Vec<Target> = site.targets.iter().filter(|target| !target.refused).cloned().collect();
        for target in &targets {
            let answer = first.get(&site.roof, &target.text).await;
            site.look_own(target, first, first, &answer);
        }
        // No lifetime is longer, and what a version vouches for needs a look.
        site.pass(11 * 60).await;
        site.break_portal(true).await;
        for target in &targets {
            site.begin();
            for asker in [second, first, second] {
                let answer = asker.get(&site.roof, &target.text).await;
                site.look(target, asker, first, &answer);
                site.meet_if("stale for the first", asker == first && answer.status == 200 && answer.cache_status().contains("ttl=-"));
            }
        }
        site.break_portal(false).await;
    }
    site.report()
}

/// One who may not see it is refused first; then the one who may asks.
async fn negative() -> Report {
    let mut site = Site::build("negative answer", Needs::default()).await;
    for (first, second) in pairs(&ANSWERED, &ANSWERED) {
        site.belongs_to(first).await;
        for target in site.targets.clone().iter().filter(|target| target.private || target.refused) {
            site.begin();
            let answer = second.get(&site.roof, &target.text).await;
            site.look_own(target, second, first, &answer);
            let answer = first.get(&site.roof, &target.text).await;
            site.look_own(target, first, first, &answer);
            let again = second.get(&site.roof, &target.text).await;
            site.look_own(target, second, first, &again);
            site.meet_if("remembered", is_hit(&again));
        }
    }
    site.report()
}

/// What was purged serves stale, or not at all.
async fn purged() -> Report {
    let mut site = Site::build("purged", Needs::default()).await;
    for (first, second) in pairs(&ANSWERED, &ANSWERED) {
        site.belongs_to(first).await;
        let targets: Vec<Target> = site.targets.iter().filter(|target| !target.refused).cloned().collect();
        for target in &targets {
            let answer = first.get(&site.roof, &target.text).await;
            site.look_own(target, first, first, &answer);
        }
        for mode in ["soft", "hard"] {
            site.purge(mode).await;
            site.break_portal(true).await;
            for target in &targets {
                site.begin();
                for asker in [second, first] {
                    let answer = asker.get(&site.roof, &target.text).await;
                    site.look(target, asker, first, &answer);
                    let is_there = answer.status == 200;
                    assert!(mode == "soft" || !is_there, "{}: {answer:?}", target.text);
                    site.meet_if("stale for the first", asker == first && is_there);
                }
            }
            site.break_portal(false).await;
        }
    }
    site.report()
}

/// Another process: what keys unlocked is gone, and nothing of it was ever written down.
async fn restarted() -> Report {
    let mut site = Site::build("restarted", Needs { buffer_limit: 4 << 10, ..Needs::default() }).await;
    for (first, second) in pairs(&ANSWERED, &ANSWERED) {
        site.belongs_to(first).await;
        let targets: Vec<Target> = site.targets.iter().filter(|target| !target.refused).cloned().collect();
        for target in &targets {
            for asker in [first, second] {
                let answer = asker.get(&site.roof, &target.text).await;
                site.look(target, asker, first, &answer);
            }
        }
        site = site.restart().await;
        nothing_is_written(site.roof.data.path());
        site.break_portal(true).await;
        for target in &targets {
            site.begin();
            for asker in [second, first, NOBODY] {
                let answer = asker.get(&site.roof, &target.text).await;
                site.look(target, asker, first, &answer);
                assert!(asker.key.is_none() || !asker.owns(&answer) || answer.status != 200, "{} was kept for {}", target.text, asker.name);
                site.meet_if("gone for holders", asker.key.is_some());
            }
        }
        site.break_portal(false).await;
    }
    site.report()
}

/// No file has a key in it, nor an answer to one: on each is written whose it is.
fn nothing_is_written(data: &std::path::Path) {
    let (mut files, mut anonymous) = (vec![data.to_owned()], false);
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        anonymous |= holds("anonymous") && path.to_string_lossy().contains("store");
        for asker in ANSWERED {
            let key = asker.key.unwrap_or("valid-");
            assert!(!holds(key), "{} has {key} in it", path.display());
        }
    }
    assert!(anonymous, "what is written down cannot be read: the search shows nothing");
}

/// Heads, parts, and the word that nothing has changed.
async fn head_range_and_conditions() -> Report {
    let mut site = Site::build("head, range, condition", Needs::default()).await;
    for (first, second) in pairs(&ANSWERED, &ANSWERED) {
        site.belongs_to(first).await;
        for target in site.targets.clone() {
            site.begin();
            let answer = first.get(&site.roof, &target.text).await;
            site.look_own(&target, first, first, &answer);
            let tag = answer.field("etag").to_owned();
            let validated = !tag.is_empty();
            let tag = if validated { tag } else { "\"none\"".to_owned() };
            let fields: [&[(&str, &str)]; 5] = [
                &[("range", "bytes=0-9")],
                &[("if-none-match", &tag)],
                &[("if-modified-since", "Fri, 01 Jan 2999 00:00:00 GMT")],
                &[("range", "bytes=2-5"), ("if-range", &tag)],
                &[("range", "bytes=0-1, 4-6, -2")],
            ];
            for asker in [second, first] {
                let answer = asker.send(&site.roof, Method::HEAD, &target.text, &[]).await;
                site.look(&target, asker, first, &answer);
                for fields in fields {
                    let answer = asker.get_with(&site.roof, &target.text, fields).await;
                    site.look(&target, asker, first, &answer);
                }
            }
            let answer = first.get_with(&site.roof, &target.text, &[("if-none-match", &tag)]).await;
            site.look(&target, first, first, &answer);
            site.meet_if("not modified", answer.status == 304);
        }
    }
    site.report()
}
