//! Page: lists are told a page at a time, each page going on where the one before ended.
//!
//! Invariant: a page token holds the key of the last thing told, and nothing about places in a list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use crate::status;

const SIZE_USUAL: u32 = 100;
const SIZE_MAX: u32 = 1000;

/// Which page is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page<K> {
    size: usize,
    /// The key at which the page before ended; none: the first page.
    pub(crate) after: Option<K>,
}

impl<K: Serialize + DeserializeOwned> Page<K> {
    pub(crate) fn read(size: u32, token: &str) -> Result<Self, Status> {
        let size = if size == 0 { SIZE_USUAL } else { size.min(SIZE_MAX) };
        let after = match token {
            "" => None,
            token => {
                let key = URL_SAFE_NO_PAD.decode(token).ok();
                let key = key.and_then(|key| serde_json::from_slice(&key).ok());
                let mistake = "it is not the next_page_token of an answer to the same question";
                Some(key.ok_or_else(|| status::invalid("page_token", mistake))?)
            }
        };
        Ok(Self { size: size as usize, after })
    }

    /// How many to ask for: one more than are told shows whether there are more.
    pub(crate) fn limit(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX - 1) + 1
    }

    /// The page, and the token of the next; empty when there is none.
    pub(crate) fn cut<T>(&self, found: Vec<T>, key: impl Fn(&T) -> K) -> (Vec<T>, String) {
        self.cut_at(found, false, key)
    }

    /// The same where the last that was found is one too many although the page is not full, for its size in bytes.
    pub(crate) fn cut_at<T>(
        &self,
        mut found: Vec<T>,
        last_is_too_many: bool,
        key: impl Fn(&T) -> K,
    ) -> (Vec<T>, String) {
        let size = if last_is_too_many { (found.len() - 1).clamp(1, self.size) } else { self.size };
        let has_more = found.len() > size;
        found.truncate(size);
        let token = found.last().filter(|_| has_more).map(|last| {
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&key(last)).expect("keys are plain values"))
        });
        (found, token.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(page_size: u32, token: &str) -> Page<i64> {
        Page::read(page_size, token).expect("a token of ours, or none")
    }

    #[test]
    fn a_page_goes_on_where_the_one_before_ended() {
        let page = read(2, "");
        assert_eq!(page.limit(), 3);
        let (told, token) = page.cut(vec![9, 8, 7], |number| *number);
        assert_eq!(told, [9, 8]);
        assert_eq!(read(2, &token).after, Some(8));
        assert_eq!(page.cut(vec![7, 6], |number| *number), (vec![7, 6], String::new()));
    }

    #[test]
    fn a_token_of_something_else_is_refused() {
        for token in ["x", "!!", "WyJhIl0"] {
            assert!(Page::<i64>::read(0, token).is_err(), "{token}");
        }
        assert_eq!(read(0, "").limit(), 101);
        assert_eq!(read(5000, "").limit(), 1001);
    }
}
