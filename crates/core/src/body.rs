//! Body: the exact bytes of a request, in the pieces in which they lie in memory.
//!
//! A request is often made of several queued rows. Its body is their text between brackets and commas of its own, so
//! that nothing is copied to sign and send it, and a request under way needs no memory beside its rows.
//! Invariant: the pieces, one after another, are the text.

use bytes::{BufMut, Bytes, BytesMut};
use smallvec::{SmallVec, smallvec};

const OPEN: Bytes = Bytes::from_static(b"[");
const COMMA: Bytes = Bytes::from_static(b",");
const CLOSE: Bytes = Bytes::from_static(b"]");

/// The text of a request's body.
#[derive(Debug, Clone, Default)]
pub struct Body {
    pieces: SmallVec<[Bytes; 3]>,
}

impl Body {
    /// One array's text of several interiors: elements with commas between them, without brackets.
    pub fn array(interiors: impl IntoIterator<Item = Bytes>) -> Self {
        let mut pieces: SmallVec<[Bytes; 3]> = smallvec![OPEN];
        for interior in interiors.into_iter().filter(|interior| !interior.is_empty()) {
            if pieces.len() > 1 {
                pieces.push(COMMA);
            }
            pieces.push(interior);
        }
        pieces.push(CLOSE);
        Self { pieces }
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.pieces.iter().all(Bytes::is_empty)
    }

    /// Whether it is this text.
    pub fn is(&self, text: &str) -> bool {
        self.len() == text.len() && self.to_bytes() == text
    }

    /// Its pieces in order.
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// All of it in one piece: copied, unless it is one.
    pub fn to_bytes(&self) -> Bytes {
        if let [whole] = &self.pieces[..] {
            return whole.clone();
        }
        let mut text = BytesMut::with_capacity(self.len());
        for piece in &self.pieces {
            text.put_slice(piece);
        }
        text.freeze()
    }
}

impl From<Bytes> for Body {
    fn from(text: Bytes) -> Self {
        Self { pieces: smallvec![text] }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl IntoIterator for Body {
    type Item = Bytes;
    type IntoIter = smallvec::IntoIter<[Bytes; 3]>;

    fn into_iter(self) -> Self::IntoIter {
        self.pieces.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(interiors: &[&'static str]) -> Body {
        Body::array(interiors.iter().map(|text| Bytes::from_static(text.as_bytes())))
    }

    #[test]
    fn an_array_holds_every_element_in_order() {
        assert_eq!(array(&["1,2", "", "{\"a\":[3]}"]).to_bytes(), "[1,2,{\"a\":[3]}]");
        assert_eq!(array(&[""]).to_bytes(), "[]");
        assert_eq!(array(&[]).to_bytes(), "[]");
    }

    #[test]
    fn its_length_is_that_of_its_text() {
        for texts in [&["1,2", "3"][..], &[""], &[]] {
            assert_eq!(array(texts).len(), array(texts).to_bytes().len(), "{texts:?}");
        }
        assert!(Body::default().is_empty());
    }

    #[test]
    fn it_is_compared_by_its_text_and_not_by_its_pieces() {
        assert!(array(&["1", "2"]).is("[1,2]"));
        assert!(!array(&["1", "2"]).is("[1,3]"));
        assert!(Body::from(String::from("null")).is("null"));
    }

    #[test]
    fn nothing_is_copied_to_join_rows() {
        let row = Bytes::from(vec![b'1'; 100]);
        let body = Body::array([row.clone(), row.clone()]);
        assert!(body.pieces().iter().filter(|piece| piece.as_ptr() == row.as_ptr()).count() == 2);
    }
}
