//! `config`: whether the settings can be used, and where each comes from.

use serde_json::{Value, json};
use signalpost_dispatcher::transport::Proxies;
use signalpost_grpc::tls;

use crate::cli::{ConfigCommand, SettingsArgs};
use crate::config::{Settings, Shown};
use crate::exit::{Failure, Status};
use crate::output::table::{self, Cell};
use crate::{output, process, telemetry};

/// What was found.
struct Findings {
    mistakes: Vec<String>,
    remarks: Vec<String>,
}

pub(crate) fn run(args: &SettingsArgs, command: &ConfigCommand, is_json: bool) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check => check(args, is_json),
        ConfigCommand::Show => show(args, is_json),
    }
}

fn check(args: &SettingsArgs, is_json: bool) -> anyhow::Result<()> {
    let (settings, mistakes) = Settings::examine(args)?;
    let findings = examine(&settings, mistakes);
    let Findings { mistakes, remarks } = &findings;
    if is_json {
        output::document(&json!({ "usable": mistakes.is_empty(), "mistakes": mistakes, "remarks": remarks }));
    } else {
        for remark in remarks {
            output::aside(format_args!("warning: {remark}"));
        }
        for mistake in mistakes {
            output::aside(format_args!("error: {mistake}"));
        }
    }
    if !mistakes.is_empty() {
        return Err(Failure::shown(Status::Usage));
    }
    if !is_json {
        output::line("the settings can be used");
    }
    Ok(())
}

/// What only shows when a value is put to use: files, keys, certificates, addresses.
fn examine(settings: &Settings, mistakes: Vec<String>) -> Findings {
    let mut findings = Findings { mistakes, remarks: Vec::new() };
    findings.note(telemetry::filter(&settings.log));
    findings.note(process::sealing_keys(settings));
    if settings.database.url.is_some() {
        findings.note(process::check_database(settings));
    } else {
        findings.remarks.push("database.url is not set, and every process needs it".to_owned());
    }
    let dispatcher = &settings.dispatcher;
    findings.note(Proxies::new(&dispatcher.proxy, &dispatcher.proxy_variables).map_err(Into::into));
    for (section, tls) in [("ingest", &settings.ingest.tls), ("admin", &settings.admin.tls)] {
        match tls.as_ref().map(tls::Server::load) {
            None => {}
            Some(Ok(server)) => {
                findings.remarks.extend(server.remarks().iter().map(|remark| format!("{section}.{remark}")));
            }
            Some(Err(error)) => findings.mistakes.push(format!("{section}.{error}")),
        }
    }
    findings.mistakes.extend(same_addresses(settings));
    findings
}

/// Two that listen on one address; the second could not.
fn same_addresses(settings: &Settings) -> Vec<String> {
    let all = [
        ("grpc.listen", settings.grpc.listen),
        ("http.listen", settings.http.listen),
        ("admin.listen", settings.admin.listen),
    ];
    let clash = |(index, (name, address)): (usize, &(&str, std::net::SocketAddr))| {
        let (other, _) = all[..index].iter().find(|(_, other)| other == address && address.port() != 0)?;
        Some(format!("{name} = {address}: {other} is the same address"))
    };
    all.iter().enumerate().filter_map(clash).collect()
}

impl Findings {
    fn note<T>(&mut self, result: anyhow::Result<T>) {
        if let Err(error) = result {
            self.mistakes.push(format!("{error:#}"));
        }
    }
}

fn show(args: &SettingsArgs, is_json: bool) -> anyhow::Result<()> {
    let all = Settings::shown(args)?;
    if is_json {
        let all: Vec<Value> = all
            .iter()
            .map(|Shown { key, value, origin }| json!({ "setting": key, "value": value, "origin": origin }))
            .collect();
        output::document(&Value::from(all));
        return Ok(());
    }
    let row = |Shown { key, value, origin }: &Shown| {
        let value = value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
        vec![Cell::new(key), Cell::new(value), Cell::new(origin)]
    };
    output::line(table::render(&["setting", "value", "from"], all.iter().map(row).collect()));
    Ok(())
}
