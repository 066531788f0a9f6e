//! Commands: one module each, named as on the command line.

pub(crate) mod apply;
pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod completions;
pub(crate) mod dead;
pub(crate) mod destinations;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod lanes;
pub(crate) mod mappings;
pub(crate) mod migrate;
pub(crate) mod preview;
pub(crate) mod purge;
pub(crate) mod queue;
pub(crate) mod receive;
pub(crate) mod redrive;
pub(crate) mod rejected;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod sources;
pub(crate) mod test;
pub(crate) mod tokens;
