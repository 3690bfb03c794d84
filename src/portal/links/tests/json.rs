use super::super::members;
use super::*;

fn assert_json(members: members::Members, marked: &str) {
    assert_rewrites(Positions::Json(members), marked);
}

#[test]
fn links_of_a_list_change_and_nothing_that_merely_names_the_portal() {
    assert_json(
        members::CATALOG_V2_0,
        r#"{"total_count": 1, "links": [{"rel": "self", "href": "LINK/api?where=\"https://data.example/\"&limit=3"}, {"href": "LINK"}],
            "href": "https://data.example/a", "link": [{"href": "https://data.example/"}], "https://data.example/": {"href": "https://data.example/"},
            "datasets": [{"links": [{"href": "LINK?x", "https://data.example/": 1, "title": "https://data.example/"}],
                "dataset": {"attachments": [{"url": "LINK/a"}, {"url": "odsfile://b"}],
                    "metas": {"default": {"description": "<a href=\"https://data.example/\">", "references": "https://data.example/", "links": [{"href": "https://data.example/"}]}}}}],
            "parameters": {"links": [{"href": "https://data.example/"}]}}"#,
    );
}

#[test]
fn escaped_slashes_stay_escaped() {
    assert_json(
        members::LINKS,
        r#"{"links":[{"href":"ESCAPED\/api\/x"},{"href":"ESCAPED"},{"href":"LINK\/api"},{"href":"ESCAPED?a\u00e9\"b"}]}"#,
    );
    let mixed = r#"{"links":[{"href":"https:\//data.example/x"}]}"#;
    assert_eq!(rewritten(Positions::Json(members::LINKS), mixed), r#"{"links":[{"href":"http:\/\/roof:8080\/education/x"}]}"#);
}

#[test]
fn other_spellings_of_the_origin_are_links_too() {
    let body = r#"{"links":[{"href":"HTTP://Data.Example:80/x"},{"href":"https://data.example:443"}]}"#;
    let expected = r#"{"links":[{"href":"http://roof:8080/education/x"},{"href":"http://roof:8080/education"}]}"#;
    assert_eq!(rewritten(Positions::Json(members::LINKS), body), expected);
}

#[test]
fn what_only_begins_like_the_origin_stays() {
    assert_json(
        members::LINKS,
        r#"{"links":[{"href":"https://data.example.org/"},{"href":"https://data.example\"/"},{"href":"https://data.example\\/"},{"href":"https://data.example@x"},
            {"href":"https:\u002f/data.example/"},{"href":""},{"href":"h"},{"href":"/api"},{"href":" https://data.example/"},{"href":["https://data.example/"]},
            {"href":{"href":"https://data.example/"}},{"href":"https://data.example:8443/"},{"href":"https://data.example\n/"},
            {"href":"h\"https://data.example/"},{"href":"LINK/"},{"href":"https://data.example\""},{"href":"LINK/"},{"href":1,:"https://data.example/"}]}"#,
    );
}

#[test]
fn names_are_compared_whole_and_as_written() {
    assert_json(
        members::LINKS,
        r#"{"link":[{"href":"https://data.example/"}],"linkss":[{"href":"https://data.example/"}],"li\u006eks":[{"href":"https://data.example/"}],
            "links\"":[{"href":"https://data.example/"}],"a name that is longer than any that a path knows of":[{"href":"https://data.example/"}],
            "links":[{"hre":"https://data.example/","href":"LINK/","hrefs":"https://data.example/"}]}"#,
    );
}

#[test]
fn containers_at_other_depths_are_other_positions() {
    assert_json(
        members::LINKS,
        r#"{"a":{"links":[{"href":"https://data.example/"}]},"links":{"href":"https://data.example/"},"b":[[{"links":[{"href":"https://data.example/"}]}]],
            "links":[[{"href":"https://data.example/"}],"https://data.example/",{"href":"LINK/"},{"a":{"href":"https://data.example/"}}]}"#,
    );
    assert_json(members::LINKS, r#"[{"links":[{"href":"https://data.example/"}]}]"#);
    assert_json(members::LINKS, r#""https://data.example/""#);
}

#[test]
fn what_is_no_json_passes_and_does_not_hide_what_comes_after() {
    assert_json(
        members::RECORDS_V2_1_LINKED,
        r#"{"results":[{"n":NaN,"m":-Infinity,"x":undefined,"_links":[{"href":"LINK/"}]}],"_links":[{"href":"LINK/"}]}"#,
    );
    for broken in
        [r#"{"links":[{"href":"https://data.example/"#, r#"{"links":[{"href":"https:\"#, r#"{"links":[{"href":"https://data.example"#]
    {
        let out = rewritten(Positions::Json(members::LINKS), broken);
        assert_eq!(out.contains("data.example"), !broken.ends_with('/') && broken.contains("data.example"), "{out}");
    }
    for broken in
        ["}}}]]]", "{{{{{{{{{{", "[[[[[[[[[[]}]}]}]}]}]", "\"\\", "{\"links\"\"href\":,,:{", ",:{\"href\":\"https://data.example/\""]
    {
        assert_json(members::LINKS, broken);
    }
}

#[test]
fn a_file_of_a_record_has_an_address_and_other_objects_have_data() {
    assert_json(
        members::RECORDS_V2_1,
        r#"{"total_count":1,"results":[{"url":"https://data.example/","web":"https://data.example/",
            "photo":{"thumbnail":true,"filename":"a.jpg","format":"JPEG","id":"0a","color_summary":["rgba(1, 2, 3, 1.00)"],"url":"LINK/api/explore/v2.1/catalog/datasets/x/files/0a"},
            "report":{"url":"LINK/api/files/1","color_summary":[{"url":"https://data.example/","id":1,"filename":1}],"filename":"b.pdf","format":"pdf"},
            "place":{"url":"https://data.example/","id":1},"note":{"filename":"https://data.example/","url":"https://data.example/"},
            "list":[{"url":"https://data.example/","filename":"x","id":"y"}],"deep":{"in":{"url":"https://data.example/","filename":"x","id":"y"}},
            "filename":"x","id":"y","_links":[{"href":"https://data.example/"}]}]}"#,
    );
    assert_json(
        members::RECORD_V2_1,
        r#"{"filename":"x","id":"y","url":"https://data.example/","f":{"id":1,"url":"LINK/x","filename":"y"},"id":2}"#,
    );
    assert_json(
        members::RECORDS_V2_0,
        r#"{"links":[{"href":"LINK/"}],"records":[{"links":[{"href":"LINK/"}],"record":{"id":"https://data.example/","fields":{"links":[{"href":"https://data.example/"}],
            "photo":{"id":"1","format":"PNG","filename":"c.png","url":"ESCAPED\/x"}}}}]}"#,
    );
}

#[test]
fn a_second_address_in_one_object_is_not_mixed_up_with_the_first() {
    assert_json(members::RECORD_V2_1, r#"{"f":{"url":"https://data.example/1","url":"LINK/2","filename":"y","id":1}}"#);
    assert_json(
        members::RECORD_V2_1,
        r#"{"f":{"url":"https://data.example/1","id":1},"g":{"filename":"y","url":"https://data.example/"}}"#,
    );
    assert_json(members::RECORD_V2_1, r#"{"f":{"url":"https://data.example/1","id":1},"g":{"filename":"y","id":1}}"#);
}

#[test]
fn names_too_far_behind_an_address_make_no_file_of_it_however_the_body_is_cut() {
    for (distance, is_file) in [(3_000, true), (4_060, true), (4_200, false), (20_000, false)] {
        let link = if is_file { "LINK" } else { PORTAL };
        let marked = format!(r#"{{"f":{{"url":"{link}/x","note":"{}","filename":"y","id":1}}}}"#, "n".repeat(distance));
        assert_json(members::RECORD_V2_1, &marked);
    }
    // At the very limit, every cut agrees.
    for distance in 4_040..4_110 {
        let body = format!(r#"{{"f":{{"filename":"y","url":"{PORTAL}\/x","note":"{}","id":1}}}}"#, "n".repeat(distance));
        rewritten(Positions::Json(members::RECORD_V2_1), &body);
    }
}

#[test]
fn strings_and_containers_of_any_size_are_not_kept() {
    let mut rewriter = Rewriter::new(Positions::Json(members::RECORDS_V2_1), &origin(), &base());
    let mut out = Vec::new();
    let chunk = vec![b'x'; 1 << 20];
    for start in ["{\"results\":[{\"f\":{\"url\":\"https://data.example/", "\",\"", "\":", "\"\\"] {
        out.clear();
        rewriter.push(start.as_bytes(), &mut out);
        for _ in 0..4 {
            out.clear();
            rewriter.push(&chunk, &mut out);
            assert!(out.len() >= chunk.len(), "what comes in goes out");
        }
    }
    let deep = vec![b'['; 1 << 20];
    out.clear();
    rewriter.push(&deep, &mut out);
    assert_eq!(out.len(), deep.len());
}
