//! What a client gets is what the portal would have said, and what the portal gets is no more than the question.

use ::http::Method;
use bytes::Bytes;
use preau::response::fields::EXPOSED;

use super::http::{self, Answer};
use super::roof::{DIRECTORY, Roof};

/// One target per endpoint family at least.
const FAMILIES: [&str; 36] = [
    "/api/explore/v2.1",
    "/api/explore/v2.1/catalog",
    "/api/explore/v2.1/swagger.json",
    "/api/explore/v2.1/console",
    "/api/explore/v2.1/catalog/datasets?limit=5",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education",
    "/api/explore/v2.1/catalog/facets",
    "/api/explore/v2.1/catalog/exports",
    "/api/explore/v2.1/catalog/exports/csv",
    "/api/explore/v2.1/catalog/exports/json?select=dataset_id,data_processed",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?limit=5",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/facets?facet=libelle_academie",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/exports",
    "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/exports/csv?limit=5",
    "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/exports/json?limit=5",
    "/api/explore/v2.1/catalog/datasets/fr-en-calendrier-scolaire/exports/jsonl?limit=5",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/attachments",
    "/api/explore/v2.0/catalog/datasets?limit=3",
    "/api/explore/v2.0/catalog/datasets/fr-en-calendrier-scolaire/records?limit=3",
    "/api/explore/v2.0/catalog/datasets/fr-en-calendrier-scolaire/aggregates?select=count(*)",
    "/api/v2/catalog/datasets/fr-en-calendrier-scolaire/records?limit=3",
    "/api/records/1.0/search?dataset=fr-en-calendrier-scolaire&rows=3",
    "/api/datasets/1.0/search?rows=3",
    "/api/datasets/1.0/fr-en-calendrier-scolaire",
    "/api/records/1.0/analyze?dataset=fr-en-calendrier-scolaire&x=zones&y.n.func=COUNT",
    "/api/records/1.0/download?dataset=fr-en-calendrier-scolaire&format=csv",
    "/api/records/1.0/geocluster?dataset=fr-en-annuaire-education&clusterprecision=6&clusterdistance=50",
    "/explore/dataset/fr-en-calendrier-scolaire/download?format=csv",
    "/explore/dataset/fr-en-galerie-des-etablissements/files/2f6068287ed418790289cd4b528b598b/download/",
    "/api/datasets/1.0/fr-en-annuaire-education/alternative_exports/lot_zip",
    "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/attachments/guide_pdf",
    "/api/odata/fr-en-calendrier-scolaire?$top=2",
    "/api/wfs?service=WFS&request=GetCapabilities",
    "/api/csw?service=CSW&request=GetCapabilities",
    "/api/tpf/fr-en-calendrier-scolaire",
    "/api/v1/console/datasets/1.0/search/",
];

/// Fields that are ours to write, and those that speak of one message and not of the answer.
const OURS: [&str; 21] = [
    "age",
    "cache-control",
    "cache-status",
    "connection",
    "content-encoding",
    "content-length",
    "date",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "via",
    "access-control-expose-headers",
    "accept-ranges",
    "etag",
    "x-preau-cost",
    "x-preau-dataset-version",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit",
    "ratelimit-policy",
];

fn portal_fields(answer: &Answer) -> Vec<(String, String)> {
    let mut fields: Vec<_> = answer
        .fields
        .iter()
        .filter(|(name, _)| !OURS.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    fields.sort();
    fields
}

fn gunzip(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(body), &mut decoded).expect("a gzip body decodes");
    decoded
}

#[tokio::test(flavor = "multi_thread")]
async fn every_family_has_the_portals_status_bytes_and_fields_and_costs_one_call() {
    let roof = Roof::new().await;
    for target in FAMILIES {
        let own = roof.ask_portal(target).await;
        assert_ne!(own.status, 404, "{target}: the simulator has it");
        let calls = roof.calls().await.received;
        let first = roof.get(target).await;
        assert_eq!(first.status, own.status, "{target}");
        let expected = roof.linked_here(&own.body);
        assert!(first.body == expected, "{target}: {}", String::from_utf8_lossy(&first.body));
        assert_eq!(portal_fields(&first), portal_fields(&own), "{target}");
        assert_eq!(first.field("x-preau-cost"), "1", "{target}");
        assert!(roof.calls().await.received > calls, "{target}");
        let calls = roof.calls().await.received;
        let second = roof.get(target).await;
        assert!(second.status == own.status && second.body == expected, "{target}");
        assert_eq!(portal_fields(&second), portal_fields(&own), "{target}");
        assert_eq!(second.field("x-preau-cost"), "0", "{target}: {}", first.cache_status());
        assert_eq!(roof.calls().await.received, calls, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_for_those_who_take_it_and_identity_for_the_others_from_one_call() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/records?limit=20");
    let plain = roof.get(&target).await;
    let packed = http::get_with(roof.mirror(), &target, &[("accept-encoding", "gzip, deflate")]).await;
    let refused = http::get_with(roof.mirror(), &target, &[("accept-encoding", "gzip;q=0")]).await;
    assert_eq!((plain.field("content-encoding"), packed.field("content-encoding"), refused.field("content-encoding")), ("", "gzip", ""));
    assert_eq!(gunzip(&packed.body), plain.body);
    assert_eq!(refused.body, plain.body);
    assert!(plain.field("vary").contains("Accept-Encoding"));
    assert_eq!(plain.field("content-length"), plain.body.len().to_string());
    assert_eq!(roof.used().await, 2, "a look and a call");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_is_asked_for_and_keyed() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/records?limit=2");
    for (wanted, cost) in [("fr-FR,fr;q=0.9,en;q=0.1", "1"), ("fr", "0"), ("en-GB", "1"), ("*", "1"), ("ja", "0")] {
        let answer = http::get_with(roof.mirror(), &target, &[("accept-language", wanted)]).await;
        assert_eq!(answer.field("x-preau-cost"), cost, "{wanted}");
        assert!(answer.field("vary").contains("Accept-Language"));
    }
    let seen = http::get(roof.portal.addr(), "/_simulator/requests?last=9").await.json().to_string();
    assert!(!seen.contains("fr-FR") && !seen.contains("en-GB"), "one spelling of each language leaves: {seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_leaves_but_those_that_can_change_the_answer() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/records?limit=7");
    let noise = [
        ("cookie", "session=1"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=203.0.113.9"),
        ("x-original-url", "/other"),
        ("x-http-method-override", "DELETE"),
        ("referer", "https://intern.example/secret"),
        ("origin", "https://intern.example"),
        ("user-agent", "somebody"),
        ("range", "bytes=cow"),
        ("if-none-match", "\"x\""),
        ("connection", "x-listed, keep-alive"),
        ("x-listed", "1"),
        ("te", "trailers"),
        ("cache-control", "no-cache"),
        ("accept", "text/weird"),
    ];
    let answer = http::get_with(roof.mirror(), &target, &noise).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let plain = roof.get(&target).await;
    assert_eq!((plain.field("x-preau-cost"), &plain.body), ("0", &answer.body), "none of them is part of the question");
    let seen = http::get(roof.portal.addr(), "/_simulator/requests?last=1").await.json();
    let mut names: Vec<String> = field_names(&seen);
    names.sort();
    assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"], "{seen}");
    assert!(seen.to_string().contains(concat!("preau/", env!("CARGO_PKG_VERSION"))), "{seen}");
}

/// The names of the fields of the last request in the simulator's list.
fn field_names(requests: &serde_json::Value) -> Vec<String> {
    let list = requests.as_array().or_else(|| requests["requests"].as_array()).expect("a list of requests");
    let fields = list.last().expect("a request")["headers"].as_array().expect("a list of fields").clone();
    fields.iter().map(|field| field[0].as_str().expect("a name").to_ascii_lowercase()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_from_the_get_and_has_no_body() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/records?limit=3");
    let head = http::send(roof.mirror(), Method::HEAD, &target, &[], Bytes::new()).await;
    assert_eq!((head.status.as_u16(), head.body.len(), head.field("x-preau-cost")), (200, 0, "1"));
    let get = roof.get(&target).await;
    assert_eq!(get.field("x-preau-cost"), "0");
    assert_eq!(head.field("content-length"), get.body.len().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_reads_is_passed_charged_and_not_stored() {
    let roof = Roof::new().await;
    let fields = [("content-type", "application/x-www-form-urlencoded")];
    for _ in 0..2 {
        let body = Bytes::from_static(b"dataset=fr-en-calendrier-scolaire&rows=2&apikey=valid-1");
        let answer = http::send(roof.mirror(), Method::POST, "/api/records/1.0/search/", &fields, body).await;
        assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, "1"), "{answer:?}");
        assert!(answer.cache_status().starts_with("preau; fwd=method; fwd-status=200"), "{answer:?}");
        assert_eq!(answer.json()["records"].as_array().map(Vec::len), Some(2));
    }
    let seen = http::get(roof.portal.addr(), "/_simulator/requests?last=1").await.json().to_string();
    assert!(seen.contains("Apikey valid-1"), "the key of the form became a field: {seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_the_portals_and_cost_nothing() {
    let roof = Roof::new().await;
    for target in ["/", "/explore/dataset/x/information/", "/pages/accueil/?a=1", "/login/", "/favicon.ico"] {
        let answer = roof.get(target).await;
        assert_eq!(answer.status, 307, "{target}");
        assert_eq!(answer.field("location"), format!("http://{}{target}", roof.portal.addr()));
    }
    assert_eq!(roof.calls().await.received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_is_answered_here() {
    let roof = Roof::new().await;
    let fields =
        [("origin", "https://intern.example"), ("access-control-request-method", "GET"), ("access-control-request-headers", "x-preau-key")];
    let answer = http::send(roof.mirror(), Method::OPTIONS, &format!("{DIRECTORY}/records"), &fields, Bytes::new()).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.field("access-control-allow-origin"), "*");
    assert!(answer.field("access-control-allow-headers").contains("X-Preau-Key"));
    assert!(answer.field("access-control-allow-methods").contains("GET"));
    let read = roof.get(&format!("{DIRECTORY}/records?limit=1")).await;
    let exposed = read.field("access-control-expose-headers");
    for name in EXPOSED.split(", ").chain(["Link"]) {
        assert_eq!(exposed.split(", ").filter(|known| known.eq_ignore_ascii_case(name)).count(), 1, "{name}: {exposed}");
    }
    let wrong = roof.get("/api/no-such-thing").await;
    assert_eq!((wrong.status.as_u16(), wrong.field("access-control-expose-headers")), (404, EXPOSED));
    assert_eq!(roof.calls().await.received, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn jsonp_is_fetched_as_json_and_wrapped_for_each_page() {
    let roof = Roof::new().await;
    let target = "/api/records/1.0/search?dataset=fr-en-calendrier-scolaire&rows=1";
    let plain = roof.get(&format!("{target}&format=json")).await;
    for callback in ["f", "jQuery123_456", "a.b.c"] {
        let answer = roof.get(&format!("{target}&format=jsonp&callback={callback}")).await;
        assert_eq!(answer.field("x-preau-cost"), "0", "{answer:?}");
        assert_eq!(answer.field("content-type"), "text/javascript; charset=utf-8");
        assert_eq!(answer.body, format!("{callback}({});", String::from_utf8_lossy(&plain.body)));
    }
    assert_eq!(roof.get(&format!("{target}&format=jsonp&callback=alert(1)")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_larger_than_the_limit_is_passed_as_it_arrives_and_stored() {
    let roof = Roof::new().await;
    let target = format!("{DIRECTORY}/exports/csv");
    let own = roof.ask_portal(&target).await;
    assert!(own.body.len() > 1 << 20, "{} bytes", own.body.len());
    for (fields, cost, status) in [(&[][..], "1", "detail=arriving"), (&[("accept-encoding", "gzip")][..], "0", "ttl=")] {
        let answer = http::get_with(roof.mirror(), &target, fields).await;
        assert_eq!((answer.status.as_u16(), answer.field("x-preau-cost")), (200, cost));
        let body = if answer.field("content-encoding") == "gzip" { gunzip(&answer.body).into() } else { answer.body.clone() };
        assert!(body == own.body, "the portal's bytes");
        assert!(answer.cache_status().contains(status) || cost == "0", "{}", answer.cache_status());
    }
}
