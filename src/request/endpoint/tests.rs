use http::Method;
use proptest::prelude::*;

use super::ApiVersion::{Other, V1, V2_0, V2_1};
use super::*;

/// Every path of the portal's API that is mirrored, with `ID` for a dataset: version, family, path behind the base of
/// that version.
const EXPLORE: &[(Family, &str)] = &[
    (Family::Navigation, ""),
    (Family::Navigation, "/catalog"),
    (Family::Navigation, "/monitoring"),
    (Family::ApiDescription, "/swagger.json"),
    (Family::Console, "/console"),
    (Family::Catalog, "/catalog/datasets"),
    (Family::Catalog, "/opendatasoft/datasets"),
    (Family::Dataset, "/catalog/datasets/ID"),
    (Family::CatalogFacets, "/catalog/facets"),
    (Family::CatalogExportList, "/catalog/exports"),
    (Family::CatalogExport, "/catalog/exports/csv"),
    (Family::CatalogExport, "/catalog/exports/data.json"),
    (Family::CatalogExport, "/catalog/exports/dcat"),
    (Family::CatalogExport, "/catalog/exports/dcat_ap_benap"),
    (Family::CatalogExport, "/catalog/exports/xls"),
    (Family::Records, "/catalog/datasets/ID/records"),
    (Family::Record, "/catalog/datasets/ID/records/3ab9"),
    (Family::Facets, "/catalog/datasets/ID/facets"),
    (Family::AttachmentList, "/catalog/datasets/ID/attachments"),
    (Family::Attachment, "/catalog/datasets/ID/attachments/note_pdf"),
    (Family::ExportList, "/catalog/datasets/ID/exports"),
    (Family::Export, "/catalog/datasets/ID/exports/json"),
    (Family::Export, "/catalog/datasets/ID/exports/parquet"),
    (Family::Export, "/catalog/datasets/ID/exports/gpx"),
    (Family::Export, "/catalog/datasets/ID/exports/mvt"),
    (Family::MetadataTemplates, "/catalog/metadata_templates"),
    (Family::MetadataTemplates, "/catalog/metadata_templates/basic"),
    (Family::MetadataTemplates, "/catalog/metadata_templates/extra/dcat"),
];
const ONLY_V2_0: &[(Family, &str)] =
    &[(Family::CatalogAggregates, "/catalog/aggregates"), (Family::Aggregates, "/catalog/datasets/ID/aggregates")];
const ONLY_V2_1: &[(Family, &str)] = &[
    (Family::Assets, "/catalog/assets"),
    (Family::Assets, "/catalog/assets/a-map"),
    (Family::Assets, "/catalog/assets/a-map/facets"),
    (Family::Assets, "/catalog/assets/a-map/records"),
];
const REST: &[(ApiVersion, Family, &str)] = &[
    (V2_1, Family::Console, "/api-console/explore/v2.1"),
    (V2_0, Family::Console, "/api-console/explore/v2.0"),
    (V1, Family::Catalog, "/api/datasets/1.0/search"),
    (V1, Family::Dataset, "/api/datasets/1.0/ID"),
    (V1, Family::Record, "/api/datasets/1.0/ID/records/3ab9"),
    (V1, Family::Records, "/api/records/1.0/search"),
    (V1, Family::Analyze, "/api/records/1.0/analyze"),
    (V1, Family::Download, "/api/records/1.0/download"),
    (V1, Family::Geo, "/api/records/1.0/geocluster"),
    (V1, Family::Geo, "/api/records/1.0/geopolygon"),
    (V1, Family::Geo, "/api/records/1.0/boundingbox"),
    (V1, Family::Geo, "/api/records/1.0/geopreview"),
    (V1, Family::File, "/api/datasets/1.0/ID/attachments/f"),
    (V1, Family::File, "/api/datasets/1.0/ID/alternative_exports/f"),
    (V1, Family::File, "/api/datasets/1.0/ID/files/f"),
    (V1, Family::File, "/api/datasets/1.0/ID/images/f"),
    (V1, Family::Console, "/api/v1/console"),
    (V1, Family::Console, "/api/v1/console/records/1.0/search"),
    (Other, Family::Download, "/explore/dataset/ID/download"),
    (Other, Family::File, "/explore/dataset/ID/files/f/300"),
    (Other, Family::File, "/explore/dataset/ID/files/f/download"),
    (Other, Family::OData, "/api/odata"),
    (Other, Family::OData, "/api/odata/$metadata"),
    (Other, Family::OData, "/api/odata/ID"),
    (Other, Family::OData, "/api/odata/ID/$count"),
    (Other, Family::Wfs, "/api/wfs"),
    (Other, Family::Csw, "/api/csw"),
    (Other, Family::Tpf, "/api/tpf/ID"),
];

/// The tables above, written out: version, family, path with the id put in.
fn every_path(id: &str) -> Vec<(ApiVersion, Family, String)> {
    let bases = [(V2_1, "/api/explore/v2.1", ONLY_V2_1), (V2_0, "/api/explore/v2.0", ONLY_V2_0), (V2_0, "/api/v2", ONLY_V2_0)];
    let explore = bases.into_iter().flat_map(|(version, base, more)| {
        EXPLORE.iter().chain(more).map(move |(family, path)| (version, *family, format!("{base}{path}")))
    });
    let rest = REST.iter().map(|(version, family, path)| (*version, *family, (*path).to_owned()));
    explore.chain(rest).map(|(version, family, path)| (version, family, path.replace("ID", id))).collect()
}

#[test]
fn every_listed_path_is_mirrored_with_and_without_a_trailing_slash() {
    for id in ["fr-en-annuaire-education", "écoles_2024.v2", "sirene@data.example.org"] {
        for (version, family, path) in every_path(id) {
            let endpoint = classify(&path).unwrap_or_else(|why| panic!("{path}: {why:?}"));
            assert_eq!((endpoint.version(), endpoint.family()), (version, family), "{path}");
            assert_eq!(endpoint.dataset(), path.contains(id).then_some(id), "{path}");
            assert_eq!(classify(&format!("{path}/")), Ok(endpoint), "{path}/");
        }
    }
}

#[test]
fn every_family_is_reached_by_some_path_and_has_a_name_of_its_own() {
    let reached: std::collections::BTreeSet<_> = every_path("x").into_iter().map(|(_, family, _)| family).collect();
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), Family::ALL);
    let names: std::collections::BTreeSet<_> = Family::ALL.iter().map(|family| family.name()).collect();
    assert_eq!(names.len(), Family::ALL.len());
}

#[test]
fn the_alias_of_v2_0_keeps_its_own_path_because_links_in_its_answers_do() {
    let alias = classify("/api/v2/catalog/datasets").unwrap();
    let named = classify("/api/explore/v2.0/catalog/datasets").unwrap();
    assert_eq!(alias.version(), named.version());
    assert_ne!(alias.path(), named.path());
}

#[test]
fn unlisted_paths_under_api_are_unknown_and_cost_nothing() {
    for path in [
        "/api",
        "/api/",
        "/api/explore",
        "/api/explore/v2.2/catalog/datasets",
        "/api/explore/v2.1/elsewhere/datasets",
        "/api/explore/v2.1/catalog/aggregates",
        "/api/explore/v2.1/catalog/datasets/x/aggregates",
        "/api/explore/v2.1/catalog/datasets/x/query",
        "/api/explore/v2.1/catalog/datasets/x/records/y/z",
        "/api/explore/v2.1/catalog/datasets/x/exports/exe",
        "/api/explore/v2.1/catalog/datasets/x/exports/json.css",
        "/api/explore/v2.1/catalog/datasets/x/exports/JSON",
        "/api/explore/v2.1/catalog/datasets/x/records;y",
        "/api/explore/v2.1/catalog/datasets/x/records%3Flimit=1",
        "/api/explore/v2.1/catalog/datasets/x%2520y",
        "/api/explore/v2.1/catalog/exports/dcat_ap_",
        "/api/explore/v2.0/catalog/assets",
        "/api/explore/v2.1/catalog/datasets/<script>",
        "/api/records/1.0/search/x",
        "/api/push/1.0/x/realtime/push/",
        "/api/portal/v1.0/studio_pages/",
        "/api/odata/x('1')",
        "/api/wfs/x",
    ] {
        assert_eq!(classify(path), Err(NotMirrored::UnknownUri), "{path}");
    }
}

#[test]
fn the_portals_web_site_is_elsewhere() {
    for path in [
        "/",
        "/login",
        "/login/",
        "/pages/home/",
        "/explore/dataset/x/information/",
        "/explore/dataset/x/table/",
        "/explore/dataset/x/download/x",
        "/explore/dataset/x/files/f/400",
        "/explore/embed/dataset/x/map/",
        "/explore/assets/x/",
        "/apis",
        "/API/explore/v2.1/catalog/datasets",
        "/static/console.js",
        "/api-console/explore/v2.1/app.js",
        "/api/explore/v2.1/console/app.css",
        "/api/v1/console/app.css",
    ] {
        assert_eq!(classify(path), Err(NotMirrored::Elsewhere), "{path}");
    }
}

#[test]
fn each_malformed_path_names_its_own_fault() {
    use PathFault::*;
    for (path, fault) in [
        ("", NotAbsolute),
        ("*", NotAbsolute),
        ("api/v2", NotAbsolute),
        ("/api/v2/#top", Fragment { at: 8 }),
        ("/api/v2/catalog/datasets/..%2fexports", EncodedSlash { at: 25 }),
        ("/api%2Fv2", EncodedSlash { at: 1 }),
        ("/api/v2%5ccatalog", Backslash { at: 5 }),
        ("/api\\v2", Backslash { at: 1 }),
        ("/api/v2/%00", Control { at: 8 }),
        ("/api/v2/x%0d%0aHost:", Control { at: 8 }),
        ("/api/v2/\u{85}", Control { at: 8 }),
        ("/api/./v2", DotSegment { at: 5 }),
        ("/api/v2/..", DotSegment { at: 8 }),
        ("/api/%2e%2E/v2", DotSegment { at: 5 }),
        ("/api/.%2e/v2", DotSegment { at: 5 }),
        ("//", EmptySegment { at: 1 }),
        ("//example.org/api", EmptySegment { at: 1 }),
        ("/api//v2", EmptySegment { at: 5 }),
        ("/api/v2//", EmptySegment { at: 8 }),
        ("/api/%zz", Escape { at: 5 }),
        ("/api/v2%", Escape { at: 7 }),
        ("/api/v2%4", Escape { at: 7 }),
        ("/api/%ff", NotUtf8 { at: 5 }),
        ("/api/x%C3", NotUtf8 { at: 6 }),
        ("/pages/%c0%af", NotUtf8 { at: 7 }),
    ] {
        assert_eq!(classify(path), Err(NotMirrored::Malformed(fault)), "{path:?}");
        assert!(fault.to_string().len() > 30, "{fault} says too little");
    }
}

#[test]
fn post_is_for_reading_where_the_portal_documents_it() {
    for (version, family, path) in every_path("x") {
        let endpoint = classify(&path).unwrap();
        let documented = matches!(
            path.as_str(),
            "/api/datasets/1.0/search"
                | "/api/records/1.0/search"
                | "/api/records/1.0/analyze"
                | "/api/records/1.0/download"
                | "/api/records/1.0/geocluster"
                | "/api/csw"
        );
        assert_eq!(endpoint.allows(&Method::POST), documented, "{version} {family} {path}");
        assert_eq!(endpoint.allowed_methods().contains("POST"), documented, "{path}");
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(endpoint.allows(&method) && endpoint.allowed_methods().contains(method.as_str()), "{path}");
        }
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE, Method::CONNECT, Method::from_bytes(b"get").unwrap()] {
            assert!(!endpoint.allows(&method), "{method} {path}");
        }
    }
}

fn any_listed_path() -> impl Strategy<Value = String> {
    let paths: Vec<String> = every_path("fr-en-élèves@d.example").into_iter().map(|(_, _, path)| path).collect();
    proptest::sample::select(paths)
}

/// `path` with some of its characters percent-encoded, slashes excepted.
fn respelled(path: &str, encode: &[bool], lower: &[bool]) -> String {
    let mut bytes = path.bytes().zip(encode.iter().cycle()).zip(lower.iter().cycle());
    let spell = |out: String, ((byte, encode), lower): ((u8, &bool), &bool)| match (byte, encode, lower) {
        (b'/', _, _) => out + "/",
        (byte, false, _) if byte.is_ascii() => out + &char::from(byte).to_string(),
        (byte, _, true) => out + &format!("%{byte:02x}"),
        (byte, _, false) => out + &format!("%{byte:02X}"),
    };
    bytes.by_ref().fold(String::new(), spell)
}

proptest! {
    #[test]
    fn all_encodings_of_a_path_are_one_endpoint(
        path in any_listed_path(),
        encode in prop::collection::vec(any::<bool>(), 1..40),
        lower in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        prop_assert_eq!(classify(&respelled(&path, &encode, &lower)), classify(&path));
    }

    #[test]
    fn the_canonical_path_changes_no_more_on_its_way_out(name in "[^/\\\\\\pC]{1,20}", prefix in proptest::sample::select(vec![
        "/api/explore/v2.1/catalog/datasets/x/records/", "/api/v2/catalog/datasets/x/attachments/", "/api/datasets/1.0/x/files/",
        "/api/explore/v2.1/catalog/metadata_templates/",
    ])) {
        prop_assume!(name != "." && name != "..");
        let raw = format!("{prefix}{}", name.replace('%', "%25").replace('#', "%23"));
        let endpoint = classify(&raw).unwrap();
        let url = url::Url::parse(&format!("https://portal.example{}", endpoint.path())).unwrap();
        prop_assert_eq!(url.path(), endpoint.path());
        prop_assert_eq!(url.query(), None);
        let uri: http::Uri = endpoint.path().parse().unwrap();
        prop_assert_eq!(uri.path(), endpoint.path());
        prop_assert_eq!(classify(endpoint.path()), Ok(endpoint));
    }

    #[test]
    fn no_text_makes_it_panic(path in "/?(api|explore|/|%2[fF]|%|\\.|\\PC|\\\\|#){0,12}") {
        if let Ok(endpoint) = classify(&path) {
            prop_assert_eq!(classify(endpoint.path()), Ok(endpoint));
        }
    }
}
