//! `tokens`: who may operate this Signalpost, and how far.
//!
//! Invariant: a token is shown once, when it is made, alone on standard output.

use serde_json::json;
use signalpost_proto::v1::{CreateTokenRequest, ListTokensRequest, RevokeTokenRequest, Role, Token};

use crate::cli::{RoleChoice, Tokens, TokensCommand};
use crate::control::{Control, all};
use crate::json;
use crate::listing::Listing;
use crate::output::look::Look;
use crate::output::table::Cell;
use crate::output::{self, measure};

const TOKENS: Listing<Token> = Listing {
    name: "tokens",
    item: json::token,
    titles: &["token", "role", "publishes", "begins with", "made (UTC)", "ends (UTC)", ""],
    row,
    none: "there are no tokens besides the server's setting admin.token",
};

pub(crate) async fn run(args: &Tokens, is_json: bool) -> anyhow::Result<()> {
    let control = Control::connect(&args.connection).await?;
    match &args.command {
        TokensCommand::List(limit) => {
            let listed = all(limit.limit, async |page_size, page_token| {
                let request = ListTokensRequest { page_size, page_token };
                let page = control.answer(control.client().list_tokens(request).await).await?;
                Ok((page.tokens, page.next_page_token))
            });
            TOKENS.show(&listed.await?, is_json);
        }
        TokensCommand::Create { name, role, may_publish, valid_for } => {
            let role = match role {
                RoleChoice::Viewer => Role::Viewer,
                RoleChoice::Operator => Role::Operator,
                RoleChoice::Admin => Role::Admin,
            };
            let request = CreateTokenRequest {
                name: name.clone(),
                role: role.into(),
                may_publish: *may_publish,
                valid_for: valid_for.map(measure::proto_duration),
            };
            let made = control.answer(control.client().create_token(request).await).await?;
            let token = made.token.unwrap_or_default();
            if is_json {
                output::document(&json!({ "token": json::token(&token), "secret": made.secret }));
            } else {
                let role = json::role(token.role());
                output::aside(format_args!("token {name}, role {role}; it cannot be shown again:"));
                output::line(made.secret);
            }
        }
        TokensCommand::Revoke { name } => {
            let request = RevokeTokenRequest { name: name.clone() };
            let revoked = control.answer(control.client().revoke_token(request).await).await?;
            if is_json {
                output::document(&json::token(&revoked.token.unwrap_or_default()));
            } else {
                output::line(format_args!("token {name} is revoked"));
            }
        }
    }
    Ok(())
}

fn row(token: &Token) -> Vec<Cell> {
    let is_over = measure::time(token.expires_at).is_some_and(|end| end <= measure::now());
    let (word, look) = match (token.revoked_at.is_some(), is_over) {
        (true, _) => ("revoked", Look::Faint),
        (false, true) => ("expired", Look::Faint),
        (false, false) => ("valid", Look::Good),
    };
    vec![
        Cell::new(&token.name).look(Look::Strong),
        Cell::new(json::role(token.role())),
        Cell::new(if token.may_publish { "yes" } else { "no" }),
        Cell::new(format!("{}…", token.prefix)),
        Cell::new(measure::at(token.created_at)),
        Cell::new(measure::at(token.revoked_at.or(token.expires_at))),
        Cell::new(word).look(look),
    ]
}
