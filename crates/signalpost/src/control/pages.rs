//! Pages: a list as a whole, or as much of it as was asked for.

/// How many a page has.
const PAGE: usize = 500;

/// The beginning of a list.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    /// Whether that is all there is.
    pub(crate) is_complete: bool,
}

/// Fetches pages until there are no more, or as many items as wanted. `page` is given a size and a token, and gives the
/// items and the next token.
pub(crate) async fn all<T>(
    limit: usize,
    mut page: impl AsyncFnMut(u32, String) -> anyhow::Result<(Vec<T>, String)>,
) -> anyhow::Result<Listed<T>> {
    let mut items = Vec::new();
    let mut token = String::new();
    loop {
        let wanted = (limit - items.len()).min(PAGE);
        let (more, next) = page(u32::try_from(wanted).unwrap_or(u32::MAX), token).await?;
        items.extend(more);
        let is_cut = items.len() > limit;
        items.truncate(limit);
        if next.is_empty() || items.len() >= limit {
            return Ok(Listed { items, is_complete: next.is_empty() && !is_cut });
        }
        token = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of 1,200 in pages whose token is the number of the next.
    async fn numbers(limit: usize) -> (Vec<usize>, bool) {
        let listed = all(limit, async |size, token: String| {
            let from: usize = token.parse().unwrap_or(0);
            let to = (from + size as usize).min(1200);
            Ok(((from..to).collect(), if to < 1200 { to.to_string() } else { String::new() }))
        });
        let listed = listed.await.unwrap();
        (listed.items, listed.is_complete)
    }

    #[tokio::test]
    async fn all_pages_are_fetched_up_to_the_limit() {
        assert_eq!(numbers(10_000).await, ((0..1200).collect(), true));
        assert_eq!(numbers(700).await, ((0..700).collect(), false));
        assert_eq!(numbers(1200).await, ((0..1200).collect(), true));
    }
}
