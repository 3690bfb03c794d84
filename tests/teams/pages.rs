//! Pages: what browsers send for them decides who pays.

use super::office::{CALENDRIER, Office, basic, in_the_network_of_carte};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_foreign_origin_spends_no_teams_calls() {
    let office = Office::new(|config| {
        in_the_network_of_carte(config);
        config.listen.allowed_origins = vec!["https://portail.intra.example".to_owned()];
        config.listen.public_url = Some("https://opendata.intra.example".parse().expect("a URL"));
    })
    .await;
    for (fields, team) in [
        (vec![("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], "browser"),
        (vec![("origin", "null")], "browser"),
        (vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")], "browser"),
        (vec![("referer", "https://evil.example/")], "browser"),
        (vec![("origin", "http://portail.intra.example")], "browser"),
        (vec![("origin", "https://portail.intra.example"), ("sec-fetch-site", "cross-site")], "carte"),
        (vec![("origin", "https://opendata.intra.example"), ("sec-fetch-site", "same-origin")], "carte"),
        (vec![("sec-fetch-site", "same-origin"), ("referer", "https://evil.example/")], "carte"),
        (vec![("sec-fetch-site", "none")], "carte"),
        (vec![("referer", "https://portail.intra.example/carte")], "carte"),
        (vec![("origin", "https://evil.example"), ("x-preau-key", CALENDRIER)], "calendrier"),
    ] {
        assert_eq!(office.whose(&fields).await, team, "{fields:?}");
    }
    let typed = basic("calendrier", CALENDRIER);
    assert_eq!(office.whose(&[("authorization", &typed)]).await, "calendrier");
    // As a browser repeats it for an image of any page, once somebody has typed it.
    assert_eq!(office.whose(&[("authorization", &typed), ("sec-fetch-site", "cross-site")]).await, "browser");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_mirrors_own_address_is_not_foreign() {
    let office = Office::new(|config| {
        in_the_network_of_carte(config);
        config.portals[0].hosts = vec!["mirror.intra".to_owned()];
    })
    .await;
    // One name for all four, which listen on ports of their own.
    let host = ("host", "mirror.intra:8080");
    for scheme in ["http", "https"] {
        assert_eq!(office.whose(&[host, ("origin", &format!("{scheme}://mirror.intra:8080"))]).await, "carte");
    }
    assert_eq!(office.whose(&[host, ("referer", "http://mirror.intra:8080/api/x")]).await, "carte");
    assert_eq!(office.whose(&[host, ("origin", "http://mirror.intra")]).await, "browser");
    // Somebody's name that leads here: to the browser its page is of this server.
    let rebound = [("host", "evil.example"), ("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")];
    assert_eq!(office.whose(&rebound).await, "browser");
    assert_eq!(office.whose(&[host, ("origin", &format!("http://{}", office.host()))]).await, "browser");
}
