//! The receiver's side in JavaScript, as the documentation of that destination shows it.

use std::io::Write;
use std::process::{Command, Stdio};

use signalpost_testkit::{postgres, receiver};

use crate::support::{SECRET, Stand, finished};

/// One line in: `{"body": …, "signature": …}`; one line out: whether it verifies.
const RECEIVER: &str = r"
const { createHmac } = require('crypto')
const secret = process.argv[1]
for (const line of require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const { body, signature } = JSON.parse(line)
  const digest = createHmac('sha1', secret).update(JSON.stringify(JSON.parse(body))).digest('hex')
  console.log(digest === signature)
}
";

const NASTY: [&str; 9] = [
    r#"{"a":1.0,"b":-0.0,"c":0.10,"d":100e-2}"#,
    r#"{"a":1e21,"b":1E+21,"c":123456789012345680000,"d":1e-7,"e":0.000001}"#,
    r#"{"a":9007199254740993,"b":1.7976931348623157e308,"c":5e-324}"#,
    r#"{"b":1,"10":2,"9":3,"a":4,"01":5,"-1":6,"4294967295":7,"4294967294":8}"#,
    r#"{"a":"\u0041\/\b\f\u000b\u2028\u2029\u007f\"\\"}"#,
    r#"{"a":"emoji 🚀☂️ é \ud83d\ude80","b":"\u00e9"}"#,
    r#"{"a":[],"b":{},"c":[[{}]],"d":null,"e":[null,true,false]}"#,
    r#"{ "a" : [ 1 , 2 ] , "a" : "twice" }"#,
    r#"{"__proto__":1,"constructor":2,"":3,"toString":4}"#,
];

#[tokio::test]
async fn node_verifies_every_request() {
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("there is no node here: not checked");
        return;
    }
    let (stand, receiver) = (Stand::new(&postgres().await.url), receiver().await);
    let to = |path: &str, batching: bool| {
        format!("{{ url = '{}', enable_batching = {batching} }}", receiver.url(path))
    };
    let trigger = r#"type = "track""#;
    let part = format!(
        "{{ url = '{}', data = {{ nested = {{ \"@path\" = \"$.properties\" }} }} }}",
        receiver.url("/part")
    );
    stand.apply(&[
        ("single", trigger, &to("/single", false)),
        ("batch", trigger, &to("/batch", true)),
        ("part", trigger, &part),
    ]);
    let _process = stand.start("serve").await;
    let event = |properties: &&str| {
        format!(r#"{{"type":"track","event":"Nasty","userId":"u","properties":{properties}}}"#)
    };
    let events: Vec<String> = NASTY.iter().map(event).collect();
    finished(stand.send(&events, &[])).await;
    receiver.wait_for_events(3 * NASTY.len()).await;

    let requests = receiver.requests();
    let mut node = Command::new("node")
        .args(["-e", RECEIVER, SECRET])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = node.stdin.take().unwrap();
    for request in &requests {
        let body = std::str::from_utf8(&request.body).unwrap();
        let line = serde_json::json!({ "body": body, "signature": request.header("x-signature") });
        writeln!(lines, "{line}").unwrap();
    }
    drop(lines);
    let output = node.wait_with_output().unwrap();
    let verdicts = String::from_utf8(output.stdout).unwrap();
    for (verdict, request) in verdicts.lines().zip(&requests) {
        assert_eq!(verdict, "true", "{:?}", request.body);
    }
    assert_eq!(verdicts.lines().count(), requests.len());
}
