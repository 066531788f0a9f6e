//! The whole configuration out of the control API and in again.

use std::process::Command;

use crate::support::{SECRET, Stand, WRITE_KEY, free_port};

const TOKEN: &str = "sp_the_token_of_this_test";

/// With the secrets where the exported file says.
fn with_secrets(command: &mut Command) -> &mut Command {
    command.env("SHOP_WRITE_KEY", WRITE_KEY).env("SHOP_RECEIVER_SHARED_SECRET", SECRET)
}

#[tokio::test]
async fn what_is_exported_holds_no_secret_and_applied_it_changes_nothing() {
    let database = signalpost_testkit::postgres().await;
    let stand = Stand::new(&database.url);
    stand.apply(&[
        (
            "orders",
            "type = \"track\"",
            "{ url = 'https://receiver.example/', data = { b = 'b', a = { '@path' = '$.event' } } }",
        ),
        ("people", "type = \"identify\"", "{ url = 'https://receiver.example/p' }"),
    ]);
    let listen = format!("127.0.0.1:{}", free_port());
    let settings = [("SIGNALPOST_ADMIN__LISTEN", listen.as_str()), ("SIGNALPOST_ADMIN__TOKEN", TOKEN)];
    let _process = stand.start_with("admin", &settings).await;
    let server = format!("http://{listen}");
    let output =
        stand.command(&["export", "--server", &server, "--token", TOKEN]).output().expect("it starts");
    let exported = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!exported.contains(SECRET) && !exported.contains(WRITE_KEY), "{exported}");
    std::fs::write(stand.folder.path().join("exported.toml"), &exported).expect("it is written");
    let output =
        with_secrets(&mut stand.command(&["apply", "--file", "exported.toml", "--prune", "--dry-run"]))
            .output()
            .expect("it starts");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("nothing to change"), "{said}\n{exported}");
}
