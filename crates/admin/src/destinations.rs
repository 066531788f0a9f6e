//! Destinations and what they sign with.

use signalpost_core::json::Numbers;
use signalpost_core::payload::Recipe;
use signalpost_core::secret::Secret;
use signalpost_core::signature::SignatureMode;
use signalpost_proto::v1;
use signalpost_storage::{
    DestinationChange, DestinationView, NameKey, Scope, SecretPurpose, Secrets, WantedDestination,
};
use tonic::Status;

use crate::check::Mistakes;
use crate::page::Page;
use crate::scope::must_exist;
use crate::service::Call;
use crate::{made, names, status};

type Answer<T> = Result<T, Status>;

pub(crate) async fn list(
    call: &Call<'_>,
    request: v1::ListDestinationsRequest,
) -> Answer<v1::ListDestinationsResponse> {
    let scope = match request.source.as_str() {
        "" => Scope::default(),
        name => Scope { source: Some(names::source("source", name)?), ..Scope::default() },
    };
    let page = Page::<NameKey>::read(request.page_size, &request.page_token)?;
    let after = page.after.clone().unwrap_or_default();
    let found = call.catalog().destinations(&scope, &after, page.limit()).await.map_err(status::storage)?;
    if found.is_empty() {
        must_exist(call, &scope, &request.source).await?;
    }
    let (found, next_page_token) =
        page.cut(found, |one| [one.source.clone(), one.name.clone(), String::new()]);
    let destinations = found.into_iter().map(shown).collect();
    Ok(v1::ListDestinationsResponse { destinations, next_page_token })
}

pub(crate) async fn get(
    call: &Call<'_>,
    request: v1::GetDestinationRequest,
) -> Answer<v1::GetDestinationResponse> {
    let [source, name] = names::destination("name", &request.name)?;
    Ok(v1::GetDestinationResponse { destination: Some(shown(find(call, &source, &name).await?)) })
}

pub(crate) async fn create(
    call: &Call<'_>,
    request: v1::CreateDestinationRequest,
) -> Answer<v1::CreateDestinationResponse> {
    let [source, name] = names::destination("name", &request.name)?;
    let mut mistakes = Mistakes::default();
    let delivery = mistakes.delivery("delivery_json", &request.delivery_json);
    let signature = signature("signature", request.signature, &mut mistakes).unwrap_or_default();
    let numbers = numbers("numbers", request.numbers, &mut mistakes).unwrap_or_default();
    let secret = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Secret::new);
    let webhook_secret = secret(request.webhook_secret);
    let client_key = client_key(request.client_key.as_deref());
    if let Some(secret) = &webhook_secret {
        mistakes.webhook_secret("webhook_secret", secret);
    }
    mistakes.certificates(&delivery, client_key.as_ref(), None);
    mistakes.refuse()?;
    let wanted = WantedDestination {
        name,
        enabled: request.enabled.unwrap_or(true),
        shared_secret: secret(request.shared_secret),
        secrets: Secrets { webhook_secret, client_key, ..Secrets::default() },
        signature,
        numbers,
        delivery,
        mappings: Vec::new(),
    };
    let mut edit = call.edit().await?;
    edit.create_destination(&source, &wanted, call.keys()).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    Ok(v1::CreateDestinationResponse { destination: Some(shown(find(call, &source, &wanted.name).await?)) })
}

pub(crate) async fn update(
    call: &Call<'_>,
    request: v1::UpdateDestinationRequest,
) -> Answer<v1::UpdateDestinationResponse> {
    let [source, name] = names::destination("name", &request.name)?;
    let mut mistakes = Mistakes::default();
    mistakes.name("new_name", request.new_name.as_ref());
    let mut expected = Some(request.expected_version).filter(|version| *version != 0);
    let client_key = client_key(request.client_key.as_deref());
    let change = DestinationChange {
        enabled: request.enabled,
        signature: signature("signature", request.signature, &mut mistakes),
        numbers: numbers("numbers", request.numbers, &mut mistakes),
        delivery: request.delivery_json.map(|json| mistakes.delivery("delivery_json", &json)),
        name: request.new_name,
        client_key,
    };
    if change.delivery.is_some() || change.client_key.is_some() {
        let now = find(call, &source, &name).await?;
        let delivery = change.delivery.as_ref().unwrap_or(&now.delivery);
        mistakes.certificates(
            delivery,
            change.client_key.as_ref(),
            now.delivery.client_certificate.as_deref(),
        );
        // What is checked against what is there must still be there when it is changed.
        expected = expected.or(Some(now.version));
    }
    mistakes.refuse()?;
    if let Some(numbers) = change.numbers {
        check_mappings(call, &source, &name, numbers).await?;
    }
    let mut edit = call.edit().await?;
    edit.update_destination(&source, &name, expected, &change, call.keys()).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    let name = change.name.unwrap_or(name);
    Ok(v1::UpdateDestinationResponse { destination: Some(shown(find(call, &source, &name).await?)) })
}

/// A mapping that could be used with the numbers as they were must be usable with them as they will be.
async fn check_mappings(call: &Call<'_>, source: &str, name: &str, numbers: Numbers) -> Answer<()> {
    let scope = Scope { source: Some(source.to_owned()), destination: Some(name.to_owned()), mapping: None };
    let mappings = call.catalog().mappings(&scope, &NameKey::default(), 5).await.map_err(status::storage)?;
    let mut mistakes = Mistakes::default();
    for mapping in mappings {
        for mistake in Recipe::compile(&mapping.fields, numbers).err().into_iter().flatten() {
            mistakes.push("numbers", format!("mapping {}: {}", mapping.name, mistake.message));
        }
    }
    mistakes.refuse()
}

pub(crate) async fn delete(
    call: &Call<'_>,
    request: v1::DeleteDestinationRequest,
) -> Answer<v1::DeleteDestinationResponse> {
    let [source, name] = names::destination("name", &request.name)?;
    let mut edit = call.edit().await?;
    edit.delete_destination(&source, &name).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    Ok(v1::DeleteDestinationResponse {})
}

pub(crate) async fn rotate_secret(
    call: &Call<'_>,
    request: v1::RotateSecretRequest,
) -> Answer<v1::RotateSecretResponse> {
    let [source, name] = names::destination("destination", &request.destination)?;
    let mut mistakes = Mistakes::default();
    let purpose = match request.purpose() {
        v1::SecretPurpose::SharedSecret => Some(SecretPurpose::Shared),
        v1::SecretPurpose::WebhookSecret => Some(SecretPurpose::Webhook),
        v1::SecretPurpose::ClientKey | v1::SecretPurpose::Unspecified => None,
    };
    let is_client_key = request.purpose() == v1::SecretPurpose::ClientKey;
    let given = Some(Secret::new(request.secret)).filter(|secret| !secret.is_empty());
    if is_client_key {
        mistakes.push("purpose", "a client key changes with its certificate, by UpdateDestination");
    } else if purpose.is_none() {
        mistakes.push("purpose", "it is SHARED_SECRET or WEBHOOK_SECRET");
    }
    if request.finish && given.is_some() {
        mistakes.push(
            "secret",
            "it must be empty when the change is finished: only the previous secret is dropped",
        );
    }
    if let (Some(SecretPurpose::Webhook), Some(secret)) = (purpose, &given) {
        mistakes.webhook_secret("secret", secret);
    }
    mistakes.refuse()?;
    let Some(purpose) = purpose else { return Err(status::invalid("purpose", "it is missing")) };
    let mut edit = call.edit().await?;
    let mut told = String::new();
    if request.finish {
        edit.drop_previous_secret(&source, &name, purpose).await.map_err(status::edit)?;
    } else {
        let secret = given.unwrap_or_else(|| {
            let made = made::secret(purpose);
            made.expose().clone_into(&mut told);
            made
        });
        edit.rotate_secret(&source, &name, purpose, &secret, call.keys()).await.map_err(status::edit)?;
    }
    edit.commit().await.map_err(status::storage)?;
    let destination = Some(shown(find(call, &source, &name).await?));
    Ok(v1::RotateSecretResponse { destination, secret: told })
}

pub(crate) async fn find(call: &Call<'_>, source: &str, name: &str) -> Answer<DestinationView> {
    let scope = Scope { source: Some(source.to_owned()), destination: Some(name.to_owned()), mapping: None };
    let found = call.catalog().destinations(&scope, &NameKey::default(), 1).await.map_err(status::storage)?;
    found.into_iter().next().ok_or_else(|| status::not_found(&format!("destination {source}/{name}")))
}

fn shown(one: DestinationView) -> v1::Destination {
    let full_name = format!("{}/{}", one.source, one.name);
    let signature = match one.signature {
        SignatureMode::Body => v1::SignatureMode::Body,
        SignatureMode::FirstEvent => v1::SignatureMode::FirstEvent,
    };
    let numbers = match one.numbers {
        Numbers::Ecmascript => v1::Numbers::Ecmascript,
        Numbers::Exact => v1::Numbers::Exact,
    };
    v1::Destination {
        enabled: one.enabled,
        signature: signature.into(),
        numbers: numbers.into(),
        delivery_json: serde_json::to_string(&one.delivery).expect("settings are plain values"),
        secrets: one.secrets.into_iter().map(shown_secret).collect(),
        mappings: one.mappings.into_iter().map(|mapping| format!("{full_name}/{mapping}")).collect(),
        version: one.version,
        name: full_name,
    }
}

/// A key as it was given, if one was.
fn client_key(pem: Option<&str>) -> Option<Secret> {
    pem.map(str::trim_end).filter(|pem| !pem.is_empty()).map(Secret::new)
}

fn shown_secret((purpose, sealing_key): (String, String)) -> v1::StoredSecret {
    let is_previous = purpose.starts_with("previous_");
    let purpose = match purpose.trim_start_matches("previous_") {
        "shared_secret" => v1::SecretPurpose::SharedSecret,
        "webhook_secret" => v1::SecretPurpose::WebhookSecret,
        "client_key" => v1::SecretPurpose::ClientKey,
        _ => v1::SecretPurpose::Unspecified,
    };
    v1::StoredSecret { purpose: purpose.into(), is_previous, sealing_key }
}

fn signature(field: &str, given: i32, mistakes: &mut Mistakes) -> Option<SignatureMode> {
    match v1::SignatureMode::try_from(given) {
        Ok(v1::SignatureMode::Unspecified) => None,
        Ok(v1::SignatureMode::Body) => Some(SignatureMode::Body),
        Ok(v1::SignatureMode::FirstEvent) => Some(SignatureMode::FirstEvent),
        Err(_) => {
            mistakes.push(field, "it is BODY or FIRST_EVENT");
            None
        }
    }
}

fn numbers(field: &str, given: i32, mistakes: &mut Mistakes) -> Option<Numbers> {
    match v1::Numbers::try_from(given) {
        Ok(v1::Numbers::Unspecified) => None,
        Ok(v1::Numbers::Ecmascript) => Some(Numbers::Ecmascript),
        Ok(v1::Numbers::Exact) => Some(Numbers::Exact),
        Err(_) => {
            mistakes.push(field, "it is ECMASCRIPT or EXACT");
            None
        }
    }
}
