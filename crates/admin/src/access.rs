//! Access: what each call of the service needs.
//!
//! Invariant: a call that is not in the table is open to nobody.

use signalpost_storage::TokenRole::{self, Admin, Operator, Viewer};

/// The path of every call begins with this.
pub(crate) const SERVICE: &str = "/signalpost.v1.AdminService/";

/// The least role for each call.
const ROLES: &[(&str, TokenRole)] = &[
    ("ListSources", Viewer),
    ("GetSource", Viewer),
    ("CreateSource", Admin),
    ("UpdateSource", Admin),
    ("DeleteSource", Admin),
    ("CreateWriteKey", Admin),
    ("RevokeWriteKey", Admin),
    ("ListDestinations", Viewer),
    ("GetDestination", Viewer),
    ("CreateDestination", Admin),
    ("UpdateDestination", Admin),
    ("DeleteDestination", Admin),
    ("RotateSecret", Admin),
    ("ListMappings", Viewer),
    ("GetMapping", Viewer),
    ("CreateMapping", Admin),
    ("UpdateMapping", Admin),
    ("DeleteMapping", Admin),
    ("ListMappingVersions", Viewer),
    ("RestoreMapping", Admin),
    ("Apply", Admin),
    ("Export", Viewer),
    ("Preview", Viewer),
    ("SendTest", Operator),
    ("Explain", Viewer),
    ("ListLanes", Viewer),
    ("ListAttempts", Viewer),
    ("WatchAttempts", Viewer),
    ("ListDeadLetters", Viewer),
    ("ListRejectedEvents", Viewer),
    ("ListAudit", Viewer),
    ("Pause", Operator),
    ("Resume", Operator),
    ("RetryNow", Operator),
    ("CreateRedrive", Operator),
    ("GetRedrive", Viewer),
    ("ListRedrives", Viewer),
    ("ControlRedrive", Operator),
    // There is no way back from it.
    ("Purge", Admin),
    ("ListTokens", Admin),
    ("CreateToken", Admin),
    ("RevokeToken", Admin),
    ("RotateSealingKey", Admin),
];

/// The least role for the call at this path; none: nobody may make it.
pub(crate) fn role_for(path: &str) -> Option<TokenRole> {
    let method = path.strip_prefix(SERVICE)?;
    ROLES.iter().find(|(name, _)| *name == method).map(|(_, role)| *role)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;

    use super::*;

    #[test]
    fn every_call_of_the_contract_is_in_the_table_once_and_nothing_else_is() {
        let files =
            prost_types::FileDescriptorSet::decode(signalpost_proto::DESCRIPTORS).expect("it was compiled");
        let service = files.file.iter().flat_map(|file| &file.service);
        let service =
            service.clone().find(|service| service.name() == "AdminService").expect("the contract has it");
        let calls: BTreeSet<&str> =
            service.method.iter().map(prost_types::MethodDescriptorProto::name).collect();
        let listed: BTreeSet<&str> = ROLES.iter().map(|(name, _)| *name).collect();
        assert_eq!(calls, listed);
        assert_eq!(ROLES.len(), listed.len());
    }

    #[test]
    fn what_is_not_in_the_table_is_open_to_nobody() {
        assert_eq!(role_for("/signalpost.v1.AdminService/ListSources"), Some(Viewer));
        assert_eq!(role_for("/signalpost.v1.AdminService/DropAll"), None);
        assert_eq!(role_for("/signalpost.v1.IngestService/Publish"), None);
    }
}
