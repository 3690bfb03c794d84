//! A client that follows links never leaves: whatever the portal links to is found here, under the address that the client used.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use preau::simulator::{self, Settings, Simulator};
use serde_json::Value;

use super::behind::{Behind, answer};
use super::http::{self, Answer};
use super::served::Served;
use super::stream::Reading;

const CALENDAR: &str = "fr-en-calendrier-scolaire";
const GALLERY: &str = "fr-en-galerie-des-etablissements";

/// Every API that links; that of today first.
const ALL: [&str; 3] = ["/api/explore/v2.1", "/api/explore/v2.0", "/api/v2"];

/// The server with one portal or two behind it, as a configuration file says.
struct Site {
    portals: Vec<Simulator>,
    server: Served,
    _data: tempfile::TempDir,
}

impl Site {
    /// `listen` and `portal` are lines of these tables.
    async fn start(portals: usize, listen: &str, portal: &str) -> Self {
        let mut site = Vec::new();
        let data = tempfile::tempdir().expect("a directory");
        let mut config = format!("data = \"store\"\n[listen]\n{listen}\n[cache]\nbuffer_limit = \"2 KiB\"\n");
        for number in 0..portals {
            let simulator = simulator::start(Settings { seed: number as u64 + 1, ..Settings::default() }).await.expect("it starts");
            config += &format!("[[portal]]\nname = \"p{number}\"\nurl = \"http://{}\"\n{portal}\n", simulator.addr());
            site.push(simulator);
        }
        let file = data.path().join("preau.toml");
        std::fs::write(&file, config).expect("it can be written");
        let server = Served::start(&["--config", file.to_str().expect("UTF-8")]);
        Self { portals: site, server, _data: data }
    }

    /// Somebody who finds the last of the portals at `base`, which is `prefix` here; `host` is what the address bar says.
    fn client(&self, host: &str, base: &str, prefix: &str) -> Client {
        let portal = format!("http://{}", self.portals.last().expect("there is one").addr());
        Client { at: self.server.mirror, host: host.to_owned(), base: base.to_owned(), prefix: prefix.to_owned(), portal, cost: 0 }
    }

    /// Somebody who uses the server's own address.
    fn local(&self) -> Client {
        let host = self.server.mirror.to_string();
        self.client(&host, &format!("http://{host}"), "")
    }

    /// Every request that the portals saw came from here, and every one was counted here.
    async fn assert_all_came_through(&self) {
        let report = http::get(self.server.admin, "/api/v1/budget").await.json();
        for (number, portal) in self.portals.iter().enumerate() {
            let seen = http::get(portal.addr(), "/_simulator/requests?last=500").await.json();
            for request in seen.as_array().expect("a list") {
                let field = |name: &str| {
                    let fields = request["headers"].as_array().expect("a list");
                    let value = fields.iter().find(|field| field[0].as_str().expect("a name").eq_ignore_ascii_case(name));
                    value.map_or("", |field| field[1].as_str().expect("a value"))
                };
                assert!(field("user-agent").starts_with("preau/") && field("host") == portal.addr().to_string(), "{request}");
            }
            let received = http::get(portal.addr(), "/_simulator/calls").await.json()["received"].as_u64();
            assert_eq!(report["portals"][number]["accounts"][0]["used"].as_u64(), received, "{report}");
        }
    }

    async fn ask_portal(&self, path: &str) -> Answer {
        http::get(self.portals.last().expect("there is one").addr(), path).await
    }
}

/// A client that knows one address and what it finds there.
struct Client {
    at: SocketAddr,
    host: String,
    /// What links begin with.
    base: String,
    /// Where that is on the server.
    prefix: String,
    /// What no link begins with.
    portal: String,
    /// Calls that its questions cost.
    cost: usize,
}

impl Client {
    async fn ask(&mut self, path: &str) -> Answer {
        let answer = http::get_with(self.at, &format!("{}{path}", self.prefix), &[("host", &self.host)]).await;
        self.cost += answer.field("x-preau-cost").parse::<usize>().expect("every answer states its cost");
        answer
    }

    /// The path that a link leads to.
    fn path_of<'l>(&self, link: &'l str) -> &'l str {
        let path = link.strip_prefix(&self.base).unwrap_or_else(|| panic!("{link} leads away from {}", self.base));
        assert!(path.starts_with('/'), "{link}");
        path
    }

    async fn follow(&mut self, link: &str) -> Answer {
        let answer = self.ask(self.path_of(link)).await;
        assert_eq!(answer.status, 200, "{link}: {answer:?}");
        answer
    }

    /// The addresses here in a JSON document. Anything that leads to the portal is a failure.
    fn links(&self, answer: &Answer) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut left = vec![answer.json()];
        while let Some(value) = left.pop() {
            match value {
                Value::Array(values) => left.extend(values),
                Value::Object(members) => {
                    // A literal, by which harvesters know a dataset again.
                    left.extend(members.into_iter().filter(|(name, _)| name != "identifier").map(|(_, value)| value));
                }
                Value::String(text) => {
                    assert!(!text.starts_with(&self.portal), "{text} leads to the portal");
                    if text.starts_with(&self.base) {
                        found.insert(text);
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The addresses here in a document that is no JSON.
    fn addresses(&self, answer: &Answer) -> BTreeSet<String> {
        let text = std::str::from_utf8(&answer.body).expect("UTF-8");
        // Of a description, which is data.
        let data = format!("export of {}", self.portal);
        assert!(!text.replace(&data, "").contains(&self.portal), "an address of the portal is left");
        let ends = |c: char| matches!(c, '"' | '<' | '>') || c.is_whitespace();
        text.match_indices(&self.base).map(|(at, _)| text[at..].split(ends).next().unwrap_or_default().replace("&amp;", "&")).collect()
    }

    /// Pages of these APIs that link to others, and every link of theirs.
    async fn tour(&mut self, apis: &[&str]) {
        let mut links = BTreeSet::new();
        let mut pages: Vec<String> = Vec::new();
        for api in apis {
            let linked = if api.ends_with("v2.1") { "&include_links=true" } else { "" };
            for page in ["", "/catalog", "/catalog/facets?x", "/catalog/exports", "/catalog/datasets?limit=2"] {
                pages.push(format!("{api}{page}{}", if page.contains("limit") { linked } else { "" }));
            }
            pages.push(format!("{api}/catalog/datasets/{GALLERY}?x{linked}"));
            pages.push(format!("{api}/catalog/datasets/{GALLERY}/records?limit=3{linked}"));
            pages.push(format!("{api}/catalog/datasets/{CALENDAR}/facets"));
            pages.push(format!("{api}/catalog/datasets/{CALENDAR}/exports"));
            pages.push(format!("{api}/catalog/datasets/{}/attachments", self.with_files().await));
        }
        for page in pages {
            let answer = self.ask(&page).await;
            assert_eq!(answer.status, 200, "{page}: {answer:?}");
            let found = self.links(&answer);
            assert!(!found.is_empty(), "{page} links to nothing");
            links.extend(found);
        }
        let of = |word: &str| links.iter().filter(|link| link.contains(word)).count();
        assert!(of("/attachments/") > 1 && of("/files/") > 3 && of("/exports/") > 10 && of("/records/") > 2, "{links:?}");
        for link in links {
            let followed = self.follow(&link).await;
            if followed.field("content-type").starts_with("application/json") && !link.contains("/exports/") {
                self.links(&followed);
            }
        }
        self.tour_of_catalogues().await;
    }

    /// A dataset with attachments.
    async fn with_files(&mut self) -> String {
        let datasets = self.ask("/api/explore/v2.1/catalog/datasets?limit=100").await.json();
        let datasets = datasets["results"].as_array().expect("a list");
        let with = datasets.iter().find(|dataset| dataset["attachments"].as_array().is_some_and(|list| !list.is_empty()));
        with.expect("one in three has some")["dataset_id"].as_str().expect("an id").to_owned()
    }

    /// Exports of the catalogue for other catalogues: the datasets that they name, and some of their exports.
    async fn tour_of_catalogues(&mut self) {
        for format in ["rdf", "ttl", "data.json", "rss"] {
            let export = self.ask(&format!("/api/explore/v2.1/catalog/exports/{format}")).await;
            assert_eq!(export.status, 200, "{format}");
            let found = if format == "data.json" { self.links(&export) } else { self.addresses(&export) };
            let exports: Vec<&String> = found.iter().filter(|link| link.contains(&format!("/{CALENDAR}/exports/"))).take(4).collect();
            let datasets: Vec<&String> =
                found.iter().filter(|link| link.ends_with("/fr-en-annuaire-education") && link.contains("/api/")).collect();
            let own = found.iter().filter(|link| link.contains("/catalog/exports/"));
            assert_eq!(exports.is_empty(), format == "rss", "{format}: {found:?}");
            for link in exports.into_iter().chain(datasets).chain(own) {
                self.follow(link).await;
            }
            // Pages of the portal are not mirrored: they lead here, and here it is said where they are.
            for page in found.iter().filter(|link| link.contains("/explore/dataset/")).take(2) {
                let path = self.path_of(page);
                let sent = self.ask(path).await;
                assert_eq!((sent.status.as_u16(), sent.field("location")), (307, &format!("{}{path}", self.portal)[..]), "{page}");
            }
        }
    }
}

/// A page, and what the portal says itself: nothing but its links differs.
async fn assert_only_links_differ(site: &Site, client: &Client, path: &str, answer: &Answer) {
    let portal = site.ask_portal(path).await;
    let text = |answer: &Answer| String::from_utf8(answer.body.to_vec()).expect("UTF-8");
    assert_eq!(text(answer).replace(&client.base, &client.portal), text(&portal), "{path}");
    assert_ne!(answer.body, portal.body, "{path} has links");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_pages_of_v2_0_are_followed_by_their_next_links_alone() {
    let site = Site::start(1, "", "").await;
    let mut client = site.local();
    let first = format!("{}/api/explore/v2.0/catalog/datasets/fr-en-annuaire-education/records?limit=10", client.base);
    let mut pages = Vec::new();
    // The second time it is all here.
    for cost in [51, 0] {
        client.cost = 0;
        pages.clear();
        let (mut link, mut ids) = (first.clone(), BTreeSet::new());
        for page in 0..=50 {
            let answer = client.follow(&link).await;
            client.links(&answer);
            let body = answer.json();
            ids.extend(body["records"].as_array().expect("a list").iter().map(|record| record["record"]["id"].to_string()));
            let links = body["links"].as_array().expect("a list");
            let href = |rel| links.iter().find(|link| link["rel"] == rel).map(|link| link["href"].as_str().expect("a text").to_owned());
            let own = href("self").expect("a page names itself");
            assert!(client.path_of(&own).contains(&format!("offset={}&", page * 10)), "page {page}: {own}");
            pages.push((client.path_of(&link).to_owned(), answer));
            link = href("next").expect("there are more");
        }
        assert_eq!((client.cost, ids.len()), (cost, 510), "every record once");
    }
    site.assert_all_came_through().await;
    for (path, answer) in pages.iter().step_by(25) {
        assert_only_links_differ(&site, &client, path, answer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_leads_here_and_is_found_here() {
    let site = Site::start(1, "", "").await;
    let mut client = site.local();
    client.tour(&ALL).await;
    let cost = std::mem::take(&mut client.cost);
    site.assert_all_came_through().await;
    client.tour(&ALL).await;
    println!("the links of a tour cost {cost} calls, and {} the second time", client.cost);
    assert_eq!(client.cost, 0);
    site.assert_all_came_through().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_address_is_what_links_begin_with_whatever_the_client_used() {
    const PUBLIC: &str = "https://opendata.intra.example/miroir";
    let site = Site::start(1, &format!("public_url = \"{PUBLIC}\""), "").await;
    let mut outside = site.client("opendata.intra.example", PUBLIC, "");
    outside.tour(&ALL[..1]).await;
    let mut inside = site.client(&site.server.mirror.to_string(), PUBLIC, "");
    inside.tour_of_catalogues().await;
    assert_eq!(inside.cost, 0);
    site.assert_all_came_through().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_portals_each_is_found_below_its_name() {
    let site = Site::start(2, "", "").await;
    let host = site.server.mirror.to_string();
    let mut named = site.client(&host, &format!("http://{host}/p1"), "/p1");
    named.tour(&ALL[..1]).await;
    site.assert_all_came_through().await;
    let calls = http::get(site.portals[0].addr(), "/_simulator/calls").await.json();
    assert_eq!(calls["received"], 0, "the other one was asked nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_portals_each_is_found_below_its_name_at_a_configured_address_or_at_its_own() {
    let site = Site::start(2, "public_url = \"https://opendata.intra.example\"", "").await;
    site.client("any.example", "https://opendata.intra.example/p1", "/p1").tour_of_catalogues().await;
    site.assert_all_came_through().await;
    let own = "hosts = [\"sports.intra.example\"]";
    let site = Site::start(1, "", own).await;
    site.client("sports.intra.example:8080", "http://sports.intra.example:8080", "").tour_of_catalogues().await;
    site.assert_all_came_through().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_links_are_not_rewritten_answers_are_the_portals_own() {
    let site = Site::start(1, "public_url = \"https://opendata.intra.example\"", "rewrite_links = false").await;
    let mut client = site.local();
    for path in [
        "/api/explore/v2.0/catalog/datasets?limit=5".to_owned(),
        format!("/api/explore/v2.1/catalog/datasets/{GALLERY}/records?limit=5&include_links=true"),
        format!("/api/explore/v2.1/catalog/datasets/{CALENDAR}/exports"),
        "/api/explore/v2.1/catalog/exports/rdf".to_owned(),
        "/api/explore/v2.1/catalog/exports/data.json".to_owned(),
    ] {
        let portal = site.ask_portal(&path).await;
        assert!(String::from_utf8_lossy(&portal.body).contains(&client.portal), "{path} has links");
        for _ in 0..2 {
            assert!(client.ask(&path).await.body == portal.body, "{path}");
        }
    }
    assert_eq!(client.cost, 5);
}

fn gunzipped(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut text).expect("gzip");
    text
}

/// Head and body of an answer to HTTP/1.0.
async fn ask_1_0(to: SocketAddr, host: &str, path: &str) -> (String, Vec<u8>) {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
    let text = http::raw(to, request.as_bytes(), http::PATIENCE).await;
    let end = text.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8_lossy(&text[..end]).to_lowercase(), text[end..].to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_streams_has_the_same_bytes_as_the_stored_one() {
    for format in ["rdf", "ttl", "data.json", "json"] {
        let path = match format {
            "json" => "/api/explore/v2.0/catalog/datasets?limit=20".to_owned(),
            format => format!("/api/explore/v2.1/catalog/exports/{format}"),
        };
        // Who comes first is told while it arrives, or, by a protocol that cannot tell an end, once it is whole.
        for first_1_0 in [false, true] {
            let site = Site::start(1, "", "").await;
            let mirror = site.server.mirror;
            let client = site.local();
            let first = if first_1_0 {
                let (head, body) = ask_1_0(mirror, &client.host, &path).await;
                let told = format!("content-length: {}\r\n", body.len());
                assert!(head.starts_with("http/1.0 200") && head.contains(&told) && head.contains("x-preau-cost: 1"), "{format}: {head}");
                body
            } else {
                let reading = Reading::ask(mirror, &path, &[]).await;
                assert!(reading.field("cache-status").contains("arriving"), "{format}: {}", reading.field("cache-status"));
                assert_eq!((reading.field("content-length"), reading.field("x-preau-cost")), ("", "1"), "{format}");
                reading.end().await.expect("whole").0.to_vec()
            };
            // The first has all of it a moment before it is kept.
            while !http::get(mirror, &path).await.cache_status().contains("; hit") {}
            // Each is dressed anew: this client's address, another's of another length, and this one's again.
            for host in [&client.host[..], "x.fr", "un-nom-bien-plus-long.exemple:8080", &client.host] {
                let other = site.client(host, &format!("http://{host}"), "");
                let stored = http::get_with(mirror, &path, &[("host", host)]).await;
                assert_eq!(stored.field("x-preau-cost"), "0", "{format}: {}", stored.cache_status());
                assert_eq!(stored.field("content-length"), stored.body.len().to_string(), "{format}");
                assert!(host != client.host || stored.body == first, "{format}: the stored one differs from the one that streamed");
                assert_only_links_differ(&site, &other, &path, &stored).await;
                let gzipped = http::get_with(mirror, &path, &[("host", host), ("accept-encoding", "gzip")]).await;
                // What is rewritten on its way out of a file goes without a coding.
                let is_coded = gzipped.field("content-encoding") == "gzip";
                assert!(if is_coded { gunzipped(&gzipped.body) } else { gzipped.body.to_vec() } == stored.body, "{format}");
                let (head, body) = ask_1_0(mirror, host, &path).await;
                assert!(head.contains(&format!("content-length: {}\r\n", body.len())) && body == stored.body, "{format}: {head}");
                let head = http::send(mirror, ::http::Method::HEAD, &path, &[("host", host)], bytes::Bytes::new()).await;
                assert_eq!((head.field("content-length"), head.body.len()), (stored.field("content-length"), 0), "{format}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_in_fields_lead_here_too() {
    for (public, rewritten) in [(None, true), (Some("https://opendata.intra.example/miroir"), true), (None, false)] {
        let configure = |config: &mut preau::config::Config| {
            config.listen.public_url = public.map(|url| url.parse().expect("a URL"));
            config.portals[0].rewrite_links = rewritten;
        };
        let behind = Behind::scripted(configure, |mut connection, head| async move {
            let host = head.lines().find_map(|line| line.strip_prefix("host: ").or(line.strip_prefix("Host: ")));
            let portal = format!("http://{}", host.expect("a host"));
            let link = format!("<{portal}/api/a?b=\"c\">; rel=\"next\", <https://elsewhere.example/>; rel=\"deprecation\"");
            let said = if head.contains("/attachments/") {
                let fields = format!("Location: {portal}/api/datasets/1.0/x/files/f?d=1\r\nLink: {link}\r\n");
                answer("302 Found", &fields, "")
            } else {
                answer("200 OK", &format!("Content-Type: application/json; charset=utf-8\r\nLink: {link}\r\n"), "{\"results\": []}")
            };
            connection.say(said).await.then_some(connection)
        })
        .await;
        let portal = format!("http://127.0.0.1:{}", behind.portal.port);
        let base = match public {
            _ if !rewritten => portal.clone(),
            Some(public) => public.to_owned(),
            None => format!("http://{}", behind.mirror()),
        };
        let link = format!("<{base}/api/a?b=\"c\">; rel=\"next\", <https://elsewhere.example/>; rel=\"deprecation\"");
        // From the portal, and from store.
        for cost in ["1", "0"] {
            let records = behind.get(super::behind::RECORDS).await;
            assert_eq!((records.field("link"), records.field("x-preau-cost")), (&link[..], cost));
        }
        let sent = behind.get("/api/explore/v2.1/catalog/datasets/x/attachments/f").await;
        let location = format!("{base}/api/datasets/1.0/x/files/f?d=1");
        assert_eq!((sent.status.as_u16(), sent.field("location"), sent.field("link")), (302, &location[..], &link[..]));
    }
}
