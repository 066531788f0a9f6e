//! Commands: one module each, named as on the command line.

pub(crate) mod apply;
pub(crate) mod dev;
pub(crate) mod health;
pub(crate) mod migrate;
pub(crate) mod preview;
pub(crate) mod receive;
pub(crate) mod send;
pub(crate) mod serve;
