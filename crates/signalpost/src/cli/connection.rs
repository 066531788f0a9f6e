//! The part of the command line that says which server is asked, and by whom.

use std::path::PathBuf;

use clap::Args;
use signalpost_grpc::client::Tls;

/// Where the control API of a server is.
pub(crate) const USUAL_SERVER: &str = "http://127.0.0.1:4654";

/// Which server is asked, and by whom.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ConnectionArgs {
    // Without a default of clap's, so that `apply` can tell whether one was given.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "SIGNALPOST_SERVER",
        help = "Where the control API listens [default: http://127.0.0.1:4654]"
    )]
    pub(crate) server: Option<String>,
    // Read from the environment by hand: what is given on the command line must win over either variable.
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        conflicts_with = "token_file",
        help = "An admin token; others can read what stands on a command line [env: SIGNALPOST_ADMIN_TOKEN]"
    )]
    pub(crate) token: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "A file that holds the admin token [env: SIGNALPOST_ADMIN_TOKEN_FILE]"
    )]
    pub(crate) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

/// How a server with TLS is recognised, and how this side is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Server")]
#[expect(clippy::struct_field_names, reason = "the flags are named like this")]
pub(crate) struct TlsArgs {
    /// Certificate (PEM) of the authority that signed the server's, beside those this machine trusts
    #[arg(long, global = true, value_name = "FILE", env = "SIGNALPOST_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Certificate (PEM) to show to a server that wants one
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SIGNALPOST_CLIENT_CERT_FILE",
        requires = "client_key_file"
    )]
    pub(crate) client_cert_file: Option<PathBuf>,
    /// The key (PEM) of that certificate
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "SIGNALPOST_CLIENT_KEY_FILE",
        requires = "client_cert_file"
    )]
    pub(crate) client_key_file: Option<PathBuf>,
}

impl TlsArgs {
    /// The flag whose file an error names first.
    pub(crate) fn flag_of(&self, error: &str) -> Option<&'static str> {
        let flags = [
            ("--ca-file", &self.ca_file),
            ("--client-cert-file", &self.client_cert_file),
            ("--client-key-file", &self.client_key_file),
        ];
        let named = flags.into_iter().filter_map(|(flag, file)| {
            let place = error.find(file.as_ref()?.to_str()?)?;
            Some((place, flag))
        });
        named.min().map(|(_, flag)| flag)
    }

    pub(crate) fn files(&self) -> Tls {
        Tls {
            ca_file: self.ca_file.clone(),
            certificate_file: self.client_cert_file.clone(),
            key_file: self.client_key_file.clone(),
        }
    }
}
