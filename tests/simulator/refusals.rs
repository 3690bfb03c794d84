//! Limits, and what the portal says beyond them.

use serde_json::{Value, json};

use super::client::{Answer, CALENDAR, DIRECTORY, Portal, V21};

const V20: &str = "/api/explore/v2.0/catalog";
const SEARCH: &str = "/api/records/1.0/search/?dataset=fr-en-calendrier-scolaire";

fn assert_refused(answer: &Answer, status: u16, code: &str, message: &str, target: &str) {
    assert_eq!(answer.status, status, "{target}: {}", answer.text());
    let body = json!({"error_code": code, "message": message});
    assert_eq!(answer.json(), body, "{target}");
    assert_eq!(answer.text(), serde_json::to_string_pretty(&body).expect("JSON"), "{target}: indented by two spaces");
    assert_eq!(answer.field("content-type"), "application/json", "{target}");
    assert!(!answer.names().iter().any(|name| name.starts_with("x-ratelimit")), "{target}");
    let stored = if status == 400 { "" } else { "no-cache, no-store, max-age=0, must-revalidate" };
    assert_eq!(answer.field("cache-control"), stored, "{target}");
}

#[tokio::test]
async fn a_page_beyond_the_limits_is_a_400_that_names_the_limit() {
    let portal = Portal::new().await;
    let refused = |name: &str, found: &str, expected: &str| {
        format!("Invalid value for {name} API parameter: {found} was found but {expected} is expected.")
    };
    for path in [format!("{DIRECTORY}/records"), format!("{V21}/datasets"), format!("{V20}/datasets/fr-en-calendrier-scolaire/records")] {
        for (query, name, found, expected) in [
            ("limit=101", "limit", "101", "-1 <= limit <= 100"),
            ("limit=99999", "limit", "99999", "-1 <= limit <= 100"),
            ("limit=-2", "limit", "-2", "-1 <= limit <= 100"),
            ("limit=ten", "limit", "ten", "-1 <= limit <= 100"),
            ("offset=-1", "offset", "-1", "0 <= offset"),
            ("limit=100&offset=9901", "offset + limit", "10001", "offset + limit <= 10000"),
            ("offset=10000", "offset + limit", "10010", "offset + limit <= 10000"),
        ] {
            let target = format!("{path}?{query}");
            assert_refused(&portal.get(&target).await, 400, "InvalidRESTParameterError", &refused(name, found, expected), &target);
        }
    }
    let target = format!("{DIRECTORY}/records?group_by=nom_commune&limit=20001");
    assert_refused(
        &portal.get(&target).await,
        400,
        "InvalidRESTParameterError",
        &refused("limit", "20001", "-1 <= limit <= 20000"),
        &target,
    );
    let target = format!("{DIRECTORY}/records?group_by=nom_commune&limit=20000&offset=1");
    let message = refused("offset + limit", "20001", "offset + limit <= 20000");
    assert_refused(&portal.get(&target).await, 400, "InvalidRESTParameterError", &message, &target);
}

#[tokio::test]
async fn a_page_at_the_limits_is_answered() {
    let portal = Portal::new().await;
    for (target, rows) in [
        (format!("{DIRECTORY}/records"), 10),
        (format!("{DIRECTORY}/records?limit=0"), 0),
        (format!("{DIRECTORY}/records?limit=-1"), 100),
        (format!("{DIRECTORY}/records?limit=100&offset=9900"), 100),
        (format!("{CALENDAR}/records?group_by=location"), 10),
        (format!("{DIRECTORY}/records?group_by=identifiant_de_l_etablissement&limit=20000&select=count(*)"), 20_000),
        (format!("{CALENDAR}/records?limit=100&offset=5000"), 0),
    ] {
        assert_eq!(portal.json(&target).await["results"].as_array().map(Vec::len), Some(rows), "{target}");
    }
    let all = portal.json(&format!("{CALENDAR}/exports/json?limit=-1")).await;
    assert_eq!(all, portal.json(&format!("{CALENDAR}/exports/json")).await);
    assert!(all.as_array().unwrap().len() > 1000, "exports have no cap");
}

#[tokio::test]
async fn a_clause_that_cannot_be_read_is_quoted_with_its_fault() {
    let portal = Portal::new().await;
    let unknown = |name: &str, clause: &str| {
        ("ODSQLError", format!("ODSQL query is malformed: Unknown field: {name}. Clause(s) containing the error(s): {clause}."))
    };
    let syntax = |unexpected: &str, at: usize, text: &str, clause: &str| {
        let message = format!("ODSQL syntax exception: unexpected {unexpected} at position {at} in {text}.");
        ("ODSQLSyntaxError", format!("{message} Clause(s) containing the error(s): {clause}."))
    };
    for (target, (code, message)) in [
        (format!("{CALENDAR}/records?select=no_such_field"), unknown("no_such_field", "select")),
        (format!("{CALENDAR}/exports/csv?select=no_such_field"), unknown("no_such_field", "select")),
        (format!("{CALENDAR}/records?where=nothing=1"), unknown("nothing", "where")),
        (format!("{CALENDAR}/records?order_by=datetime"), unknown("datetime", "order_by")),
        (format!("{CALENDAR}/records?group_by=nothing"), unknown("nothing", "group_by")),
        (format!("{CALENDAR}/records?refine=nothing:1"), unknown("nothing", "refine")),
        (format!("{CALENDAR}/records?exclude=nothing:1"), unknown("nothing", "exclude")),
        (format!("{CALENDAR}/facets?facet=nothing"), unknown("nothing", "facet")),
        (format!("{V21}/datasets?limit=1&select=dataset_id,metas"), unknown("metas", "select")),
        (format!("{V21}/datasets?where=data_visible=true"), unknown("data_visible", "where")),
        (format!("{V21}/datasets?where=BADSYNTAX(("), syntax("(", 9, "BADSYNTAX((", "where")),
        (format!("{CALENDAR}/records?select=invalid_function()"), syntax("(", 16, "invalid_function()", "select")),
        (format!("{CALENDAR}/records?where=zones=%22A"), syntax("\"", 6, "zones=\"A", "where")),
    ] {
        assert_refused(&portal.get(&target).await, 400, code, &message, &target);
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_for_everybody_is_refused_as_recorded() {
    let portal = Portal::new().await;
    let missing = |what: &str, id: &str| format!("The requested {what} {id} does not exist.");
    let uri = "The requested URI does not exist.";
    for (target, status, code, message) in [
        (format!("{V21}/datasets/zzz-nope"), 404, "NotFoundResource", missing("dataset", "zzz-nope")),
        (format!("{V21}/datasets/zzz-nope/exports/csv"), 404, "NotFoundResource", missing("dataset", "zzz-nope")),
        (format!("{CALENDAR}/records/0123456789abcdef"), 404, "NotFoundResource", missing("record", "0123456789abcdef")),
        (format!("{CALENDAR}/attachments/nothing"), 404, "NotFoundResource", missing("attachment", "nothing")),
        ("/api/explore/v2.1/nothing".to_owned(), 404, "NotFoundURI", uri.to_owned()),
        ("/api/nothing".to_owned(), 404, "NotFoundURI", uri.to_owned()),
        (
            format!("{V21}/datasets/fr-en-mobilites-nominatives/records"),
            403,
            "ForbiddenAccess",
            "You don't have permission to access the requested resource".to_owned(),
        ),
    ] {
        assert_refused(&portal.get(&target).await, status, code, &message, &target);
    }
    assert_eq!(portal.get(&format!("{V21}/datasets/fr-en-calendrier-scolaire/aggregates?select=count(*)")).await.status, 410);
    assert_eq!(portal.get(&format!("{V20}/datasets/fr-en-calendrier-scolaire/aggregates?select=count(*)")).await.status, 200);
    assert_eq!(portal.ask("POST", &format!("{CALENDAR}/records"), &[], "limit=1").await.status, 405);
    assert_eq!(portal.ask("DELETE", CALENDAR, &[], "").await.status, 405);
    for (target, field) in [("?apikey=invented", None), ("", Some("Apikey invented")), ("", Some("Bearer abc"))] {
        let fields: Vec<(&str, &str)> = field.map(|value| ("Authorization", value)).into_iter().collect();
        let answer = portal.get_with(&format!("{CALENDAR}{target}"), &fields).await;
        assert_eq!(answer.status, 401, "{target} {field:?}");
        assert!(answer.json()["error_code"].is_string());
    }
}

#[tokio::test]
async fn other_parameters_have_their_values_checked() {
    let portal = Portal::new().await;
    for (target, name) in [
        (format!("{CALENDAR}/records?lang=xx"), "lang"),
        (format!("{CALENDAR}/records?timezone=Europe/Nowhere"), "timezone"),
        (format!("{CALENDAR}/exports/csv?delimiter=x"), "delimiter"),
        (format!("{CALENDAR}/exports/docx"), "format"),
        (format!("{CALENDAR}/exports/json?limit=-2"), "limit"),
    ] {
        let answer = portal.get(&target).await;
        assert_eq!((answer.status, &answer.json()["error_code"]), (400, &json!("InvalidRESTParameterError")), "{target}");
        let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.starts_with(&format!("Invalid value for {name} API parameter: ")), "{message}");
    }
    for unknown in ["rows=1000", "sort=x", "pretty=true", "statut_public_prive=%22Public%22", "_=1"] {
        let answer = portal.json(&format!("{CALENDAR}/records?limit=2&{unknown}")).await;
        assert_eq!(answer["results"].as_array().map(Vec::len), Some(2), "{unknown} is unknown and ignored");
    }
}

#[tokio::test]
async fn v1_says_what_is_wrong_in_one_member() {
    let portal = Portal::new().await;
    for (target, status, about) in [
        (format!("{SEARCH}&rows=10001"), 400, "rows"),
        (format!("{SEARCH}&rows=-1"), 400, "rows"),
        (format!("{SEARCH}&start=x"), 400, "start"),
        (format!("{SEARCH}&rows=10000&start=1"), 400, "start + rows <= 10000"),
        (format!("{SEARCH}&q=%23nothing(zones)"), 400, "#nothing"),
        (format!("{SEARCH}&q=zones:%22Zone"), 400, "unexpected \""),
        (format!("{SEARCH}&q=start_date:soon"), 400, "soon"),
        (format!("{SEARCH}&refine.nothing=1"), 400, "unknown field nothing"),
        (format!("{SEARCH}&exclude.nothing=1"), 400, "unknown field nothing"),
        (format!("{SEARCH}&sort=nothing"), 400, "unknown field nothing"),
        (format!("{SEARCH}&fields=nothing"), 400, "unknown field nothing"),
        (format!("{SEARCH}&format=docx"), 400, "docx"),
        (format!("{SEARCH}&format=jsonp&callback=alert(1)"), 400, "callback"),
        (format!("{SEARCH}&geofilter.distance=48,2,1000"), 400, "geofilter.distance"),
        (format!("{SEARCH}&timezone=Nowhere"), 400, "timezone"),
        ("/api/records/1.0/search/".to_owned(), 400, "dataset"),
        ("/api/records/1.0/search/?dataset=zzz".to_owned(), 404, "zzz"),
        ("/api/datasets/1.0/zzz".to_owned(), 404, "zzz"),
        ("/api/datasets/1.0/fr-en-calendrier-scolaire/records/zzz".to_owned(), 404, "zzz"),
        ("/api/records/1.0/search/?dataset=fr-en-mobilites-nominatives".to_owned(), 403, "permission"),
        ("/api/records/1.0/analyze/?dataset=zzz".to_owned(), 404, "zzz"),
        ("/explore/dataset/zzz/download/".to_owned(), 404, "zzz"),
    ] {
        let answer = portal.get(&target).await;
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        let Value::Object(body) = answer.json() else { panic!("{target}: {}", answer.text()) };
        assert_eq!(body.keys().collect::<Vec<_>>(), ["error"], "{target}");
        assert!(body["error"].as_str().is_some_and(|error| error.contains(about)), "{target}: {body:?}");
        assert_eq!(answer.field("content-type"), "application/json");
    }
    for rows in ["rows=10000", "rows=1&start=9999", "rows=0&start=10000"] {
        assert_eq!(portal.get(&format!("{SEARCH}&{rows}")).await.status, 200, "{rows}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_refused_with_a_status() {
    let portal = Portal::new().await;
    for (bytes, status) in [
        (b"hello\r\n\r\n".to_vec(), "400"),
        (b"GET / HTTP/3\r\n\r\n".to_vec(), "400"),
        (b"GET / HTTP/1.1\r\nname : x\r\n\r\n".to_vec(), "400"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20)).into_bytes(), "414"),
        (format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(1 << 20)).into_bytes(), "431"),
        (b"POST /api/csw HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n".to_vec(), "413"),
        (b"POST /api/csw HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), "400"),
    ] {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        let answer = portal.send(&bytes).await.unwrap_or_default();
        assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{start}: {:?}", String::from_utf8_lossy(&answer));
    }
}
