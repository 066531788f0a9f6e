//! Scope: the lanes that a caller means by a source, a destination, a mapping, or nothing.

use std::collections::HashMap;

use signalpost_storage::Scope;
use tonic::Status;

use crate::service::Call;
use crate::{names, status};

/// Lanes with their names.
pub(crate) struct Lanes {
    pub(crate) ids: Vec<i64>,
    names: HashMap<i64, String>,
}

/// Refuses a scope that names something that is not there. For lists that turn out empty.
pub(crate) async fn must_exist(call: &Call<'_>, scope: &Scope, name: &str) -> Result<(), Status> {
    if call.inspection().is_there(scope).await.map_err(status::storage)? {
        return Ok(());
    }
    let kind = ["source", "destination", "mapping"][name.matches('/').count().min(2)];
    Err(status::not_found(&format!("{kind} {name}")))
}

impl Lanes {
    /// Those of `parent`; all when it is empty.
    pub(crate) async fn of(call: &Call<'_>, field: &str, parent: &str) -> Result<Lanes, Status> {
        let scope = names::parent(field, parent)?;
        let found = call.inspection().lanes_of(&scope).await.map_err(status::storage)?;
        if found.is_empty() {
            must_exist(call, &scope, parent).await?;
        }
        Ok(Lanes { ids: found.iter().map(|(id, _)| *id).collect(), names: found.into_iter().collect() })
    }

    /// One whose name is known already.
    pub(crate) fn named(id: i64, name: &str) -> Lanes {
        Lanes { ids: vec![id], names: HashMap::from([(id, name.to_owned())]) }
    }

    /// The one that is called so.
    pub(crate) async fn one(call: &Call<'_>, field: &str, mapping: &str) -> Result<i64, Status> {
        names::mapping(field, mapping)?;
        let lanes = Lanes::of(call, field, mapping).await?;
        lanes.ids.first().copied().ok_or_else(|| status::not_found(&format!("mapping {mapping}")))
    }

    /// A lane's full name; empty when the mapping was removed meanwhile.
    pub(crate) fn name(&self, id: i64) -> String {
        self.names.get(&id).cloned().unwrap_or_default()
    }
}
