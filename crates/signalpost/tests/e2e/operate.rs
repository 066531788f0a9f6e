//! A server that is configured and operated from the command line, as an operator does it.

use std::process::Output;

use serde_json::Value;
use signalpost_testkit::{event, postgres, receiver};

use crate::support::{Process, SECRET, Stand, finished, text};

const TOKEN: &str = "root-token-of-these-tests";

/// A stand whose server answers operators.
struct Operated {
    stand: Stand,
    server: String,
    process: Process,
}

impl Operated {
    async fn new() -> Operated {
        let stand = Stand::new(&postgres().await.url);
        stand.run(&["migrate"]);
        let address = format!("127.0.0.1:{}", crate::support::free_port());
        let settings = [("SIGNALPOST_ADMIN__LISTEN", address.as_str()), ("SIGNALPOST_ADMIN__TOKEN", TOKEN)];
        let process = stand.start_with("serve", &settings).await;
        Operated { stand, server: format!("http://{address}"), process }
    }

    fn output(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = self.stand.command(arguments);
        command.env("SIGNALPOST_SERVER", &self.server).env("SIGNALPOST_ADMIN_TOKEN", TOKEN);
        command.envs(variables.iter().copied());
        command.output().expect("it starts")
    }

    /// What a command that must end well tells programs.
    fn ask(&self, arguments: &[&str]) -> Value {
        let output = self.output(&[arguments, &["--json"]].concat(), &[("WAREHOUSE_SECRET", SECRET)]);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)))
    }

    /// The status and the words of a command that must fail.
    fn refused(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
        let output = self.output(arguments, variables);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output));
        (output.status.code(), text(&output))
    }

    fn file(&self, name: &str, content: &str) {
        std::fs::write(self.stand.folder.path().join(name), content).expect("it is written");
    }

    /// A source with one destination that may reach the test's receiver; gives the source's write key.
    fn configured(&self) -> String {
        self.ask(&["sources", "create", "shop"]);
        let made = self.ask(&["keys", "create", "shop"]);
        self.ask(&[
            "destinations",
            "create",
            "shop/warehouse",
            "--shared-secret",
            "env:WAREHOUSE_SECRET",
            "--delivery",
            "allow=[\"127.0.0.0/8\"]",
            "--delivery",
            "batch_wait=50ms",
        ]);
        made["key"].as_str().expect("a key").to_owned()
    }

    /// Makes a mapping of all tracks to this address.
    fn mapping(&self, name: &str, url: &str) -> Value {
        self.file("fields.json", &format!("{{\"url\": \"{url}\"}}"));
        self.ask(&["mappings", "create", name, "--trigger", "type = \"track\"", "--fields", "fields.json"])
    }

    async fn send(&self, write_key: &str, ids: &[&str]) {
        let events: Vec<String> = ids.iter().map(|id| event::order(id, 1).json()).collect();
        finished(self.stand.send(&events, &["--write-key", write_key])).await;
    }
}

fn strings<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().expect("a list").iter().filter_map(|item| item[key].as_str()).collect()
}

#[tokio::test]
async fn what_is_configured_from_the_command_line_delivers() {
    let (operated, receiver) = (Operated::new().await, receiver().await);
    let write_key = operated.configured();
    operated.mapping("shop/warehouse/orders", &receiver.url("/orders"));
    operated.send(&write_key, &["m-1"]).await;
    assert_eq!(receiver.wait_for(1).await[0].uri.path(), "/orders");

    let shown = operated.ask(&["destinations", "show", "shop/warehouse"]);
    assert_eq!(shown["delivery"]["batch_wait"], "50ms");
    assert!(!shown.to_string().contains(SECRET), "{shown}");
    let changed =
        operated.ask(&["destinations", "update", "shop/warehouse", "--delivery", "retry.max_attempts=7"]);
    assert_eq!(
        (&changed["delivery"]["retry"]["max_attempts"], &changed["delivery"]["batch_wait"]),
        (&7.into(), &"50ms".into())
    );
    assert_eq!(
        strings(&operated.ask(&["mappings", "list", "shop"])["mappings"], "name"),
        ["shop/warehouse/orders"]
    );
    let listed = operated.output(&["sources", "list"], &[]);
    assert!(
        text(&listed).starts_with("source  write keys  made (UTC)\nshop             1  "),
        "{}",
        text(&listed)
    );
}

#[tokio::test]
async fn a_changed_mapping_can_be_compared_and_restored() {
    let operated = Operated::new().await;
    operated.configured();
    let name = "shop/warehouse/orders";
    let made = operated.mapping(name, "https://warehouse.example.com/orders");
    let change = ["mappings", "update", name, "--trigger", "event = \"Order Completed\""];
    let shown = text(&operated.output(&change, &[]));
    assert!(shown.contains("- type = \"track\"\n+ event = \"Order Completed\""), "{shown}");
    let shown = text(&operated.output(&["mappings", "diff", name], &[]));
    assert!(shown.contains("- type = \"track\"\n+ event = \"Order Completed\""), "{shown}");
    let first = made["version"].to_string();
    let restored = operated.ask(&["mappings", "restore", name, &first]);
    assert_eq!(restored["trigger"], "type = \"track\"");
    assert!(operated.ask(&["mappings", "versions", name])["versions"].as_array().unwrap().len() >= 3);
    let audit = operated.ask(&["audit"]);
    let entries = audit["entries"].as_array().unwrap();
    assert!(
        entries.iter().any(|entry| entry["actor"] == "token root" && entry["action"] == "mapping.update"),
        "{audit}"
    );
    assert!(!audit.to_string().contains(SECRET));
}

#[tokio::test]
async fn a_wrong_token_role_or_port_says_what_to_do() {
    let operated = Operated::new().await;
    let (status, said) =
        operated.refused(&["sources", "list"], &[("SIGNALPOST_ADMIN_TOKEN", "wrong-token-of-someone")]);
    assert_eq!(status, Some(77), "{said}");
    assert!(
        said.contains("does not accept this token (SIGNALPOST_ADMIN_TOKEN)") && !said.contains("wrong-token"),
        "{said}"
    );

    let made = operated.ask(&["tokens", "create", "eve", "--role", "viewer"]);
    let viewer = [("SIGNALPOST_ADMIN_TOKEN", made["secret"].as_str().unwrap())];
    let (status, said) = operated.refused(&["sources", "create", "shop"], &viewer);
    assert_eq!(status, Some(77), "{said}");
    assert!(said.contains("may not do that"), "{said}");

    let ingest = operated.stand.grpc_url();
    let probes = operated.process.http_url();
    for (server, says) in [
        (ingest.as_str(), "is not the control API"),
        (probes.as_str(), "is not the control API"),
        (&ingest.replace("http:", "https:"), "does not speak TLS: use http://"),
        ("http://127.0.0.1:1", "does not answer"),
    ] {
        let (status, said) = operated.refused(&["queue", "--server", server], &[]);
        assert_eq!(status, Some(69), "{said}");
        assert!(said.contains(says), "{server}: {said}");
    }
    let (status, said) = operated.refused(&["sources", "show", "nobody"], &[]);
    assert_eq!(status, Some(1), "{said}");
}
