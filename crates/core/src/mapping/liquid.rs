//! Liquid: the `@liquid` directive, as liquidjs with default options reads it.
//!
//! Invariants: a template is parsed once, its filters found once; rendering never loops (the looping tags are
//! disabled), and everything that can grow is metered, so that a template which doubles its own text ends with an
//! error for that event; there is no clock and no chance in it (`now` is the event's `receivedAt`).
//!
//! Written for this project and not taken from a library: see `docs/decisions/0005-liquid-of-our-own.md`.

mod cursor;
mod date;
mod expression;
mod filter;
mod operand;
mod parse;
mod render;
mod scan;
mod strftime;

use super::resolve::Scope;
use super::value::units;
use super::{Excess, ResolveError};
use parse::Template;

/// The longest template, in UTF-16 units.
const LONGEST: usize = 1000;

/// A parsed template, or the reason why it fails when it is rendered.
#[derive(Debug)]
pub(crate) struct Liquid {
    templates: Vec<Template>,
}

/// Why a template does not parse or render.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Syntax(String),
    #[error("tag \"{0}\" is disabled")]
    Tag(String),
    #[error("filter \"{0}\" is disabled")]
    Filter(&'static str),
    #[error("{0}")]
    Argument(&'static str),
    #[error(transparent)]
    Excess(#[from] Excess),
}

impl Liquid {
    pub(super) fn parse(text: &str) -> Result<Liquid, String> {
        if units(text) > LONGEST {
            return Err(format!("liquid template values are limited to {LONGEST} characters"));
        }
        let templates = parse::template(text).map_err(|failure| failure.to_string())?;
        Ok(Liquid { templates })
    }

    pub(super) fn render<'e>(&'e self, scope: &Scope<'e, '_>) -> Result<String, ResolveError> {
        render::render(&self.templates, scope).map_err(|failure| ResolveError::new(failure.to_string()))
    }
}
