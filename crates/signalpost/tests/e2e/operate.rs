//! A server that is configured and operated from the command line, as an operator does it.

use std::process::Stdio;

use signalpost_testkit::{Answer, eventually, receiver};

use crate::operated::{Operated, strings};
use crate::support::{SECRET, text};

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

#[tokio::test]
async fn a_receiver_that_breaks_is_found_mended_and_its_events_redriven() {
    let (operated, receiver) = (Operated::new().await, receiver().await);
    let write_key = operated.configured();
    let (orders, copies) = ("shop/warehouse/orders", "shop/warehouse/copies");
    operated.mapping(orders, &receiver.url("/orders"));
    operated.mapping(copies, &receiver.url("/copies"));
    let fail_with = |status: u16| {
        receiver.script(move |request| {
            Answer::status(if request.uri.path() == "/orders" { status } else { 200 })
        });
    };
    let lane = |state: &'static str| {
        let operated = &operated;
        async move || {
            let lanes = operated.ask(&["queue", "--troubled"])["lanes"].clone();
            let lane = lanes.as_array()?.iter().find(|lane| lane["mapping"] == orders)?.clone();
            (lane[state].as_i64()? > 0).then_some(lane)
        }
    };

    fail_with(503);
    operated.send(&write_key, &["m-1"]).await;
    let troubled = eventually("the lane is troubled", lane("events")).await;
    assert_ne!(troubled["state"], "delivering", "{troubled}");
    let failures = eventually("the failure is in the log", async || {
        let failures = operated.ask(&["attempts", orders, "--failures"])["attempts"].clone();
        (!failures.as_array()?.is_empty()).then_some(failures)
    })
    .await;
    assert_eq!((&failures[0]["status"], &failures[0]["outcome"]), (&503.into(), &"retryable".into()));
    let explained = operated.ask(&["explain", "m-1", "--source", "shop"]);
    let fate = explained["explanations"].as_array().unwrap().iter().find(|one| one["mapping"] == orders);
    assert_eq!(fate.unwrap()["fate"], "queued", "{explained}");

    fail_with(200);
    operated.ask(&["retry", "shop/warehouse"]);
    eventually("it arrives", async || {
        let arrived = receiver.requests().into_iter().filter(|request| request.uri.path() == "/orders");
        (arrived.count() > 1).then_some(())
    })
    .await;

    fail_with(400);
    operated.send(&write_key, &["m-2"]).await;
    eventually("it is given up", lane("dead_events")).await;
    let dead = operated.ask(&["dead", "list", orders])["dead_letters"].clone();
    let position = dead[0]["position"].as_str().unwrap().to_owned();
    let shown = operated.ask(&["dead", "show", orders, &position]);
    assert!(shown["payload"].to_string().contains("m-2") && shown["reason"] == "rejected", "{shown}");
    let planned = operated.ask(&["redrive", orders, "--position", "-4096", "--dry-run"]);
    assert_eq!((&planned["filter"]["position"], &planned["events_matched"]), (&"-4096".into(), &0.into()));
    let planned = operated.ask(&["redrive", orders, "--dry-run"]);
    assert_eq!(planned["events_matched"], 1, "{planned}");
    fail_with(200);
    let redriven = operated.ask(&["redrive", orders]);
    assert_eq!((&redriven["state"], &redriven["events_redriven"]), (&"done".into(), &1.into()));
    eventually("no lane is troubled", async || {
        let lanes = operated.ask(&["queue", "--troubled"])["lanes"].clone();
        lanes.as_array()?.is_empty().then_some(())
    })
    .await;
    let (status, said) = operated.refused(&["purge", orders, "dead"], &[]);
    assert_eq!(status, Some(64), "{said}");
    assert!(said.contains("--confirm shop/warehouse/orders"), "{said}");
    let (status, said) = operated.refused(&["top"], &[]);
    assert!(status == Some(64) && said.contains("top draws on a terminal"), "{said}");
}

#[tokio::test]
async fn a_file_is_applied_and_exported_through_the_server() {
    let (operated, receiver) = (Operated::new().await, receiver().await);
    operated.file(
        "destinations.toml",
        &format!(
            "[[source]]\nname = 'shop'\nwrite_keys = ['a-key-of-the-file']\n[[source.destination]]\nname = 'warehouse'\n\
             shared_secret = '{SECRET}'\n[[source.destination.mapping]]\nname = 'orders'\ntrigger = 'type = \"track\"'\n\
             fields = {{ url = '{}' }}\n",
            receiver.url("/orders")
        ),
    );
    let applied = operated.ask(&["apply", "--file", "destinations.toml"]);
    assert_eq!(strings(&applied["changes"], "kind"), ["created"; 3], "{applied}");
    let again = operated.ask(&["apply", "--file", "destinations.toml"]);
    assert!(again["changes"].as_array().unwrap().is_empty(), "{again}");
    let exported = text(&operated.output(&["export"], &[]));
    assert!(exported.contains("[[source.destination.mapping]]") && !exported.contains(SECRET), "{exported}");
    let tested = operated.output(&["test", "shop/warehouse/orders"], &[]);
    // The receiver is on this machine, which no destination may reach unless it is allowed.
    assert_eq!(tested.status.code(), Some(1), "{}", text(&tested));
    assert!(text(&tested).contains("loopback"), "{}", text(&tested));
}

#[tokio::test]
async fn what_is_not_there_or_not_known_is_said_so() {
    let operated = Operated::new().await;
    let write_key = operated.configured();
    let refused = |arguments: &[&str], status: i32, says: &str| {
        let (found, said) = operated.refused(arguments, &[]);
        assert!(found == Some(status) && said.contains(says), "{arguments:?}: {found:?} {said}");
    };
    refused(&["mappings", "list", "shop/nope"], 1, "there is no destination shop/nope");
    refused(&["destinations", "list", "nope"], 1, "there is no source nope");
    let update = ["destinations", "update", "shop/warehouse", "--delivery"];
    refused(
        &[&update[..], &["timeot=5s"]].concat(),
        64,
        "--delivery timeot: there is no such setting; did you mean `timeout`?",
    );
    refused(
        &[&update[..], &["timeout=5"]].concat(),
        64,
        "--delivery timeout: invalid type: integer `5`, expected a duration, such as 5s",
    );
    refused(&["serve", "--json"], 64, "--json means nothing here");
    operated.mapping("shop/warehouse/orders", "https://warehouse.example.com");
    let redriven = operated.ask(&["redrive", "shop"]);
    assert!(redriven["id"].is_null() && redriven["events_matched"] == 0, "{redriven}");

    let mut export = operated.command(&["export"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut check = operated.command(&["apply", "--check", "--json", "--file", "-"]);
    check.env("SHOP_WRITE_KEY", &write_key).env("SHOP_WAREHOUSE_SHARED_SECRET", SECRET);
    let checked = check.stdin(export.stdout.take().unwrap()).output().unwrap();
    assert!(
        text(&checked).contains("\"can_be_applied\":true") && export.wait().unwrap().success(),
        "{}",
        text(&checked)
    );

    let send = |more: &[&str]| {
        operated.file("event.json", "{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\"}");
        let arguments = [&["send", "event.json", "--json"], more].concat();
        let output = operated.command(&arguments).output().unwrap();
        (output.status.code(), text(&output))
    };
    let (status, said) = send(&["--write-key", &write_key]);
    assert!(status == Some(0) && said.contains("\"accepted\":1"), "{said}");
    assert_eq!(send(&["--write-key", "a-wrong-key-of-someone"]).0, Some(77));
    let secure = operated.stand.grpc_url().replace("http:", "https:");
    let (status, said) = send(&["--write-key", &write_key, "--to", &secure]);
    assert!(status == Some(69) && said.contains("does not speak TLS: use http://"), "{said}");
}
