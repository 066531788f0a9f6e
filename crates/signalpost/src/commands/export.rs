//! `export`: what is configured, as a destinations file that `apply` takes once the secrets are put in.

use anyhow::Context;
use serde_json::Value;
use signalpost_proto::v1::ExportRequest;

use crate::cli::Export;
use crate::control::Control;
use crate::output;

pub(crate) async fn run(args: &Export, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    let request = ExportRequest { source: args.source.clone().unwrap_or_default() };
    let text = control.answer(control.client().export(request).await).await?.destinations_toml;
    if is_json {
        // The same file in another form: `apply` takes JSON too.
        let file: Value = toml::from_str(&text).context("the server's file is not TOML")?;
        output::document(&file);
    } else {
        output::line(text.trim_end());
    }
    Ok(())
}
