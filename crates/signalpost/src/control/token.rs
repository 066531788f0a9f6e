//! Token: which admin token is used, and where it was found.

use std::fs;
use std::path::Path;

use anyhow::Context;
use signalpost_core::secret::Secret;

use crate::cli::ConnectionArgs;
use crate::exit::Failure;

const VARIABLE: &str = "SIGNALPOST_ADMIN_TOKEN";
const FILE_VARIABLE: &str = "SIGNALPOST_ADMIN_TOKEN_FILE";

/// An admin token.
pub(crate) struct Token {
    pub(crate) secret: Secret,
    /// Where it was found, for errors.
    pub(crate) place: String,
}

/// The token: flags before variables, a value before a file.
pub(crate) fn find(args: &ConnectionArgs) -> anyhow::Result<Token> {
    let variable = |name: &str| std::env::var_os(name).and_then(|value| value.into_string().ok());
    find_in(args, &variable)
}

/// Whether there is one, good or not.
pub(crate) fn is_given(args: &ConnectionArgs) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    args.token.is_some() || args.token_file.is_some() || is_set(VARIABLE) || is_set(FILE_VARIABLE)
}

fn find_in(args: &ConnectionArgs, variable: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Token> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(token) = &args.token {
        return given(token, "--token".to_owned());
    }
    if let Some(file) = &args.token_file {
        return in_file(file, format!("--token-file {}", file.display()));
    }
    if let Some(token) = variable(VARIABLE) {
        return given(&token, VARIABLE.to_owned());
    }
    if let Some(file) = variable(FILE_VARIABLE) {
        return in_file(Path::new(&file), format!("{FILE_VARIABLE}={file}"));
    }
    Err(Failure::usage(anyhow::anyhow!(
        "an admin token is needed: give --token-file FILE, or {VARIABLE} in the environment. \
         The first token of a server is its setting admin.token; `signalpost tokens create` makes more"
    )))
}

fn given(token: &str, place: String) -> anyhow::Result<Token> {
    let token = token.trim();
    if token.is_empty() {
        return Err(Failure::usage(anyhow::anyhow!("{place}: the token is empty")));
    }
    Ok(Token { secret: Secret::new(token.to_owned()), place })
}

fn in_file(file: &Path, place: String) -> anyhow::Result<Token> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("{place}: the token cannot be read"))
        .map_err(Failure::usage)?;
    given(&text, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(token: Option<&str>, file: Option<&Path>, variables: &[(&str, &str)]) -> Result<String, String> {
        let args = ConnectionArgs {
            token: token.map(str::to_owned),
            token_file: file.map(Path::to_owned),
            ..ConnectionArgs::default()
        };
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        find_in(&args, &variable)
            .map(|token| token.secret.expose().to_owned())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn flags_win_over_variables_and_a_value_over_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        fs::write(&file, "from-file\n").unwrap();
        let path = file.to_str().unwrap();
        let both = [(VARIABLE, "from-variable"), (FILE_VARIABLE, path)];
        assert_eq!(found(Some("given"), None, &both).unwrap(), "given");
        assert_eq!(found(None, Some(&file), &both).unwrap(), "from-file");
        assert_eq!(found(None, None, &both).unwrap(), "from-variable");
        assert_eq!(found(None, None, &both[1..]).unwrap(), "from-file");
    }

    #[test]
    fn without_a_token_it_says_where_to_put_one() {
        assert!(
            found(None, None, &[]).unwrap_err().contains("give --token-file FILE, or SIGNALPOST_ADMIN_TOKEN")
        );
        let empty = found(Some(" "), None, &[]).unwrap_err();
        assert_eq!(empty, "--token: the token is empty");
        let missing = found(None, Some(Path::new("/nowhere/token")), &[]).unwrap_err();
        assert!(missing.starts_with("--token-file /nowhere/token: the token cannot be read"), "{missing}");
    }
}
