//! The guard under paused time.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const WRONG: CredentialHash = [0; 32];
const RIGHT: CredentialHash = [1; 32];

fn peer(last: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(192, 0, 2, last), 50_000))
}

fn guard() -> Guard {
    Guard::new(Metrics::default())
}

/// Tries wrong credentials; how many were looked at.
fn guesses(guard: &Guard, peer: impl Into<Option<SocketAddr>>, count: usize) -> usize {
    let peer = peer.into();
    let looked_at = (0..count).filter(|_| {
        let admitted = guard.admit(peer, &WRONG).is_ok();
        if admitted {
            guard.failed(peer, &WRONG);
        }
        admitted
    });
    looked_at.count()
}

#[tokio::test(start_paused = true)]
async fn guessing_is_slowed_down_for_one_address_and_no_other() {
    let guard = guard();
    assert_eq!(guesses(&guard, peer(1), 1000), 20);
    assert_eq!(guesses(&guard, peer(2), 5), 5);
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(guesses(&guard, peer(1), 1000), 10, "one every three seconds");
    assert_eq!(guard.metrics.guarded.get(), 980 + 990);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_says_when_to_come_back_and_then_is_looked_at() {
    let guard = guard();
    guesses(&guard, peer(1), 20);
    let guarded = guard.admit(Some(peer(1)), &RIGHT).unwrap_err();
    assert_eq!(guarded.retry_after, Duration::from_secs(3));
    let status = Status::from(guarded);
    assert_eq!(status.code(), Code::ResourceExhausted);
    let retry = status.get_details_retry_info().unwrap().retry_delay;
    assert_eq!(retry, Some(Duration::from_secs(3)));
    tokio::time::advance(guarded.retry_after).await;
    assert_eq!(guard.admit(Some(peer(1)), &RIGHT), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn who_was_right_from_an_address_before_is_let_through_while_others_there_guess() {
    let guard = guard();
    guard.succeeded(Some(peer(1)), &RIGHT);
    guesses(&guard, peer(1), 100);
    guesses(&guard, peer(2), 100);
    assert_eq!(guard.admit(Some(peer(1)), &RIGHT), Ok(()));
    assert!(guard.admit(Some(peer(2)), &RIGHT).is_err(), "it was right from another address only");
    guard.failed(Some(peer(1)), &RIGHT);
    assert!(guard.admit(Some(peer(1)), &RIGHT).is_err(), "it was revoked");
}

#[tokio::test(start_paused = true)]
async fn addresses_of_one_ipv6_network_count_as_one() {
    let guard = guard();
    let at = |network: u16, host: u16| {
        Some(SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, network, 0, 0, 0, host), 1)))
    };
    for host in 0..20 {
        assert_eq!(guesses(&guard, at(1, host), 1), 1);
    }
    assert_eq!(guesses(&guard, at(1, 99), 1), 0);
    assert_eq!(guesses(&guard, at(2, 99), 1), 1);
    let mapped = Some(SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped(), 1)));
    guesses(&guard, mapped, 20);
    assert_eq!(guesses(&guard, peer(1), 1), 0, "mapped or not, it is the same address");
}

#[tokio::test(start_paused = true)]
async fn however_many_addresses_come_little_is_remembered() {
    let guard = guard();
    for number in 0..200_000_u32 {
        let peer = Some(SocketAddr::from((Ipv4Addr::from(number), 1)));
        guard.failed(peer, &WRONG);
        guard.succeeded(peer, &WRONG);
    }
    assert!(guard.buckets().len() <= 2 * buckets::ADDRESSES_MAX);
    assert!(guard.known.read().unwrap().len() <= KNOWN_MAX);
}
