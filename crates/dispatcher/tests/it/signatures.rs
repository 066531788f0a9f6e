//! Signatures as receivers check them: those of both secrets of a rotation, and Standard Webhooks, in Node and Python.

use std::io::Write as _;
use std::process::{Command, Stdio};

use signalpost_core::secret::Secret;
use signalpost_core::signature::Signer;
use signalpost_storage::Secrets;
use signalpost_testkit::{Recorded, receiver};

use crate::support::{SECRET, Setup};

const PREVIOUS: &str = "the secret before";
const WEBHOOK: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const WEBHOOK_PREVIOUS: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// A request of a destination that changes both of its secrets; its text is beyond ASCII.
async fn request() -> Recorded {
    let receiver = receiver().await;
    let secrets = Secrets {
        client_key: None,
        previous_shared_secret: Some(Secret::new(PREVIOUS)),
        webhook_secret: Some(Secret::new(WEBHOOK)),
        previous_webhook_secret: Some(Secret::new(WEBHOOK_PREVIOUS)),
    };
    let world = Setup { secrets, ..Setup::to(&receiver.url("/"), true) }.start().await;
    world.queue_text(0, 2, r#"[{"n":1,"price":1e+21},{"n":"ünï \" \n"}]"#.to_owned(), None).await;
    let dispatcher = world.dispatcher();
    world.empty().await;
    dispatcher.stop().await;
    receiver.requests().remove(0)
}

/// Runs a receiver's check: it gets the body on standard input and the headers as arguments, and prints what holds.
fn check(program: &str, flag: &str, script: &str, request: &Recorded) -> Option<String> {
    let header = |name| request.header(name).unwrap().to_owned();
    let names =
        ["x-signature", "x-signature-previous", "webhook-id", "webhook-timestamp", "webhook-signature"];
    let mut command = Command::new(program);
    command.args([flag, script, SECRET, PREVIOUS, WEBHOOK, WEBHOOK_PREVIOUS]).args(names.map(header));
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    // Where it is not installed there is nothing to check with.
    let mut child = child.ok()?;
    child.stdin.take().unwrap().write_all(&request.body).unwrap();
    let output = child.wait_with_output().unwrap();
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[tokio::test]
async fn during_a_rotation_each_secret_has_its_signature() {
    let request = request().await;
    for (secret, header) in [(SECRET, "x-signature"), (PREVIOUS, "x-signature-previous")] {
        let signer = Signer::new(&Secret::new(secret));
        assert!(signer.verify(&request.body, request.header(header).unwrap()), "{header}");
    }
    assert_eq!(request.header("webhook-id"), request.header("x-signalpost-batch-id"));
    assert_eq!(request.header("webhook-signature").unwrap().split(' ').count(), 2);
}

#[tokio::test]
async fn a_receiver_in_node_verifies_every_signature() {
    let script = r#"
const { createHmac } = require("node:crypto");
const [secret, previous, webhook, webhookPrevious, sig, sigPrevious, id, timestamp, signatures] = process.argv.slice(1);
const body = require("node:fs").readFileSync(0);
const legacy = (key, bytes) => createHmac("sha1", key).update(bytes).digest("hex");
const standard = (key) => "v1," + createHmac("sha256", Buffer.from(key.slice(6), "base64"))
  .update(`${id}.${timestamp}.`).update(body).digest("base64");
const parsed = Buffer.from(JSON.stringify(JSON.parse(body)));
console.log([
  legacy(secret, body) === sig, legacy(previous, body) === sigPrevious, legacy(secret, parsed) === sig,
  signatures.split(" ").includes(standard(webhook)), signatures.split(" ").includes(standard(webhookPrevious)),
  Math.abs(Date.now() / 1000 - Number(timestamp)) < 300,
].join(" "));"#;
    if let Some(told) = check("node", "-e", script, &request().await) {
        assert_eq!(told, "true true true true true true");
    }
}

#[tokio::test]
async fn a_receiver_in_python_verifies_every_signature() {
    let script = r#"
import base64, hashlib, hmac, sys, time
secret, previous, webhook, webhook_previous, sig, sig_previous, id, timestamp, signatures = sys.argv[1:]
body = sys.stdin.buffer.read()
legacy = lambda key: hmac.new(key.encode(), body, hashlib.sha1).hexdigest()
def standard(key):
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(base64.b64decode(key[6:]), signed, hashlib.sha256).digest()).decode()
print(legacy(secret) == sig, legacy(previous) == sig_previous, standard(webhook) in signatures.split(" "),
      standard(webhook_previous) in signatures.split(" "), abs(time.time() - int(timestamp)) < 300)"#;
    if let Some(told) = check("python3", "-c", script, &request().await) {
        assert_eq!(told, "True True True True True");
    }
}
