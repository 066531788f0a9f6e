//! Names: what a name stands for. `shop/warehouse/orders` is a mapping; `shop/warehouse` and `shop` are all mappings below.

use signalpost_proto::v1::ListMappingsRequest;

use super::{Control, all};

/// How many mappings one word may stand for.
const MAPPINGS_MAX: usize = 100_000;

/// The full names of the mappings that a name stands for; a mapping's own name is taken as it is.
pub(crate) async fn mappings_of(control: &Control, name: &str) -> anyhow::Result<Vec<String>> {
    if name.split('/').count() >= 3 {
        return Ok(vec![name.to_owned()]);
    }
    let listed = all(MAPPINGS_MAX, async |page_size, page_token| {
        let request = ListMappingsRequest { parent: name.to_owned(), page_size, page_token };
        let page = control.answer(control.client().list_mappings(request).await).await?;
        Ok((page.mappings, page.next_page_token))
    });
    let names: Vec<String> = listed.await?.items.into_iter().map(|mapping| mapping.name).collect();
    if names.is_empty() {
        anyhow::bail!("{name} has no mappings");
    }
    Ok(names)
}
