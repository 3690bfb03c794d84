//! The header section: which fields there are, with which values, and which there are not.

use super::client::{CALENDAR, DIRECTORY, Portal, V21};

const EVERYWHERE: [(&str, &str); 12] = [
    ("server", "openresty"),
    ("vary", "Accept-Language, Cookie, Host"),
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "POST, GET, OPTIONS"),
    ("access-control-max-age", "1000"),
    (
        "access-control-allow-headers",
        "Authorization, X-Requested-With, Origin, ODS-API-Analytics-App, ODS-API-Analytics-Embed-Type, ODS-API-Analytics-Embed-Referrer, \
         ODS-Widgets-Version, Accept",
    ),
    (
        "access-control-expose-headers",
        "ODS-Explore-API-Deprecation, Link, X-RateLimit-Remaining, X-RateLimit-Limit, X-RateLimit-Reset, X-RateLimit-dataset-Remaining, \
         X-RateLimit-dataset-Limit, X-RateLimit-dataset-Reset",
    ),
    ("strict-transport-security", "max-age=31536000;includeSubdomains"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("x-ua-compatible", "IE=edge"),
    ("permissions-policy", "midi=(),microphone=(),camera=(),magnetometer=(),gyroscope=(),fullscreen=(self),payment=()"),
];

/// What the portal never sends on an answer of its API.
const NEVER: [&str; 7] = ["etag", "last-modified", "expires", "pragma", "set-cookie", "retry-after", "age"];

fn kinds() -> Vec<(String, u16, &'static str)> {
    let json = "application/json; charset=utf-8";
    let csv = "text/csv; charset=utf-8";
    vec![
        ("/api/explore/v2.1".to_owned(), 200, json),
        ("/api/explore/v2.1/swagger.json".to_owned(), 200, json),
        (format!("{V21}/datasets"), 200, json),
        (format!("{V21}/facets"), 200, json),
        (format!("{V21}/exports"), 200, json),
        (format!("{V21}/exports/csv"), 200, csv),
        (format!("{V21}/exports/dcat"), 200, "application/rdf+xml"),
        (CALENDAR.to_owned(), 200, json),
        (format!("{CALENDAR}/records"), 200, json),
        (format!("{CALENDAR}/facets"), 200, json),
        (format!("{CALENDAR}/attachments"), 200, json),
        (format!("{CALENDAR}/exports/json"), 200, json),
        (format!("{CALENDAR}/exports/csv"), 200, csv),
        (format!("{CALENDAR}/exports/parquet"), 200, "application/parquet; charset=utf-8"),
        (format!("{CALENDAR}/exports/fgb"), 200, "application/octet-stream; charset=utf-8"),
        ("/api/v2/catalog/datasets".to_owned(), 200, json),
        ("/api/records/1.0/search/?dataset=fr-en-calendrier-scolaire".to_owned(), 200, json),
        ("/api/datasets/1.0/search/".to_owned(), 200, json),
        ("/api/records/1.0/analyze?dataset=fr-en-calendrier-scolaire&x=zones".to_owned(), 200, json),
        ("/api/records/1.0/boundingbox/?dataset=fr-en-annuaire-education&q=lille".to_owned(), 200, json),
        ("/api/datasets/1.0/fr-en-annuaire-education/attachments/guide_pdf/".to_owned(), 200, "application/pdf"),
        ("/api/datasets/1.0/fr-en-calendrier-scolaire/files/abc/".to_owned(), 404, "application/json"),
        ("/explore/dataset/fr-en-calendrier-scolaire/download/".to_owned(), 200, csv),
        (format!("{CALENDAR}/records?limit=101"), 400, "application/json"),
        (format!("{V21}/datasets/zzz"), 404, "application/json"),
    ]
}

#[tokio::test]
async fn every_kind_of_answer_has_the_portals_fields_and_no_validator() {
    let portal = Portal::new().await;
    for (target, status, content_type) in kinds() {
        let answer = portal.get(&target).await;
        assert_eq!((answer.status, answer.field("content-type")), (status, content_type), "{target}");
        for (name, value) in EVERYWHERE {
            assert_eq!(answer.field(name), value, "{target}: {name}");
        }
        assert_eq!(answer.field("content-language"), "fr", "{target}");
        assert!(answer.field("date").ends_with(" GMT"), "{target}");
        for name in NEVER {
            assert!(!answer.names().contains(&name), "{target}: {name}");
        }
        let mut names = answer.names();
        names.dedup();
        assert_eq!(names.len(), answer.fields.len(), "{target}: no field twice");
        let (counted, control) = match status {
            200 => (true, "no-cache, no-store, max-age=0, must-revalidate"),
            400 => (false, ""),
            _ => (false, "no-cache, no-store, max-age=0, must-revalidate"),
        };
        assert_eq!(answer.field("cache-control"), control, "{target}");
        assert_eq!(answer.names().contains(&"x-ratelimit-remaining"), counted, "{target}");
    }
}

#[tokio::test]
async fn exports_name_a_file_and_pages_of_rows_do_not() {
    let portal = Portal::new().await;
    for (target, file) in [
        (format!("{CALENDAR}/exports/csv"), "attachment; filename=\"fr-en-calendrier-scolaire.csv\""),
        (format!("{CALENDAR}/exports/json"), "attachment; filename=\"fr-en-calendrier-scolaire.json\""),
        (format!("{V21}/exports/csv"), "attachment; filename=\"datasets.csv\""),
        (format!("{CALENDAR}/records"), ""),
        (format!("{CALENDAR}/facets"), ""),
        (CALENDAR.to_owned(), ""),
    ] {
        assert_eq!(portal.get(&target).await.field("content-disposition"), file, "{target}");
    }
}

#[tokio::test]
async fn old_versions_say_that_they_are() {
    let portal = Portal::new().await;
    for (target, old) in [
        ("/api/explore/v2.0/catalog/datasets", true),
        ("/api/v2/catalog/datasets/zzz", true),
        ("/api/v2/swagger.json", true),
        ("/api/explore/v2.1/catalog/datasets", false),
        ("/api/records/1.0/search/?dataset=fr-en-calendrier-scolaire", false),
    ] {
        let answer = portal.get(target).await;
        let said = "deprecated API version (v2.0), please use the current v2.1 version";
        assert_eq!(answer.field("ods-explore-api-deprecation"), if old { said } else { "" }, "{target}");
        assert_eq!(answer.field("link").ends_with("; rel=\"deprecation\"; type=\"text/html\""), old, "{target}");
    }
}

#[tokio::test]
async fn bodies_are_compressed_for_those_who_take_it_but_for_features_in_binary_and_for_a_400() {
    let portal = Portal::new().await;
    let taken = [("Accept-Encoding", "br, gzip;q=0.5")];
    for (target, coding) in [
        (format!("{DIRECTORY}/records?limit=100"), "gzip"),
        (format!("{CALENDAR}/exports/csv"), "gzip"),
        (format!("{CALENDAR}/exports/json"), "gzip"),
        (format!("{V21}/datasets/zzz"), "gzip"),
        (format!("{CALENDAR}/exports/fgb"), ""),
        (format!("{CALENDAR}/records?limit=101"), ""),
    ] {
        let (plain, packed) = (portal.get(&target).await, portal.get_with(&target, &taken).await);
        assert_eq!((plain.field("content-encoding"), packed.field("content-encoding")), ("", coding), "{target}");
        let body = if coding == "gzip" { packed.gunzip() } else { packed.body.clone() };
        assert!(plain.whole && packed.whole && body == plain.body, "{target}");
        let told = packed.field("content-length");
        if packed.status == 400 {
            assert_eq!(told, packed.body.len().to_string(), "{target}: a small error has a length");
        } else {
            assert_eq!((told, packed.field("transfer-encoding")), ("", "chunked"), "{target}");
        }
    }
    let refused = portal.get_with(&format!("{CALENDAR}/records"), &[("Accept-Encoding", "gzip;q=0, identity")]).await;
    assert_eq!(refused.field("content-encoding"), "");
}

#[tokio::test]
async fn head_has_the_fields_of_get_and_options_costs_nothing() {
    let portal = Portal::new().await;
    let target = format!("{CALENDAR}/records");
    let head = portal.ask("HEAD", &target, &[], "").await;
    let get = portal.get(&target).await;
    assert!(head.body.is_empty());
    let of_message = ["transfer-encoding"];
    let names: Vec<&str> = get.names().into_iter().filter(|name| !of_message.contains(name)).collect();
    assert_eq!(head.names(), names);
    let options = portal.ask("OPTIONS", &target, &[("Origin", "https://a.example")], "").await;
    assert_eq!((options.status, options.field("access-control-allow-origin")), (200, "*"));
    assert_eq!(portal.calls().await["charged"], 2);
}

#[tokio::test]
async fn an_http_1_0_client_gets_a_body_that_ends_with_the_connection() {
    let portal = Portal::new().await;
    let bytes = portal.send(format!("GET {CALENDAR}/records HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("Transfer-Encoding") && head.contains("Connection: close"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert!(body["total_count"].is_u64());
}

#[tokio::test]
async fn a_connection_carries_one_request_after_the_other() {
    let portal = Portal::new().await;
    let one = format!("GET {CALENDAR}/records?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    let last = format!("GET {CALENDAR}/records?limit=101 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let text = String::from_utf8(portal.send(format!("{one}{one}{last}").as_bytes()).await.unwrap()).unwrap();
    let statuses: Vec<&str> = text.match_indices("HTTP/1.1 ").map(|(at, _)| &text[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "200", "400"]);
}
