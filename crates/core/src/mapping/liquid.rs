//! Liquid: the `@liquid` directive.

use super::ResolveError;
use super::meter::Meter;
use super::value::Value;
use crate::json::Numbers;

#[derive(Debug)]
pub(crate) struct Liquid;

impl Liquid {
    pub(super) fn parse(_text: &str) -> Result<Liquid, String> {
        Ok(Liquid)
    }

    pub(super) fn render(&self, _e: &Value<'_>, _n: Numbers, _m: &Meter) -> Result<String, ResolveError> {
        Err(ResolveError::new("@liquid is not supported yet".to_owned()))
    }
}
