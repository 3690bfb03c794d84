//! Attachments, alternative exports, images, and files of records: bytes that open, told before they are sent.

use serde_json::Value;

use super::client::{Answer, DIRECTORY, Portal, V21};

const OLD: &str = "/api/datasets/1.0/fr-en-annuaire-education";
const GALLERY: &str = "fr-en-galerie-des-etablissements";

fn target(href: &Value) -> &str {
    href.as_str().and_then(|href| href.strip_prefix("http://portail.example")).unwrap_or_else(|| panic!("{href}"))
}

fn assert_opens(answer: &Answer, about: &str) {
    let (start, end): (&[u8], &[u8]) = match answer.field("content-type") {
        "application/pdf" => (b"%PDF-1.4\n", b"%%EOF\n"),
        "image/png" => (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", b"\0\0\0\0IEND\xae\x42\x60\x82"),
        "application/zip" => (b"PK\x03\x04", b"\0\0"),
        "text/plain; charset=utf-8" => (b"Notice", b".\n"),
        other => panic!("{about}: {other}"),
    };
    assert!(answer.whole && answer.body.starts_with(start) && answer.body.ends_with(end), "{about}");
}

async fn assert_file(portal: &Portal, target: &str, name: &str) -> Answer {
    let answer = portal.get_with(target, &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(answer.status, 200, "{target}");
    assert_opens(&answer, target);
    assert_eq!(answer.field("content-disposition"), format!("attachment; filename=\"{name}\""), "{target}");
    assert_eq!(answer.field("content-length"), answer.body.len().to_string(), "{target}");
    assert_eq!((answer.field("content-encoding"), answer.field("transfer-encoding")), ("", ""), "{target}: sent as it is");
    let head = portal.ask("HEAD", target, &[("Accept-Encoding", "gzip")], "").await;
    assert_eq!((head.names(), head.body.len()), (answer.names(), 0), "{target}");
    assert_eq!(head.field("content-length"), answer.field("content-length"), "{target}");
    answer
}

#[tokio::test]
async fn attachments_are_listed_and_fetched_by_all_versions() {
    let portal = Portal::new().await;
    for base in ["/api/explore/v2.1", "/api/explore/v2.0", "/api/v2"] {
        let list = portal.json(&format!("{base}/catalog/datasets/fr-en-annuaire-education/attachments")).await;
        let attachments = list["attachments"].as_array().unwrap();
        assert_eq!(attachments.len(), 2);
        for attachment in attachments {
            let title = attachment["metas"]["title"].as_str().unwrap();
            let answer = assert_file(&portal, target(&attachment["href"]), title).await;
            assert!(answer.field("content-type").starts_with(attachment["metas"]["mimetype"].as_str().unwrap()));
            let id = attachment["metas"]["id"].as_str().unwrap();
            assert_eq!(assert_file(&portal, &format!("{OLD}/attachments/{id}/"), title).await.body, answer.body);
        }
    }
    let dataset = portal.json(DIRECTORY).await;
    for attachment in dataset["attachments"].as_array().unwrap() {
        assert_file(&portal, target(&attachment["url"]), attachment["title"].as_str().unwrap()).await;
    }
}

#[tokio::test]
async fn alternative_exports_and_images_are_fetched_by_their_ids() {
    let portal = Portal::new().await;
    let export = portal.json(OLD).await["alternative_exports"][0].clone();
    let id = export["id"].as_str().unwrap();
    assert_file(&portal, &format!("{OLD}/alternative_exports/{id}"), export["title"].as_str().unwrap()).await;
    let image = assert_file(&portal, &format!("{OLD}/images/illustration_png"), "illustration.png").await;
    let other = "/api/datasets/1.0/fr-en-effectifs-internats/images/illustration_png";
    assert_ne!(image.body, portal.get(other).await.body, "another dataset, another picture");
    for missing in ["attachments/lot_zip", "alternative_exports/guide_pdf", "images/a", "files/a"] {
        let answer = portal.get(&format!("{OLD}/{missing}")).await;
        assert_eq!(answer.status, 404, "{missing}");
        assert!(answer.json()["error"].as_str().unwrap().contains(missing.split('/').next_back().unwrap()));
    }
}

#[tokio::test]
async fn files_of_records_stand_at_the_addresses_that_the_records_name() {
    let portal = Portal::new().await;
    let new = portal.json(&format!("{V21}/datasets/{GALLERY}/records?limit=100")).await;
    let old = portal.json(&format!("/api/records/1.0/search/?dataset={GALLERY}&rows=100")).await;
    let csv = portal.get(&format!("{V21}/datasets/{GALLERY}/exports/csv?select=photo&with_bom=false")).await.text();
    let mut kinds = [0, 0];
    for (at, (new, old)) in new["results"].as_array().unwrap().iter().zip(old["records"].as_array().unwrap()).enumerate() {
        for (kind, field) in ["photo", "plan"].into_iter().enumerate() {
            let file = &new[field];
            if file.is_null() {
                assert!(old["fields"].get(field).is_none(), "no value, no member");
                continue;
            }
            kinds[kind] += 1;
            assert_eq!(&old["fields"][field], file);
            if at > 5 {
                continue;
            }
            let name = file["filename"].as_str().unwrap();
            let whole = assert_file(&portal, target(&file["url"]), name).await;
            assert_eq!(whole.field("content-type"), file["mimetype"].as_str().unwrap());
            let id = file["id"].as_str().unwrap();
            let page = format!("/explore/dataset/{GALLERY}/files/{id}");
            assert_eq!(assert_file(&portal, &format!("{page}/download/"), name).await.body, whole.body);
            let small = portal.get(&format!("{page}/300/")).await;
            if field == "photo" {
                assert!(small.status == 200 && small.body.len() < whole.body.len());
                let sides = |body: &[u8]| [16, 20].map(|at| u32::from_be_bytes(body[at..at + 4].try_into().unwrap()));
                assert_eq!(serde_json::json!(sides(&whole.body)), serde_json::json!([file["width"], file["height"]]));
                assert_eq!(sides(&small.body)[0], 300);
                assert!(csv.contains(file["url"].as_str().unwrap()));
            } else {
                assert_eq!(small.status, 404, "a document has no small picture");
            }
        }
    }
    assert!(kinds == [60, kinds[1]] && kinds[1] > 10 && kinds[1] < 60);
    let fields = portal.json(&format!("{V21}/datasets/{GALLERY}")).await["fields"].clone();
    assert_eq!(fields[2]["type"], "file");
}

#[tokio::test]
async fn addresses_of_files_name_the_host_that_was_asked() {
    let portal = Portal::new().await;
    let target = format!("{V21}/datasets/{GALLERY}/exports/json?limit=1");
    let request = format!("GET {target} HTTP/1.1\r\nHost: autre.example:81\r\nConnection: close\r\n\r\n");
    let bytes = portal.send(request.as_bytes()).await.unwrap();
    let row = Answer::parse(&bytes, false).unwrap().json()[0].clone();
    assert!(row["photo"]["url"].as_str().unwrap().starts_with("http://autre.example:81/api/datasets/1.0/"));
}
