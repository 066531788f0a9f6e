//! Race: the first of a name's addresses that connects, as in RFC 8305.
//!
//! The order is the resolver's. The next address is tried when the one before has failed or has not connected for a while,
//! so that one that swallows what is sent to it does not use up the time of the whole attempt.

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

/// After so long without a connection the next address is tried as well.
const NEXT_AFTER: Duration = Duration::from_millis(250);

/// Dials the addresses until one answers; the others are let go. Why the last that failed did; none without addresses.
pub(super) async fn first<T, E, F>(
    addresses: Vec<SocketAddr>,
    dial: impl Fn(SocketAddr) -> F,
) -> Option<Result<T, (SocketAddr, E)>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut left = addresses.into_iter();
    let mut dialling = FuturesUnordered::new();
    let mut failed = None;
    loop {
        if let Some(address) = left.next() {
            let connection = dial(address);
            dialling.push(async move { connection.await.map_err(|error| (address, error)) });
        }
        tokio::select! {
            ended = dialling.next() => match ended {
                Some(Ok(connection)) => return Some(Ok(connection)),
                Some(Err(error)) => failed = Some(Err(error)),
                None => return failed,
            },
            () = tokio::time::sleep(NEXT_AFTER), if left.len() > 0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of addresses told apart by their port: one that ends in 0 swallows everything, one in 1 refuses, others
    /// connect after as many milliseconds as their port says.
    async fn dial(address: SocketAddr) -> Result<u16, &'static str> {
        match address.port() {
            port if port % 10 == 0 => std::future::pending().await,
            port if port % 10 == 1 => Err("refused"),
            port => {
                tokio::time::sleep(Duration::from_millis(port.into())).await;
                Ok(port)
            }
        }
    }

    /// Which port is connected to, or what is said, and after how many milliseconds.
    async fn race(ports: &[u16]) -> (Option<Result<u16, (u16, &'static str)>>, u128) {
        let addresses = ports.iter().map(|port| SocketAddr::from(([192, 0, 2, 1], *port))).collect();
        let began = tokio::time::Instant::now();
        let first = first(addresses, dial).await;
        let first = first.map(|first| first.map_err(|(address, error)| (address.port(), error)));
        (first, began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_swallows_everything_holds_up_the_next_for_a_quarter_of_a_second() {
        assert_eq!(race(&[10, 22]).await, (Some(Ok(22)), 272));
        assert_eq!(race(&[10, 20, 22]).await, (Some(Ok(22)), 522));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_refuses_holds_up_nothing() {
        assert_eq!(race(&[11, 21, 22]).await, (Some(Ok(22)), 22));
        assert_eq!(race(&[10, 11, 22]).await, (Some(Ok(22)), 272));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_slow_may_still_be_the_first() {
        assert_eq!(race(&[302, 902]).await, (Some(Ok(302)), 302));
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_refuse_the_last_is_told() {
        assert_eq!(race(&[11, 21]).await, (Some(Err((21, "refused"))), 0));
        assert_eq!(race(&[]).await, (None, 0));
    }
}
