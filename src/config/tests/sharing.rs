//! Teams, accounts, and what else says who clients are.

use super::*;
use crate::team::TeamId;

const SOME_KEY: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn two_teams_are_there_without_a_word_and_foreign_pages_have_a_ceiling() {
    let teams = defaults().teams;
    let seen: Vec<_> = teams.iter().map(|team| (team.name.as_str(), team.ceiling.of("education"), team.class)).collect();
    assert_eq!(seen, [("default", None, Class::Interactive), ("browser", Some(100), Class::Interactive)]);
}

#[test]
fn a_team_has_all_that_the_file_says_of_it() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("key"), "# of the ministry\nhunter2\n").unwrap();
    let text = format!(
        "[[portal]]\nname = \"education\"\n[[portal]]\nname = \"sports\"\nurl = \"https://s.fr\"\n\
         [[team]]\nname = \"carte\"\nkeys = [\"{SOME_KEY}\"]\nnetworks = [\"10.1.0.0/16\", \"2001:db8::7\"]\n\
         guaranteed = {{ education = 800 }}\nceiling = 2000\nclass = \"batch\"\nmay_force = true\noverflow = [\"ministry\"]\n\
         [[account]]\nname = \"ministry\"\nportal = \"sports\"\nkey_file = {:?}\ndaily_calls = 7\n",
        directory.path().join("key").display().to_string()
    );
    let config = load(&text, [], Overrides::default()).unwrap();
    assert_eq!(config.teams.len(), 3);
    let team = &config.teams[2];
    assert_eq!((team.name.as_str(), team.class, team.may_force), ("carte", Class::Batch, true));
    assert_eq!(team.keys, [KeyHash::of(b"abc")]);
    assert_eq!(team.networks.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.1.0.0/16", "2001:db8::7/128"]);
    assert_eq!((team.guaranteed.of("education"), team.guaranteed.of("sports")), (Some(800), None));
    assert_eq!((team.ceiling.of("education"), team.ceiling.of("sports")), (Some(2000), Some(2000)));
    let account = &config.accounts[0];
    assert_eq!((account.name.as_str(), account.portal.as_str(), account.daily_calls.get()), ("ministry", "sports", 7));
    assert_eq!((account.key.expose(), team.overflow.as_slice()), ("hunter2", &["ministry".to_owned()][..]));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_two_that_are_always_there_keep_their_places_when_the_file_names_them() {
    let text = "[[team]]\nname = \"carte\"\n[[team]]\nname = \"browser\"\nguaranteed = 5\n[[team]]\nname = \"default\"\nceiling = 9\n";
    let teams = load(text, [], Overrides::default()).unwrap().teams;
    assert_eq!(teams.iter().map(|team| team.name.as_str()).collect::<Vec<_>>(), ["default", "browser", "carte"]);
    assert_eq!(teams[TeamId::DEFAULT.index()].ceiling.each, Some(9));
    assert_eq!((teams[1].guaranteed.each, teams[1].ceiling.each), (Some(5), Some(100)), "what is not said of it is as ever");
    let named = "[[team]]\nname = \"browser\"\nceiling = { education = 7 }\n";
    let ceiling = load(named, [], Overrides::default()).unwrap().teams[1].ceiling.clone();
    assert_eq!((ceiling.of("education"), ceiling.of("other")), (Some(7), Some(100)));
}

#[test]
fn every_fault_of_teams_and_accounts_comes_with_its_line() {
    let key = SOME_KEY;
    let text = format!(
        "[[team]]\nname = \"Carte Scolaire\"\nkeys = [\"preau_hunter2\"]\nnetworks = [\"10.1.2.3/16\"]\nguaranteed = \"all\"\n\
         ceiling = {{ education = -1 }}\nclass = \"slow\"\nmay_force = \"yes\"\noverflow = \"ministry\"\nkey = \"x\"\n\
         [[team]]\nname = \"a\"\nkeys = [\"{key}\", \"{key}\"]\nnetworks = [\"10.0.0.0/8\"]\noverflow = [\"nobody\"]\nguaranteed = {{ sport = 1 }}\n\
         [[team]]\nname = \"a\"\nnetworks = [\"10.0.0.0/8\"]\n\
         [[team]]\nkeys = []\n\
         [[team]]\nname = \"browser\"\nnetworks = [\"10.2.0.0/16\"]\n\
         [[account]]\nname = \"anonymous\"\nkey = \"hunter2\"\n"
    );
    let found = faults(&text);
    let starts = [
        "f.toml:2: team.name: \"Carte Scolaire\" is not a team's name -> write 1 to 32",
        "f.toml:3: team.keys: this is a key, and the file holds only hashes -> write what `preau key new` prints",
        "f.toml:4: team.networks: \"10.1.2.3/16\" is an address within a network -> write \"10.1.0.0/16\" for the network",
        "f.toml:5: team.guaranteed: \"all\" is not a whole number -> write a whole number for every portal, or one for each",
        "f.toml:6: team.ceiling: of education, -1 is out of range",
        "f.toml:7: team.class: \"slow\" is not a class -> write \"interactive\" or \"batch\"",
        "f.toml:8: team.may_force: \"yes\" is neither true nor false",
        "f.toml:9: team.overflow: \"ministry\" is not a list",
        "f.toml:10: team.key: no such key -> write team.keys, the list of hashes",
        "f.toml:11: team.keys: team \"a\" has the key sha256:ba7816bf… already -> list it once",
        "f.toml:15: team.overflow: there is no account \"nobody\" -> the accounts are anonymous",
        "f.toml:16: team.guaranteed: there is no portal \"sport\" -> the portals are education",
        "f.toml:17: team.name: \"a\" is the name of the team of ",
        "f.toml:17: team.networks: team \"a\" has 10.0.0.0/8 already -> list it once",
        "f.toml:20: team.name: the key is missing",
        "f.toml:22: team.networks: the team \"browser\" is that of foreign pages",
        "f.toml:25: account.key_file: the key is missing",
        "f.toml:26: account.name: \"anonymous\" is the account of calls without a key",
        "f.toml:27: account.key: no such key -> write account.key_file",
    ];
    for start in starts {
        assert!(found.iter().any(|fault| fault.starts_with(start)), "{start}\nis not in\n{found:#?}");
    }
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    assert!(!found.concat().contains("hunter2"), "{found:#?}");
}

#[test]
fn guarantees_and_reserves_fit_into_the_day_of_each_portal() {
    let text = |first: &str, second: u32| {
        format!(
            "[[portal]]\nname = \"education\"\n[[portal]]\nname = \"sports\"\nurl = \"https://s.fr\"\ndaily_calls = 100\n\
             [[team]]\nname = \"a\"\nguaranteed = {first}\n[[team]]\nname = \"b\"\nguaranteed = {{ education = {second} }}\n"
        )
    };
    assert!(load(&text("90", 4760), [], Overrides::default()).is_ok(), "5 and 5 of 100, and 50 and 100 of 5000, are kept");
    let both = load(&text("91", 4760), [], Overrides::default()).unwrap_err();
    assert_eq!(
        both,
        [
            "f.toml:9: team.guaranteed: the teams are guaranteed 91 calls of sports together, and of its 100 a day 5 are kept for looks and \
             5 for revalidation -> guarantee at most 90 in all",
            "f.toml:12: team.guaranteed: the teams are guaranteed 4851 calls of education together, and of its 5000 a day 50 are kept for \
             looks and 100 for revalidation -> guarantee at most 4850 in all",
        ]
    );
    let hidden = load(&text("{ sports = 90 }", 1), [("PREAU_PORTAL", "education=https://e.fr")], Overrides::default());
    assert!(hidden.is_ok(), "a share of a portal that a variable hides is no fault: {hidden:?}");
    let found = faults("[[team]]\nname = \"a\"\nceiling = 10\nguaranteed = 11\n");
    assert_eq!(
        found,
        [
            "f.toml:4: team.guaranteed: 11 calls of education are more than the team's ceiling of 10 -> lower it, or raise or leave out the ceiling"
        ]
    );
    let browser = faults("[[team]]\nname = \"browser\"\nguaranteed = 101\n");
    assert!(browser[0].contains("more than the team's ceiling of 100"), "{browser:#?}");
}

#[test]
fn an_account_is_one_key_of_one_portal() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("{:?}", path.display().to_string())
    };
    let (one, same, two) = (file("one", "hunter2\n"), file("same", "hunter2"), file("two", "hunter3\nhunter4\n"));
    let (none, public) = (file("none", "# nothing\n"), file("public", "hunter5\n"));
    let found = faults(&format!(
        "[[portal]]\nsame_as_anonymous_file = {public}\n[[account]]\nname = \"a\"\nkey_file = {one}\n[[account]]\nname = \"a\"\nkey_file = {same}\n\
         [[account]]\nname = \"c\"\nkey_file = {two}\n[[account]]\nname = \"d\"\nkey_file = {none}\n[[account]]\nname = \"e\"\nkey_file = {public}\n\
         [[account]]\nname = \"f\"\nkey_file = \"hunter6\"\nportal = \"elsewhere\"\n"
    ));
    for part in [
        ":6: account.name: \"a\" is the name of the account of ",
        ":6: account.key_file: account \"a\" has this key already",
        "two:2: account.key_file: this line is not what the file should hold",
        ":14: account.key_file: the file is empty",
        ":15: account.key_file: the portal's same_as_anonymous_file has this key",
        ":20: account.key_file: the file cannot be read: entity not found",
        ":21: account.portal: there is no portal \"elsewhere\"",
    ] {
        assert!(found.iter().any(|fault| fault.contains(part)), "{part}\nis not in\n{found:#?}");
    }
    assert_eq!(found.len(), 7, "{found:#?}");
    assert!(!found.concat().contains("hunter"), "{found:#?}");
    let several = "[[portal]]\nname = \"education\"\n[[portal]]\nname = \"sports\"\nurl = \"https://s.fr\"\n";
    let found = faults(&format!("{several}[[account]]\nname = \"a\"\nkey_file = {one}\n"));
    assert!(found.len() == 1 && found[0].contains("account.portal: the key is missing"), "{found:#?}");
}

#[test]
fn who_stands_in_front_and_which_pages_may_ask_are_lists_also_in_variables() {
    let file = "[listen]\ntrusted_proxies = [\"10.0.0.1\", \"fd00::/8\"]\nallowed_origins = [\"https://Portail.example:443\"]\n";
    let listen = load(file, [], Overrides::default()).unwrap().listen;
    assert_eq!(listen.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.1/32", "fd00::/8"]);
    assert_eq!(listen.allowed_origins, ["https://portail.example"]);
    let variables = [("PREAU_LISTEN_TRUSTED_PROXIES", "10.0.0.2, 10.0.0.3"), ("PREAU_LISTEN_ALLOWED_ORIGINS", "http://a.example")];
    let listen = load(file, variables, Overrides::default()).unwrap().listen;
    assert_eq!((listen.trusted_proxies.len(), listen.allowed_origins.as_slice()), (2, &["http://a.example".to_owned()][..]));
    let found = faults("[listen]\ntrusted_proxies = [\"0.0.0.0/0\"]\nallowed_origins = \"https://a.example\"\n");
    assert!(found[0].contains(":2: listen.trusted_proxies: \"0.0.0.0/0\" is everybody"), "{found:#?}");
    assert!(found[1].contains(":3: listen.allowed_origins: \"https://a.example\" is not a list"), "{found:#?}");
}

#[test]
fn the_rest_of_what_governs_sharing_is_read_and_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let webhook = directory.path().join("webhook");
    std::fs::write(&webhook, "https://hooks.example/hunter2\n").unwrap();
    let text = format!(
        "[[portal]]\nclient_keys = \"refuse\"\n[budget]\nrelease = \"09:05\"\ncontact = \"Bureau de la donnée, poste 12\"\nwebhook_file = {:?}\n",
        webhook.display().to_string()
    );
    let config = load(&text, [], Overrides::default()).unwrap();
    assert_eq!(config.portals[0].client_keys, ClientKeys::Refuse);
    assert_eq!(config.budget.release, Duration::from_secs(9 * 3600 + 5 * 60));
    assert_eq!(config.budget.contact.as_deref(), Some("Bureau de la donnée, poste 12"));
    assert_eq!(config.budget.webhook.as_ref().map(Secret::expose), Some("https://hooks.example/hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
    std::fs::write(&webhook, "hunter2\n").unwrap();
    let refused = load(&text, [], Overrides::default()).unwrap_err();
    assert!(refused.len() == 1 && refused[0].contains("webhook:1: budget.webhook_file: this line") && !refused[0].contains("hunter2"));
    for (text, part) in [
        ("[budget]\nrelease = \"23:30\"\n", "\"23:30\" is too late"),
        ("[budget]\nrelease = \"9:00\"\n", "\"9:00\" is not a time of day"),
        ("[budget]\nrelease = 17\n", "17 is not a text"),
        ("[budget]\nrelease = \"24:00\"\n", "\"24:00\" is not a time of day"),
        ("[budget]\ncontact = \"a\\nb\"\n", "is no short line"),
        ("[budget]\nwebhook = \"https://x\"\n", "write budget.webhook_file"),
        ("[[portal]]\nclient_keys = \"drop\"\n", "\"drop\" says not what becomes of a key"),
    ] {
        assert!(faults(text)[0].contains(part), "{part}: {:#?}", faults(text));
    }
    assert!(load("[budget]\nrelease = \"23:29\"\n", [], Overrides::default()).is_ok());
}
