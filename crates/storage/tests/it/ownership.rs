//! Ownership: fair shares, takeover, giving back.

use signalpost_storage::OwnerId;
use uuid::Uuid;

use crate::support::{LEASE, dead_owner, execute, owner, storage};

#[tokio::test]
async fn one_dispatcher_owns_everything_and_two_share_evenly() {
    let storage = storage().await;
    let ownership = storage.ownership();
    let (first, holds) = owner(&storage, LEASE).await;
    assert_eq!(holds.len(), 64);
    let (second, holds) = owner(&storage, LEASE).await;
    assert!(holds.is_empty(), "nothing is free yet");

    let owned = ownership.heartbeat(first, "first", LEASE, &[], false).await.unwrap();
    assert_eq!((owned.holds.len(), owned.surplus.len()), (64, 32));
    let kept = ownership.heartbeat(first, "first", LEASE, &owned.surplus, false).await.unwrap();
    assert_eq!((kept.holds.len(), kept.surplus.len()), (32, 0));
    let taken = ownership.heartbeat(second, "second", LEASE, &[], false).await.unwrap();
    assert_eq!((taken.holds.len(), taken.taken_over.len()), (32, 0));
}

#[tokio::test]
async fn what_a_dead_dispatcher_held_is_taken_over_when_its_lease_ends() {
    let storage = storage().await;
    dead_owner(&storage).await;
    let owned =
        storage.ownership().heartbeat(OwnerId(Uuid::new_v4()), "next", LEASE, &[], false).await.unwrap();
    assert_eq!((owned.holds.len(), owned.taken_over.len()), (64, 64));
    assert!(owned.holds.iter().all(|hold| hold.epoch == 2));
}

#[tokio::test]
async fn what_is_given_back_is_free_at_once_and_not_taken_over() {
    let storage = storage().await;
    let (first, _) = owner(&storage, LEASE).await;
    storage.ownership().release_all(first, false).await.unwrap();
    let owned =
        storage.ownership().heartbeat(OwnerId(Uuid::new_v4()), "next", LEASE, &[], false).await.unwrap();
    assert_eq!((owned.holds.len(), owned.taken_over.len()), (64, 0));
}

#[tokio::test]
async fn one_that_stops_takes_nothing_and_what_it_gives_back_is_for_the_others() {
    let storage = storage().await;
    let ownership = storage.ownership();
    let (first, _) = owner(&storage, LEASE).await;
    let idle: Vec<i16> = (1..64).collect();
    let stopping = ownership.heartbeat(first, "first", LEASE, &idle, true).await.unwrap();
    assert_eq!((stopping.holds.len(), stopping.surplus.len()), (1, 1));
    let second = OwnerId(Uuid::new_v4());
    let taken = ownership.heartbeat(second, "second", LEASE, &[], false).await.unwrap();
    assert_eq!((taken.holds.len(), taken.surplus.len(), taken.taken_over.len()), (63, 0, 0));
    let stopping = ownership.heartbeat(first, "first", LEASE, &[0], true).await.unwrap();
    assert!(stopping.holds.is_empty());
    let all = ownership.heartbeat(second, "second", LEASE, &[], false).await.unwrap();
    assert_eq!(all.holds.len(), 64);
}

#[tokio::test]
async fn a_heartbeat_of_an_owner_keeps_its_epochs() {
    let storage = storage().await;
    let (me, before) = owner(&storage, LEASE).await;
    let after = storage.ownership().heartbeat(me, "me", LEASE, &[], false).await.unwrap();
    assert_eq!(before, after.holds);
}

#[tokio::test]
async fn what_an_owner_may_have_sent_unrecorded_is_known_to_every_owner_after_it() {
    let storage = storage().await;
    dead_owner(&storage).await;
    let next = async |releasing| {
        let me = OwnerId(Uuid::new_v4());
        let owned = storage.ownership().heartbeat(me, "next", LEASE, &[], false).await.unwrap();
        storage.ownership().release_all(me, releasing).await.unwrap();
        owned.maybe_repeated
    };
    let taken_over = next(false).await;
    let an_hour_ago = "UPDATE signalpost.partitions SET maybe_repeated_before = now() - interval '1 hour'";
    execute(&storage, an_hour_ago).await;
    let handed_over = next(true).await;
    assert_eq!((taken_over.len(), handed_over.len()), (64, 64));
    assert!(handed_over[0].1 > taken_over[0].1, "counted from the takeover");
    assert!(next(false).await[0].1 < handed_over[0].1, "counted from what was cut off");
}
