//! `destinations`: where the events of a source go.
//!
//! Invariant: a secret is read from where it was said to be, or made by the server and shown once; none is ever listed.

use anyhow::Context;
use serde_json::{Value, json};
use signalpost_core::delivery::Delivery;
use signalpost_proto::v1::{
    CreateDestinationRequest, DeleteDestinationRequest, Destination, GetDestinationRequest,
    ListDestinationsRequest, Numbers, RotateSecretRequest, SecretPurpose, SignatureMode,
    UpdateDestinationRequest,
};

use super::sources::gone;
use crate::cli::{
    CertificateArgs, CreateDestination, DeliveryArgs, DestinationName, Destinations, DestinationsCommand,
    NumbersChoice, RotateSecret, SecretChoice, SecretFrom, Setting, Signature, UpdateDestination,
};
use crate::confirm::confirm;
use crate::control::{Control, all};
use crate::destinations::part;
use crate::exit::Failure;
use crate::json;
use crate::listing::{Listing, facts};
use crate::nearest::nearest;
use crate::output::look::Look;
use crate::output::table::Cell;
use crate::output::{self};

const DESTINATIONS: Listing<Destination> = Listing {
    name: "destinations",
    item: json::destination,
    titles: &["destination", "", "signature", "secrets", "mappings", "version"],
    row,
    none: "there are no destinations there: `signalpost destinations create SOURCE/NAME`, or `signalpost apply`",
};

pub(crate) async fn run(args: &Destinations, is_json: bool) -> anyhow::Result<()> {
    // Before anything is asked of the server: a wrong flag should not have to wait for it.
    let secrets = Given::of(&args.command)?;
    let control = Control::connect(&args.connection).await?;
    match &args.command {
        DestinationsCommand::List { source, limit } => {
            let listed = all(limit.limit, async |page_size, page_token| {
                let source = source.clone().unwrap_or_default();
                let request = ListDestinationsRequest { source, page_size, page_token };
                let page = control.answer(control.client().list_destinations(request).await).await?;
                Ok((page.destinations, page.next_page_token))
            });
            DESTINATIONS.show(&listed.await?, is_json);
        }
        DestinationsCommand::Show(DestinationName { name }) => show(&get(&control, name).await?, is_json),
        DestinationsCommand::Create(args) => create(&control, args, secrets, is_json).await?,
        DestinationsCommand::Update(args) => update(&control, args, secrets, is_json).await?,
        DestinationsCommand::Delete { name: DestinationName { name }, confirm: given } => {
            confirm(given, name, &format!("this removes destination {name} and its mappings"))?;
            let request = DeleteDestinationRequest { name: name.clone() };
            control.answer(control.client().delete_destination(request).await).await?;
            gone("destination", name, is_json);
        }
        DestinationsCommand::Enable(names) => enable(&control, &names.names, true, is_json).await?,
        DestinationsCommand::Disable(names) => enable(&control, &names.names, false, is_json).await?,
        DestinationsCommand::RotateSecret(args) => rotate(&control, args, secrets, is_json).await?,
    }
    Ok(())
}

async fn get(control: &Control, name: &str) -> anyhow::Result<Destination> {
    let request = GetDestinationRequest { name: name.to_owned() };
    let answer = control.answer(control.client().get_destination(request).await).await?;
    answer.destination.context("the server told nothing about it")
}

/// The secrets that were given.
#[derive(Default)]
struct Given {
    /// The shared secret, or the one that replaces another.
    secret: Option<String>,
    webhook_secret: Option<String>,
    client_key: Option<String>,
}

impl Given {
    fn of(command: &DestinationsCommand) -> anyhow::Result<Given> {
        let read = |from: &Option<SecretFrom>| from.as_ref().map(SecretFrom::read).transpose();
        let key = |args: &DeliveryArgs| read(&args.certificates.client_key);
        Ok(match command {
            DestinationsCommand::Create(args) => Given {
                secret: read(&args.shared_secret)?,
                webhook_secret: read(&args.webhook_secret)?,
                client_key: key(&args.delivery)?,
            },
            DestinationsCommand::Update(args) => {
                Given { client_key: key(&args.delivery)?, ..Given::default() }
            }
            DestinationsCommand::RotateSecret(args) => {
                Given { secret: read(&args.secret)?, ..Given::default() }
            }
            _ => Given::default(),
        })
    }
}

async fn create(
    control: &Control,
    args: &CreateDestination,
    given: Given,
    is_json: bool,
) -> anyhow::Result<()> {
    let delivery = delivery(&args.delivery, || async { Ok(json!({})) }).await?;
    let request = CreateDestinationRequest {
        name: args.name.clone(),
        shared_secret: given.secret,
        webhook_secret: given.webhook_secret,
        client_key: given.client_key,
        signature: signature(&args.delivery).into(),
        numbers: numbers(&args.delivery).into(),
        delivery_json: delivery.map_or_else(String::new, |delivery| delivery.to_string()),
        enabled: args.disabled.then_some(false),
    };
    let made = control.answer(control.client().create_destination(request).await).await?;
    show(&made.destination.unwrap_or_default(), is_json);
    Ok(())
}

async fn update(
    control: &Control,
    args: &UpdateDestination,
    given: Given,
    is_json: bool,
) -> anyhow::Result<()> {
    let mut expected_version = args.expect;
    // Settings are changed one by one here and sent as a whole: nobody else may change them between.
    let now = async || {
        let now = get(control, &args.name).await?;
        if expected_version == 0 {
            expected_version = now.version;
        }
        serde_json::from_str(&now.delivery_json).context("the server's delivery settings are no JSON")
    };
    let delivery = delivery(&args.delivery, now).await?;
    let request = UpdateDestinationRequest {
        name: args.name.clone(),
        expected_version,
        new_name: args.rename.clone(),
        enabled: None,
        signature: signature(&args.delivery).into(),
        numbers: numbers(&args.delivery).into(),
        delivery_json: delivery.map(|delivery| delivery.to_string()),
        client_key: given.client_key,
    };
    let changed = control.answer(control.client().update_destination(request).await).await?;
    show(&changed.destination.unwrap_or_default(), is_json);
    Ok(())
}

/// The delivery settings as they should be: those of a file, or those there are, with single ones changed.
async fn delivery(
    args: &DeliveryArgs,
    now: impl AsyncFnOnce() -> anyhow::Result<Value>,
) -> anyhow::Result<Option<Value>> {
    let CertificateArgs { ca, client_certificate, .. } = &args.certificates;
    let pem = [("ca", ca), ("client_certificate", client_certificate)];
    let is_as_it_was = args.delivery.is_empty() && pem.iter().all(|(_, file)| file.is_none());
    let mut table = match &args.delivery_file {
        Some(file) => part::table(file)?,
        None if is_as_it_was => return Ok(None),
        None => now().await?,
    };
    for (key, file) in pem {
        if let Some(file) = file {
            let value = part::text(file)?.into();
            Setting { path: vec![key.to_owned()], value }.put(&mut table);
        }
    }
    for setting in &args.delivery {
        known(setting)?;
        setting.put(&mut table);
    }
    Ok(Some(table))
}

/// Whether there is such a setting, and whether it can have such a value.
fn known(setting: &Setting) -> anyhow::Result<()> {
    let mut alone = json!({});
    setting.put(&mut alone);
    let Err(error) = serde_json::from_value::<Delivery>(alone) else { return Ok(()) };
    let (name, text) = (setting.path.join("."), error.to_string());
    let wrong = if let Some((_, known)) =
        text.split_once("unknown field").and_then(|(_, rest)| rest.split_once("expected"))
    {
        let known = || known.split('`').skip(1).step_by(2);
        let last = setting.path.last().map_or("", String::as_str);
        let hint = nearest(last, known()).map_or_else(
            || format!("known here: {}", known().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        format!("--delivery {name}: there is no such setting; {hint}")
    } else if text.contains("expected a duration") {
        format!("--delivery {name}: {text}, such as 5s")
    } else {
        format!("--delivery {name}: {text}")
    };
    Err(Failure::usage(anyhow::anyhow!(wrong)))
}

fn signature(args: &DeliveryArgs) -> SignatureMode {
    match args.signature {
        None => SignatureMode::Unspecified,
        Some(Signature::Body) => SignatureMode::Body,
        Some(Signature::FirstEvent) => SignatureMode::FirstEvent,
    }
}

fn numbers(args: &DeliveryArgs) -> Numbers {
    match args.numbers {
        None => Numbers::Unspecified,
        Some(NumbersChoice::Ecmascript) => Numbers::Ecmascript,
        Some(NumbersChoice::Exact) => Numbers::Exact,
    }
}

async fn enable(control: &Control, names: &[String], enabled: bool, is_json: bool) -> anyhow::Result<()> {
    let mut changed = Vec::new();
    for name in names {
        let request =
            UpdateDestinationRequest { name: name.clone(), enabled: Some(enabled), ..Default::default() };
        let answer = control.answer(control.client().update_destination(request).await).await?;
        if is_json {
            changed.extend(answer.destination.as_ref().map(json::destination));
        } else {
            output::line(format_args!(
                "destination {name} is {}",
                if enabled { "enabled" } else { "disabled" }
            ));
        }
    }
    if is_json {
        output::document(&json!({ "destinations": changed }));
    }
    Ok(())
}

async fn rotate(control: &Control, args: &RotateSecret, given: Given, is_json: bool) -> anyhow::Result<()> {
    let purpose = match args.which {
        SecretChoice::Shared => SecretPurpose::SharedSecret,
        SecretChoice::Webhook => SecretPurpose::WebhookSecret,
    };
    let request = RotateSecretRequest {
        destination: args.name.clone(),
        purpose: purpose.into(),
        secret: given.secret.unwrap_or_default(),
        finish: args.finish,
    };
    let answer = control.answer(control.client().rotate_secret(request).await).await?;
    let destination = answer.destination.unwrap_or_default();
    if is_json {
        let secret = (!answer.secret.is_empty()).then_some(answer.secret);
        output::document(&json!({ "destination": json::destination(&destination), "secret": secret }));
        return Ok(());
    }
    let name = &args.name;
    if args.finish {
        output::line(format_args!("{name} signs with its new secret alone"));
        return Ok(());
    }
    let has_previous = destination.secrets.iter().any(|one| one.is_previous && one.purpose() == purpose);
    if has_previous {
        let which = if purpose == SecretPurpose::WebhookSecret { " --which webhook" } else { "" };
        output::aside(format_args!(
            "{name} signs with the new secret, and beside it with the one before. When the receiver knows the new one: \
             signalpost destinations rotate-secret {name}{which} --finish"
        ));
    } else {
        output::aside(format_args!("{name} signs with the new secret; there was none before"));
    }
    if !answer.secret.is_empty() {
        output::aside("the new secret; it cannot be shown again:");
        output::line(answer.secret);
    }
    Ok(())
}

fn secrets(destination: &Destination) -> String {
    let one = |secret: &signalpost_proto::v1::StoredSecret| {
        let previous = if secret.is_previous { "previous " } else { "" };
        format!("{previous}{}", json::secret_purpose(secret.purpose()))
    };
    destination.secrets.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn show(destination: &Destination, is_json: bool) {
    let value = json::destination(destination);
    if is_json {
        output::document(&value);
        return;
    }
    let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    output::line(facts(&[
        ("destination", Look::Strong.paint(&destination.name)),
        ("enabled", if destination.enabled { "yes".to_owned() } else { Look::Odd.paint("no") }),
        ("signature", word("signature")),
        ("numbers", word("numbers")),
        ("secrets", secrets(destination)),
        ("mappings", destination.mappings.join("\n")),
        ("delivery", format!("{:#}", value["delivery"])),
        ("version", destination.version.to_string()),
    ]));
}

fn row(destination: &Destination) -> Vec<Cell> {
    let (word, look) = if destination.enabled { ("enabled", Look::Good) } else { ("disabled", Look::Odd) };
    let signature = match destination.signature() {
        SignatureMode::FirstEvent => "first_event",
        SignatureMode::Body | SignatureMode::Unspecified => "body",
    };
    let mappings = destination.mappings.iter().map(|name| name.rsplit('/').next().unwrap_or(name));
    vec![
        Cell::new(&destination.name).look(Look::Strong),
        Cell::new(word).look(look),
        Cell::new(signature),
        Cell::new(secrets(destination)),
        Cell::new(mappings.collect::<Vec<_>>().join(", ")),
        Cell::number(destination.version.to_string()),
    ]
}
