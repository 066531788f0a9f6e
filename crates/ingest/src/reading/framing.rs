//! Framing: where the messages of a gRPC body begin: a byte that says whether it is compressed, four of length, then
//! so many bytes.

const HEADER: usize = 5;

/// How far a body is read.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// Bytes of a header that came, and how many they are.
    header: [u8; HEADER],
    have: usize,
    /// Bytes of a message that are still to come.
    left: usize,
    /// The message was announced; its header may be passed on.
    is_announced: bool,
}

/// What to do with the next bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// So many may be passed on.
    Pass(usize),
    /// A message begins. Asked again, with the same bytes, they may be passed on.
    Message {
        /// Its bytes.
        length: usize,
        /// They are compressed.
        is_compressed: bool,
    },
}

impl Framing {
    /// Looks at bytes that came; there is at least one.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Next {
        if self.left > 0 {
            let body = self.left.min(bytes.len());
            self.left -= body;
            return Next::Pass(body);
        }
        let missing = (HEADER - self.have).min(bytes.len());
        let mut header = self.header;
        header[self.have..self.have + missing].copy_from_slice(&bytes[..missing]);
        if self.have + missing < HEADER {
            (self.header, self.have) = (header, self.have + missing);
            return Next::Pass(missing);
        }
        let [flag, length @ ..] = header;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if !std::mem::replace(&mut self.is_announced, true) {
            return Next::Message { length, is_compressed: flag != 0 };
        }
        let body = length.min(bytes.len() - missing);
        *self = Self { left: length - body, ..Self::default() };
        Next::Pass(missing + body)
    }

    /// Whether a message has begun and not ended.
    pub(super) fn is_inside(&self) -> bool {
        self.left > 0 || self.have > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths of the messages that are announced, and the pieces that are passed on.
    fn read(chunks: &[&[u8]]) -> (Vec<usize>, Vec<usize>, bool) {
        let (mut framing, mut lengths, mut pieces) = (Framing::default(), vec![], vec![]);
        for chunk in chunks {
            let mut rest = *chunk;
            while !rest.is_empty() {
                match framing.next(rest) {
                    Next::Message { length, .. } => lengths.push(length),
                    Next::Pass(bytes) => {
                        pieces.push(bytes);
                        rest = &rest[bytes..];
                    }
                }
            }
        }
        (lengths, pieces, framing.is_inside())
    }

    #[test]
    fn a_message_is_announced_once_before_its_bytes_are_passed_on() {
        let two = [0, 0, 0, 0, 3, 1, 2, 3, 1, 0, 0, 0, 1, 9];
        assert_eq!(read(&[&two]), (vec![3, 1], vec![8, 6], false));
        assert_eq!(read(&[&two[..2], &two[2..7], &two[7..10], &two[10..]]).0, [3, 1]);
        let bytes: Vec<&[u8]> = two.chunks(1).collect();
        assert_eq!(read(&bytes), (vec![3, 1], vec![1; 14], false));
    }

    #[test]
    fn a_message_may_be_empty_and_may_be_cut_off() {
        assert_eq!(read(&[&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]), (vec![0, 0], vec![5, 5], false));
        assert_eq!(read(&[&[0, 0, 0, 0, 3, 1]]), (vec![3], vec![6], true));
        assert_eq!(read(&[&[0, 0]]), (vec![], vec![2], true));
    }
}
