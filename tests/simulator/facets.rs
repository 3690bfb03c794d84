//! Facets: what a choice leaves to choose from, and how values are ordered.

use serde_json::{Value, json};

use super::client::{CALENDAR, DIRECTORY, Portal, V21};

/// Name, count and state of each value.
fn values(facet: &Value) -> Vec<(String, u64, String)> {
    let text = |value: &Value, member: &str| value[member].as_str().unwrap().to_owned();
    let read = |value: &Value| (text(value, "name"), value["count"].as_u64().unwrap(), text(value, "state"));
    facet["facets"].as_array().unwrap().iter().map(read).collect()
}

async fn first(portal: &Portal, target: &str) -> Vec<(String, u64, String)> {
    values(&portal.json(target).await["facets"][0])
}

#[tokio::test]
async fn a_choice_in_a_disjunctive_facet_keeps_its_other_values_and_narrows_the_other_facets() {
    let portal = Portal::new().await;
    let all = first(&portal, &format!("{CALENDAR}/facets?facet=zones")).await;
    let chosen = portal.json(&format!("{CALENDAR}/facets?facet=zones&facet=location&refine=zones:Zone%20A")).await;
    let zones = values(&chosen["facets"][0]);
    assert_eq!(
        zones.iter().map(|(name, count, _)| (name, count)).collect::<Vec<_>>(),
        all.iter().map(|(name, count, _)| (name, count)).collect::<Vec<_>>()
    );
    for (name, _, state) in &zones {
        assert_eq!(state, if name == "Zone A" { "refined" } else { "displayed" });
    }
    let count = zones.iter().find(|(name, ..)| name == "Zone A").unwrap().1;
    assert_eq!(values(&chosen["facets"][1]).iter().map(|(_, count, _)| count).sum::<u64>(), count, "the other facet is of the rows alone");
    let both = portal.json(&format!("{CALENDAR}/facets?facet=zones&facet=location&refine=zones:Zone%20A&refine=location:Lyon")).await;
    let zones = values(&both["facets"][0]);
    assert_eq!(zones.len(), 1, "all of Lyon is in one zone: {zones:?}");
    assert!(values(&both["facets"][1]).len() > 5, "but more places than Lyon are in the zone");
}

#[tokio::test]
async fn the_request_can_make_a_facet_disjunctive() {
    let portal = Portal::new().await;
    let chosen = "refine=statut_public_prive:Public";
    let plain = first(&portal, &format!("{DIRECTORY}/facets?facet=statut_public_prive&{chosen}")).await;
    assert_eq!(plain.len(), 1);
    for facet in ["facet(name=%22statut_public_prive%22,disjunctive=true)", "facet(disjunctive%20=%20True,%20name='statut_public_prive')"] {
        let open = first(&portal, &format!("{DIRECTORY}/facets?facet={facet}&{chosen}")).await;
        let names: Vec<_> = open.iter().map(|(name, _, state)| (name.as_str(), state.as_str())).collect();
        assert_eq!(names, [("Public", "refined"), ("Privé", "displayed")]);
        let both = format!("{chosen}&refine=statut_public_prive:Priv%C3%A9&facet={facet}");
        let total = portal.json(&format!("{DIRECTORY}/records?limit=0&{both}")).await["total_count"].as_u64();
        assert_eq!(total, Some(open.iter().map(|(_, count, _)| count).sum()), "any of them");
        let lines = portal.get(&format!("{DIRECTORY}/exports/jsonl?select=etat&where=code_departement=%22048%22&{both}")).await.text();
        let counted = portal.json(&format!("{DIRECTORY}/records?limit=0&where=code_departement=%22048%22")).await;
        assert_eq!(counted["total_count"], lines.lines().count(), "in exports too");
    }
    let answer = portal.get(&format!("{DIRECTORY}/facets?facet=facet(name=%22etat%22,colour=1)")).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn the_old_version_keeps_the_other_values_too() {
    let portal = Portal::new().await;
    let search =
        "/api/records/1.0/search/?dataset=fr-en-annuaire-education&rows=0&facet=statut_public_prive&refine.statut_public_prive=Public";
    let groups = portal.json(search).await["facet_groups"].clone();
    assert_eq!(values(&groups[0]).len(), 1);
    let open = portal.json(&format!("{search}&disjunctive.statut_public_prive=true")).await;
    let new = first(
        &portal,
        &format!("{DIRECTORY}/facets?facet=facet(name=%22statut_public_prive%22,disjunctive=true)&refine=statut_public_prive:Public"),
    )
    .await;
    assert_eq!(values(&open["facet_groups"][0]), new);
    let public = new.iter().find(|(name, ..)| name == "Public").unwrap().1;
    assert_eq!(open["nhits"], public, "the rows are still those of the choice");
}

#[tokio::test]
async fn the_catalogue_has_facets_of_its_metadata() {
    let portal = Portal::new().await;
    let all = portal.json(&format!("{V21}/facets")).await;
    let names: Vec<&str> = all["facets"].as_array().unwrap().iter().map(|facet| facet["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["features", "modified", "publisher", "keyword", "theme", "license", "language", "update_frequency"]);
    let total = portal.json(&format!("{V21}/datasets?limit=0")).await["total_count"].as_u64();
    let themes = first(&portal, &format!("{V21}/facets?facet=theme")).await;
    assert_eq!(Some(themes.iter().map(|(_, count, _)| count).sum()), total);
    for (theme, count, _) in &themes {
        let refine = percent_encoding::utf8_percent_encode(theme, percent_encoding::NON_ALPHANUMERIC);
        assert_eq!(portal.json(&format!("{V21}/datasets?limit=0&refine=theme:{refine}")).await["total_count"], *count, "{theme}");
        let chosen = first(&portal, &format!("{V21}/facets?facet=default.theme&refine=theme:{refine}")).await;
        assert_eq!(chosen.len(), themes.len(), "a disjunctive facet: the other themes stay");
        assert!(chosen.iter().all(|(name, _, state)| (state == "refined") == (name == theme)));
    }
    let old = portal.json("/api/datasets/1.0/search/?rows=0&facet=theme").await;
    assert_eq!(values(&old["facet_groups"][0]), themes);
}

#[tokio::test]
async fn values_are_ordered_and_cut_as_the_request_says() {
    let portal = Portal::new().await;
    let get = async |options: &str| first(&portal, &format!("{DIRECTORY}/facets?facet=facet(name=%22libelle_academie%22{options})")).await;
    let plain = get("").await;
    assert!(plain.len() > 5 && plain.is_sorted_by_key(|(_, count, _)| std::cmp::Reverse(*count)));
    assert_eq!(get(",sort=%22count%22").await, plain);
    assert!(get(",sort=%22-count%22").await.is_sorted_by_key(|(_, count, _)| *count));
    let by_name = get(",sort=%22alphanum%22").await;
    assert!(by_name.is_sorted());
    assert_eq!(get(",sort=%22-alphanum%22,limit=2").await, by_name.iter().rev().take(2).cloned().collect::<Vec<_>>());
    let codes = first(
        &portal,
        &format!("{V21}/datasets/fr-en-effectifs-internats/facets?facet=facet(name=%22rentree_scolaire%22,sort=%22-num%22)"),
    )
    .await;
    assert!(codes.len() > 3 && codes.is_sorted_by(|a, b| a.0 > b.0));
    assert_eq!(json!(plain[0].2), "displayed");
}
