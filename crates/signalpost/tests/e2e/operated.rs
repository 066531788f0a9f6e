//! A server that answers operators, and the commands that ask it.

use std::process::{Command, Output};

use serde_json::Value;
use signalpost_testkit::{event, postgres};

use crate::support::{Process, SECRET, Stand, finished, text};

pub(crate) const TOKEN: &str = "root-token-of-these-tests";

/// A stand whose server answers operators.
pub(crate) struct Operated {
    pub(crate) stand: Stand,
    pub(crate) server: String,
    pub(crate) process: Process,
}

impl Operated {
    pub(crate) async fn new() -> Operated {
        Operated::at(Stand::new(&postgres().await.url), "http://127.0.0.1", &[]).await
    }

    /// One whose server has further settings; clients know it by this scheme and name.
    pub(crate) async fn at(stand: Stand, name: &str, settings: &[(&str, &str)]) -> Operated {
        stand.run(&["migrate"]);
        let port = crate::support::free_port();
        let address = format!("127.0.0.1:{port}");
        let usual = [("SIGNALPOST_ADMIN__LISTEN", address.as_str()), ("SIGNALPOST_ADMIN__TOKEN", TOKEN)];
        let process = stand.start_with("serve", &[&usual, settings].concat()).await;
        Operated { stand, server: format!("{name}:{port}"), process }
    }

    /// A command that asks the server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stand.command(arguments);
        command.env("SIGNALPOST_SERVER", &self.server).env("SIGNALPOST_ADMIN_TOKEN", TOKEN);
        command
    }

    pub(crate) fn output(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command(arguments).envs(variables.iter().copied()).output().expect("it starts")
    }

    /// What a command that must end well tells programs.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Value {
        let output = self.output(&[arguments, &["--json"]].concat(), &[("WAREHOUSE_SECRET", SECRET)]);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)))
    }

    /// The status and the words of a command that must fail.
    pub(crate) fn refused(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
        let output = self.output(arguments, variables);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output));
        (output.status.code(), text(&output))
    }

    pub(crate) fn file(&self, name: &str, content: &str) {
        std::fs::write(self.stand.folder.path().join(name), content).expect("it is written");
    }

    /// A source with one destination that may reach the test's receiver; gives the source's write key.
    pub(crate) fn configured(&self) -> String {
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
    pub(crate) fn mapping(&self, name: &str, url: &str) -> Value {
        self.file("fields.json", &format!("{{\"url\": \"{url}\"}}"));
        self.ask(&["mappings", "create", name, "--trigger", "type = \"track\"", "--fields", "fields.json"])
    }

    pub(crate) async fn send(&self, write_key: &str, ids: &[&str]) {
        let events: Vec<String> = ids.iter().map(|id| event::order(id, 1).json()).collect();
        finished(self.stand.send(&events, &["--write-key", write_key])).await;
    }
}

pub(crate) fn strings<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().expect("a list").iter().filter_map(|item| item[key].as_str()).collect()
}
