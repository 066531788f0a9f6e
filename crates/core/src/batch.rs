//! Batch: which stretch of a queued row a request carries, and the identity that follows from it.
//!
//! A row at position `p` with `n` events covers the addresses `p..p + n`, and no other queued row of its lane has one of them. An event keeps
//! its address through every split, and gets a new one only when it is joined with events of other rows in a batch that failed: so the
//! identity of a request is a function of addresses alone.

use ring::digest::{Context, SHA256};
use uuid::{Builder, Uuid};

/// Consecutive events of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The address of the first.
    pub address: i64,
    /// How many.
    pub count: u32,
}

/// The id of a batch: the same for the same events in the same order, also after a restart.
pub fn id(mapping_id: i64, stretches: impl IntoIterator<Item = Stretch>) -> Uuid {
    let mut context = Context::new(&SHA256);
    context.update(&mapping_id.to_be_bytes());
    for stretch in stretches {
        context.update(&stretch.address.to_be_bytes());
        context.update(&stretch.count.to_be_bytes());
    }
    uuid_of(context)
}

/// The id of what is left of a batch: the same whenever the same of its events (by their index) are.
pub fn id_of_part(whole: Uuid, kept: impl IntoIterator<Item = usize>) -> Uuid {
    let mut context = Context::new(&SHA256);
    context.update(whole.as_bytes());
    for index in kept {
        context.update(&index.to_be_bytes());
    }
    uuid_of(context)
}

/// Where a batch that was joined of several rows stands: at addresses of its own, with room for the 4000 that it may need. At the
/// address of its first event it could grow over what else became of that event's row. They are negative, before all rows
/// that were ever queued: in an ordered lane, nothing that was queued later goes before what is tried again.
pub fn address_apart(id: Uuid) -> i64 {
    const APART: i64 = 1 << 62;
    const ROOM_BITS: u32 = 12;
    let random = i64::from_be_bytes(id.as_bytes()[..8].try_into().expect("eight of sixteen"));
    ((random & (APART - 1)) >> ROOM_BITS << ROOM_BITS) - APART
}

fn uuid_of(context: Context) -> Uuid {
    let digest = context.finish();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// How many of `count` events go into the first of two halves.
pub fn half(count: u32) -> u32 {
    count.div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joined_batch_stands_before_all_rows_with_room_for_its_events() {
        let ids = (0..1000).map(|number| id(1, [Stretch { address: number, count: 2 }]));
        for id in ids.chain([Uuid::nil(), Uuid::max()]) {
            let address = address_apart(id);
            assert!(address % 4096 == 0 && address + 4000 < 0, "{address}");
        }
    }

    #[test]
    fn an_id_depends_on_the_mapping_and_on_every_address() {
        let stretch = |address, count| Stretch { address, count };
        let same = || [stretch(10_000, 3), stretch(20_000, 4)];
        assert_eq!(id(1, same()), id(1, same()));
        assert_ne!(id(1, same()), id(2, same()));
        assert_ne!(id(1, same()), id(1, [stretch(10_000, 3), stretch(20_000, 5)]));
        assert_ne!(id(1, same()), id(1, [stretch(20_000, 4), stretch(10_000, 3)]));
        assert_eq!(id(1, same()).get_version_num(), 8);
    }

    #[test]
    fn the_id_of_a_part_depends_on_the_whole_and_on_what_is_kept() {
        let whole = id(1, [Stretch { address: 10_000, count: 3 }]);
        assert_eq!(id_of_part(whole, [0, 2]), id_of_part(whole, [0, 2]));
        assert_ne!(id_of_part(whole, [0, 2]), id_of_part(whole, [0, 1]));
        assert_ne!(id_of_part(whole, [0]), id_of_part(Uuid::nil(), [0]));
    }

    #[test]
    fn halves_add_up_and_shrink() {
        for count in 2..50 {
            assert!(half(count) < count && half(count) * 2 >= count);
        }
    }
}
