//! docs/tutorial.md, followed word for word by somebody who has nothing but the program, Python and the page.

use std::path::Path;

use crate::clients;
use crate::page::Page;
use crate::support::free_port;
use crate::walk::Walk;

/// The ports that the page names; here they may be taken.
const PORTS: [&str; 4] = ["4650", "4651", "4654", "8080"];

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_does_what_it_says() {
    let folder = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    let packages = tokio::task::spawn_blocking(clients::python_packages).await.expect("no panic");
    let program = Path::new(env!("CARGO_BIN_EXE_signalpost")).parent().expect("a folder").display();
    let mut page = include_str!("../../../../docs/tutorial.md").to_owned();
    let free = PORTS.map(|_| free_port().to_string());
    for (port, free) in PORTS.iter().zip(&free) {
        page = page.replace(port, free);
    }
    let [grpc, http, admin, _] = &free;
    std::os::unix::fs::symlink(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto"),
        folder.path().join("proto"),
    )
    .unwrap();
    let environment = vec![
        ("PROGRAMS", program.to_string()),
        ("PYTHONPATH", packages.display().to_string()),
        ("SIGNALPOST_GRPC__LISTEN", format!("127.0.0.1:{grpc}")),
        ("SIGNALPOST_HTTP__LISTEN", format!("127.0.0.1:{http}")),
        ("SIGNALPOST_ADMIN__LISTEN", format!("127.0.0.1:{admin}")),
        ("SIGNALPOST_SERVER", format!("http://127.0.0.1:{admin}")),
    ];
    Walk::new(folder.path(), environment).follow(Page::read(&page)).await;
}
