//! A secret: by value, or by the name of the variable or the file that holds it.

use std::fs;

use signalpost_core::secret::Secret;

use super::super::tree::{Kind, Tree};
use super::Reader;

impl Reader<'_> {
    /// A secret by value, or by the name of the variable or file that holds it.
    pub(in crate::destinations) fn secret(&mut self, tree: &Tree, what: &str) -> Option<Secret> {
        let text = match &tree.kind {
            Kind::String(text) => Some(text.clone()),
            Kind::Object(members) => match &members[..] {
                [member] if member.key == "env" => self.variable(&member.value),
                [member] if member.key == "file" => self.secret_file(&member.value),
                _ => {
                    let text = format!("{what} is a text, {{ env = \"NAME\" }} or {{ file = \"path\" }}");
                    self.refuse(&tree.place, &text);
                    None
                }
            },
            _ => {
                let accepted = "a text, { env = \"NAME\" } or { file = \"path\" }";
                self.refuse(&tree.place, &format!("{what} is {accepted}, and not {}", tree.kind_name()));
                None
            }
        };
        text.map(Secret::new)
    }

    fn variable(&mut self, name: &Tree) -> Option<String> {
        let found = name.as_str().and_then(|name| (self.variables)(name));
        if found.as_ref().is_none_or(String::is_empty) {
            let text =
                format!("the environment variable {} is not set", name.as_str().unwrap_or("named here"));
            self.refuse(&name.place, &text);
        }
        found
    }

    fn secret_file(&mut self, path: &Tree) -> Option<String> {
        let found = self.folder.join(path.as_str().unwrap_or_default());
        match fs::read_to_string(&found) {
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                self.refuse(&path.place, &format!("{} cannot be read: {error}", found.display()));
                None
            }
        }
    }
}
