//! Admin tokens.

use signalpost_proto::v1;
use signalpost_storage::{NewToken, TokenRole, TokenView};
use tonic::Status;

use crate::auth::ROOT;
use crate::check::Mistakes;
use crate::convert::{duration, timestamp};
use crate::page::Page;
use crate::service::Call;
use crate::{made, names, status};

type Answer<T> = Result<T, Status>;

pub(crate) async fn list(call: &Call<'_>, request: v1::ListTokensRequest) -> Answer<v1::ListTokensResponse> {
    let page = Page::<String>::read(request.page_size, &request.page_token)?;
    let after = page.after.as_deref().unwrap_or_default();
    let found = call.tokens().list(None, after, page.limit()).await.map_err(status::storage)?;
    let (found, next_page_token) = page.cut(found, |token| token.name.clone());
    Ok(v1::ListTokensResponse { tokens: found.into_iter().map(shown).collect(), next_page_token })
}

pub(crate) async fn create(
    call: &Call<'_>,
    request: v1::CreateTokenRequest,
) -> Answer<v1::CreateTokenResponse> {
    let mut mistakes = Mistakes::default();
    let role = match request.role() {
        v1::Role::Viewer => Some(TokenRole::Viewer),
        v1::Role::Operator => Some(TokenRole::Operator),
        v1::Role::Admin => Some(TokenRole::Admin),
        v1::Role::Unspecified => None,
    };
    if let Some(mistake) = names::mistake(&request.name) {
        mistakes.push("name", mistake);
    }
    if request.name == ROOT {
        mistakes.push("name", "the token of the settings is called root");
    }
    if role.is_none() {
        mistakes.push("role", "it is VIEWER, OPERATOR or ADMIN");
    }
    let valid_for = duration("valid_for", request.valid_for)?;
    if valid_for.is_some_and(|valid_for| valid_for.is_zero()) {
        mistakes.push(
            "valid_for",
            "it is more than nothing; leave it out for a token that does not end by itself",
        );
    }
    mistakes.refuse()?;
    let Some(role) = role else { return Err(status::invalid("role", "it is missing")) };
    let secret = made::token();
    let token = NewToken {
        name: request.name,
        role,
        may_publish: request.may_publish,
        secret: secret.clone(),
        valid_for,
    };
    let mut edit = call.edit().await?;
    edit.create_token(&token).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    let token = Some(shown(find(call, &token.name).await?));
    Ok(v1::CreateTokenResponse { token, secret: secret.expose().to_owned() })
}

pub(crate) async fn revoke(
    call: &Call<'_>,
    request: v1::RevokeTokenRequest,
) -> Answer<v1::RevokeTokenResponse> {
    if request.name == ROOT {
        return Err(status::precondition(
            "the token root comes from the settings: change admin.token and start the process again",
        ));
    }
    let mut edit = call.edit().await?;
    edit.revoke_token(&request.name).await.map_err(status::edit)?;
    edit.commit().await.map_err(status::storage)?;
    Ok(v1::RevokeTokenResponse { token: Some(shown(find(call, &request.name).await?)) })
}

async fn find(call: &Call<'_>, name: &str) -> Answer<TokenView> {
    let found = call.tokens().list(Some(name), "", 1).await.map_err(status::storage)?;
    found.into_iter().next().ok_or_else(|| status::not_found(&format!("token {name}")))
}

fn shown(token: TokenView) -> v1::Token {
    let role = match token.role {
        TokenRole::Viewer => v1::Role::Viewer,
        TokenRole::Operator => v1::Role::Operator,
        TokenRole::Admin => v1::Role::Admin,
    };
    v1::Token {
        name: token.name,
        role: role.into(),
        may_publish: token.may_publish,
        prefix: token.prefix,
        created_at: Some(timestamp(token.created_at)),
        expires_at: token.expires_at.map(timestamp),
        revoked_at: token.revoked_at.map(timestamp),
    }
}
