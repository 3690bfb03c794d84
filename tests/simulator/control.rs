//! The control paths that are not about faults or the quota.

use serde_json::{Value, json};

use super::client::{CALENDAR, Portal, V21};

const SMALL: &str = "fr-en-effectifs-internats";

async fn metas(portal: &Portal) -> Value {
    portal.json(&format!("{V21}/datasets/{SMALL}")).await["metas"]["default"].clone()
}

#[tokio::test]
async fn a_touch_adds_rows_and_moves_the_version_wherever_it_is_told() {
    let portal = Portal::new().await;
    let records = format!("{V21}/datasets/{SMALL}/records?limit=100&include_app_metas=true");
    let before = (metas(&portal).await, portal.json(&records).await);
    portal.control("POST", "clock?now=2026-03-01T10:00:00Z", "").await;
    portal.control("POST", &format!("touch?dataset={SMALL}"), "").await;
    let after = (metas(&portal).await, portal.json(&records).await);

    let version = after.0["data_processed"].as_str().unwrap();
    assert!(version.starts_with("2026-03-01T10:00:0") && version.ends_with("+00:00"), "{version}");
    assert_eq!(after.0["modified"], after.0["data_processed"]);
    assert_eq!(after.0["metadata_processed"], before.0["metadata_processed"]);
    let count = |metas: &Value| metas["records_count"].as_u64().unwrap();
    let added = count(&after.0) - count(&before.0);
    assert!(added > 0);
    assert_eq!(after.1["total_count"].as_u64(), before.1["total_count"].as_u64().map(|total| total + added));
    let ids = |page: &Value| page["results"].as_array().unwrap().iter().map(|row| row["_id"].clone()).collect::<Vec<_>>();
    let added = usize::try_from(added).unwrap();
    assert_eq!(ids(&after.1)[added..], ids(&before.1)[..100 - added], "records keep their ids");
    assert_eq!(after.1["results"][0]["_timestamp"], after.0["data_processed"]);

    let listed = portal.json(&format!("{V21}/exports/json?select=dataset_id,data_processed&where=dataset_id=%22{SMALL}%22")).await;
    assert_eq!(listed, json!([{"dataset_id": SMALL, "data_processed": version}]));
    let flat = portal.json(&format!("/api/datasets/1.0/{SMALL}")).await;
    assert_eq!(flat["metas"]["data_processed"], version);

    portal.control("POST", "reset", "").await;
    assert_eq!((metas(&portal).await, portal.json(&records).await), before);
}

#[tokio::test]
async fn metadata_are_touched_alone() {
    let portal = Portal::new().await;
    let before = metas(&portal).await;
    portal.control("POST", "clock?now=2026-03-01T10:00:00Z", "").await;
    portal.control("POST", &format!("touch?dataset={SMALL}&what=metadata"), "").await;
    let after = metas(&portal).await;
    assert!(after["metadata_processed"].as_str().unwrap().starts_with("2026-03-01T10:00:0"));
    assert_eq!((&after["data_processed"], &after["records_count"]), (&before["data_processed"], &before["records_count"]));
}

#[tokio::test]
async fn equal_seeds_are_equal_portals_and_others_are_not() {
    let target = format!("{V21}/datasets/{SMALL}/exports/json");
    let seeded = async |seed| Portal::with(preau::simulator::Settings { seed, ..Default::default() }).await.get(&target).await.body;
    assert_eq!(seeded(7).await, seeded(7).await);
    assert_ne!(seeded(7).await, seeded(8).await);
}

#[tokio::test]
async fn the_clock_is_the_portals_everywhere() {
    let portal = Portal::new().await;
    portal.control("POST", "clock?now=2024-10-10T23:59:58Z", "").await;
    let answer = portal.get(&format!("{CALENDAR}/records?limit=1&where=start_date%3Enow()&order_by=start_date")).await;
    assert!(answer.field("date").starts_with("Thu, 10 Oct 2024 23:59:5"), "{}", answer.field("date"));
    assert_eq!(answer.field("x-ratelimit-reset"), "2024-10-11 00:00:00+00:00");
    let next = answer.json()["results"][0]["start_date"].as_str().unwrap().to_owned();
    assert!(next.as_str() > "2024-10-10T23:59:58", "{next}");
    assert!(portal.calls().await["now"].as_str().unwrap().starts_with("2024-10-10T23:59:5"));
    portal.control("POST", "clock?now=2024-10-11T02:00:00%2B02:00", "").await;
    assert!(portal.calls().await["now"].as_str().unwrap().starts_with("2024-10-11T00:00:0"));
}

#[tokio::test]
async fn the_last_requests_are_shown_as_they_came() {
    let portal = Portal::new().await;
    portal.get_with("/api/explore/v2.1/catalog/datasets?where=a=\"é\"&limit=0", &[("X-Odd", "Value")]).await;
    portal.get(CALENDAR).await;
    let shown = portal.control("GET", "requests?last=2", "").await;
    assert_eq!(shown[0]["target"], "/api/explore/v2.1/catalog/datasets?where=a=\"é\"&limit=0");
    assert!(shown[0]["headers"].as_array().unwrap().contains(&json!(["X-Odd", "Value"])));
    assert_eq!((&shown[1]["method"], &shown[1]["target"]), (&json!("GET"), &json!(CALENDAR)));
    assert_eq!(portal.control("GET", "requests", "").await.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn control_is_neither_counted_nor_guessed() {
    let portal = Portal::new().await;
    for (method, path, right) in [
        ("GET", "nothing", "GET calls"),
        ("GET", "reset", "POST reset"),
        ("POST", "touch", "dataset="),
        ("POST", "touch?dataset=zzz", "no dataset zzz"),
        ("POST", "touch?dataset=fr-en-calendrier-scolaire&what=all", "known are data and metadata"),
        ("POST", "clock?now=tomorrow", "RFC 3339"),
        ("POST", "quota?used=many", "used=100"),
    ] {
        let answer = portal.ask(method, &format!("/_simulator/{path}"), &[], "").await;
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && error.contains(right), "{path}: {error}");
    }
    let calls = portal.calls().await;
    assert_eq!((&calls["received"], &calls["charged"], &calls["by_family"]), (&json!(0), &json!(0), &json!({})));
}

#[tokio::test]
async fn a_stopped_portal_lets_go_of_its_address() {
    let portal = Portal::new().await;
    let addr = portal.addr();
    portal.get(CALENDAR).await;
    portal.stop().await;
    let error = tokio::net::TcpStream::connect(addr).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_clock_runs_on_or_stands_still_and_can_be_moved_forward() {
    let settings = preau::simulator::Settings { now: Some("2026-03-01T06:00:00Z".parse().unwrap()), ..Default::default() };
    let portal = Portal::with(settings).await;
    let reads = async || portal.calls().await["now"].as_str().unwrap().to_owned();
    assert!(reads().await.starts_with("2026-03-01T06:00:0"));
    portal.control("POST", "clock?forward=3600", "").await;
    let first = reads().await;
    assert!(first.starts_with("2026-03-01T07:00:0") && reads().await > first, "it runs on");
    portal.control("POST", "clock?now=2026-03-02T00:00:00Z&frozen=1", "").await;
    portal.control("POST", "clock?forward=0.25", "").await;
    assert_eq!((reads().await.as_str(), reads().await.as_str()), ("2026-03-02T00:00:00.25Z", "2026-03-02T00:00:00.25Z"));
    portal.control("POST", "clock?forward=1&frozen=0", "").await;
    assert!(reads().await < reads().await, "it runs again");
    portal.control("POST", "reset", "").await;
    assert!(reads().await.starts_with("2026-03-01T06:00:0"));
    for (path, right) in [("clock", "now or forward"), ("clock?forward=-1", "number of seconds"), ("clock?now=x", "RFC 3339")] {
        let answer = portal.ask("POST", &format!("/_simulator/{path}"), &[], "").await;
        assert!(answer.status == 400 && answer.text().contains(right), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_larger_portal_has_the_smaller_one_in_it_and_more_to_ask() {
    let portal = Portal::with(preau::simulator::Settings { datasets: 300, ..Default::default() }).await;
    let look = "/api/explore/v2.1/catalog/exports/json?select=dataset_id,data_processed,records_count";
    let (large, small) = (portal.json(look).await, Portal::new().await.json(look).await);
    let (large, small) = (large.as_array().unwrap(), small.as_array().unwrap());
    assert_eq!((large.len(), &large[..small.len()]), (300, &small[..]));
    for at in [64, 65, 77, 89, 101, 299] {
        let id = large[at]["dataset_id"].as_str().unwrap();
        let described = portal.json(&format!("{V21}/datasets/{id}")).await;
        let fields: Vec<&str> = described["fields"].as_array().unwrap().iter().map(|field| field["name"].as_str().unwrap()).collect();
        let rows = portal.json(&format!("{V21}/datasets/{id}/exports/json")).await;
        assert_eq!(large[at]["records_count"], rows.as_array().unwrap().len());
        let mut questions =
            vec!["limit=5".to_owned(), "limit=100".to_owned(), "limit=20&offset=20".to_owned(), "limit=100&offset=40".to_owned()];
        questions.extend(fields.iter().map(|field| format!("select={field}&limit=20")));
        questions.extend(fields.iter().map(|field| format!("group_by={field}&select=count(*)")));
        questions.push("where=code_departement%3C%22050%22".to_owned());
        let mut answers = std::collections::HashSet::new();
        for question in &questions {
            let answer = portal.get(&format!("{V21}/datasets/{id}/records?{question}")).await;
            assert_eq!(answer.status, 200, "{question}: {}", answer.text());
            answers.insert(answer.body);
        }
        assert!(answers.len() == questions.len() && answers.len() >= 20, "{id}: {} of {}", answers.len(), questions.len());
    }
}

#[tokio::test]
async fn every_control_path_is_explained() {
    let help = preau::simulator::help();
    for path in ["calls", "requests", "reset", "clock", "touch", "release", "version", "hide", "show", "publish", "shrink", "lie", "faults"]
    {
        assert!(help.contains(&format!("/_simulator/{path}")), "{path}: {help}");
    }
}

#[tokio::test]
async fn a_private_dataset_is_its_keys_alone_and_answers_tell_whose_they_are_if_told_to() {
    let portal = Portal::new().await;
    let target = format!("{V21}/datasets/{SMALL}/records?limit=1");
    let asked = async |key: &str| {
        let fields = [("authorization", format!("Apikey {key}"))];
        let fields: Vec<_> = fields.iter().filter(|_| !key.is_empty()).map(|(name, value)| (*name, value.as_str())).collect();
        let answer = portal.get_with(&target, &fields).await;
        let caller = answer.fields.iter().find(|(name, _)| name == "x-simulator-caller").map(|(_, value)| value.clone());
        (answer.status, caller)
    };
    assert_eq!(asked("valid-a").await, (200, None));
    portal.control("POST", &format!("private?dataset={SMALL}&key=valid-a"), "").await;
    portal.control("POST", "callers?tell=1", "").await;
    for (key, status, caller) in [("valid-a", 200, "valid-a"), ("valid-b", 404, "valid-b"), ("", 404, "anonymous"), ("x", 401, "unknown")] {
        assert_eq!(asked(key).await, (status, Some(caller.to_owned())), "{key}");
    }
    portal.control("POST", &format!("private?dataset={SMALL}"), "").await;
    portal.control("POST", "callers?tell=0", "").await;
    assert_eq!(asked("").await, (200, None));
}
