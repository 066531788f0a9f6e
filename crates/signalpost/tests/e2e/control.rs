//! What an operator watches and steers: attempts and lanes as they are, redrives, secrets, purges.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;
use signalpost_testkit::{Answer, eventually, postgres, receiver};

use crate::operated::{Operated, TOKEN, strings};
use crate::support::{SECRET, Stand, terminate, text};

const ORDERS: &str = "shop/warehouse/orders";

/// A command that prints an object a line until it is ended.
struct Streaming {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Streaming {
    fn start(operated: &Operated, arguments: &[&str]) -> Streaming {
        let mut command = operated.command(&[arguments, &["--json"]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let (told, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
        Streaming { child, lines }
    }

    /// The first object for which this holds.
    async fn until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            let told = self.lines.try_iter().map(|line| serde_json::from_str::<Value>(&line).expect("JSON"));
            told.into_iter().find(|value| holds(value))
        })
        .await
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn attempts_and_lanes_are_told_as_they_are_until_the_command_is_ended() {
    let (operated, receiver) = (Operated::new().await, receiver().await);
    let write_key = operated.configured();
    operated.mapping(ORDERS, &receiver.url("/orders"));
    receiver.script(|_| Answer::status(503));
    let attempts = Streaming::start(&operated, &["attempts", "--follow"]);
    let mut top = Streaming::start(&operated, &["top", "--every", "100ms"]);
    top.until("an idle lane is told", |now| now["lanes"][0]["mapping"] == ORDERS).await;
    operated.send(&write_key, &["m-1"]).await;
    // Whoever follows is told of attempts from then on: the receiver goes on failing until one is seen.
    let failed = eventually("the failure is followed", async || {
        operated.ask(&["retry", ORDERS]);
        attempts.lines.try_iter().next()
    })
    .await;
    let failed: Value = serde_json::from_str(&failed).unwrap();
    assert_eq!((&failed["mapping"], &failed["status"]), (&ORDERS.into(), &503.into()), "{failed}");
    top.until("the failure is among the last", |now| now["failures"][0]["status"] == 503).await;
    terminate(&top.child);
    eventually("top ends when told to", async || top.child.try_wait().unwrap()).await;
}

#[tokio::test]
async fn a_redrive_is_paused_paced_resumed_and_cancelled_and_the_rest_purged() {
    let (operated, receiver) = (Operated::new().await, receiver().await);
    let write_key = operated.configured();
    operated.mapping(ORDERS, &receiver.url("/orders"));
    receiver.script(|_| Answer::status(400));
    operated.send(&write_key, &["m-1", "m-2", "m-3"]).await;
    eventually("all are given up", async || {
        let dead = operated.ask(&["dead", "list", ORDERS])["dead_letters"].clone();
        (dead.as_array()?.len() == 3).then_some(())
    })
    .await;

    // So slow that it cannot end by itself while this test looks.
    let made = operated.ask(&["redrive", ORDERS, "--rate", "0.001", "--detach"]);
    let id = made["id"].to_string();
    assert_eq!(operated.ask(&["redrive", "pause", &id])["state"], "paused");
    assert_eq!(operated.ask(&["redrive", "pace", &id, "0.002"])["events_per_second"], 0.002);
    assert_eq!(operated.ask(&["redrive", "resume", &id])["state"], "running");
    let live = operated.ask(&["redrive", "list", "--live"])["redrives"].clone();
    assert_eq!(live.as_array().unwrap().len(), 1, "{live}");
    assert_eq!(operated.ask(&["redrive", "cancel", &id])["state"], "cancelled");
    assert!(operated.ask(&["redrive", "list", "--live"])["redrives"].as_array().unwrap().is_empty());
    let (status, said) = operated.refused(&["redrive", "resume", &id], &[]);
    assert_eq!(status, Some(1), "{said}");

    let planned = operated.ask(&["purge", ORDERS, "dead", "--dry-run"]);
    let (status, said) = operated.refused(&["purge", ORDERS, "dead", "--confirm", "shop/warehouse"], &[]);
    assert_eq!(status, Some(64), "{said}");
    let purged = operated.ask(&["purge", ORDERS, "dead", "--confirm", ORDERS]);
    assert_eq!((&purged["events"], &purged["dry_run"]), (&planned["events"], &false.into()));
    assert!(operated.ask(&["dead", "list", ORDERS])["dead_letters"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn secrets_are_rotated_with_an_overlap_and_sealed_anew_without_a_server() {
    let operated = Operated::new().await;
    operated.configured();
    let rotated = operated.ask(&["destinations", "rotate-secret", "shop/warehouse"]);
    assert!(rotated["secret"].as_str().is_some_and(|secret| secret.len() > 30), "{rotated}");
    let purposes = |destination: &Value| strings(&destination["secrets"], "purpose").len();
    assert_eq!(purposes(&rotated["destination"]), 2);
    let finished = operated.ask(&["destinations", "rotate-secret", "shop/warehouse", "--finish"]);
    assert_eq!(purposes(&finished["destination"]), 1);

    let keys = format!("next:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=,{}", crate::support::SEALING_KEY);
    let rotate = || {
        let mut command = operated.stand.command(&["keys", "rotate", "--json"]);
        let output = command.env("SIGNALPOST_SECRETS__SEALING_KEYS", &keys).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let told = |resealed: u32, current: u32| serde_json::json!({ "resealed": resealed, "current": current, "sealing_key": "next" });
    assert_eq!(rotate(), told(1, 0));
    assert_eq!(rotate(), told(0, 1));
    let mut without = operated.stand.command(&["keys", "rotate"]);
    let output = without.env_remove("SIGNALPOST_SECRETS__SEALING_KEYS").output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", text(&output));
    assert!(text(&output).contains("set secrets.sealing_keys"), "{}", text(&output));
}

#[tokio::test]
async fn a_process_that_logs_everything_logs_no_secret_while_it_is_configured() {
    let mut stand = Stand::new(&postgres().await.url);
    stand.variables.push(("SIGNALPOST_LOG__LEVEL", "trace".to_owned()));
    let operated = Operated::at(stand, "http://127.0.0.1", &[]).await;
    let write_key = operated.configured();
    let token = operated.ask(&["tokens", "create", "eve", "--role", "viewer"])["secret"].clone();
    let made = operated.ask(&["destinations", "rotate-secret", "shop/warehouse"])["secret"].clone();
    let wrong = [("SIGNALPOST_ADMIN_TOKEN", "a-wrong-token-of-someone")];
    operated.refused(&["sources", "list"], &wrong);
    operated.ask(&["keys", "rotate"]);
    let log = operated.process.log();
    assert!(log.contains("DEBUG") && log.contains("TRACE"), "it logs everything: {log:.1000}");
    let sealing_key = crate::support::SEALING_KEY.split_once(':').unwrap().1;
    let told = [token.as_str().unwrap(), made.as_str().unwrap(), write_key.as_str()];
    for secret in [TOKEN, SECRET, wrong[0].1, sealing_key].into_iter().chain(told) {
        assert!(!log.contains(secret), "the secret that begins with {secret:.4} is in the log");
    }
}
