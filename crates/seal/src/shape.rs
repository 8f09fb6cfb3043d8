//! The one shape that the segments of a content may have.
//!
//! Data and then padding, together exactly as long as Padmé says for the content's length, cut into pieces of
//! [`SEGMENT_DATA`] bytes of which only the last may be shorter. So a length has one shape, a malicious sender cannot
//! make an office store masses of tiny or empty segments, and the number of frames tells no more than the padded size.

use schleuse_protocol::channel::ChannelError;
use schleuse_protocol::limits::SEGMENT_DATA;
use schleuse_protocol::padding::padded_len;

/// How far a content has come.
#[derive(Default)]
pub(crate) struct Shape {
    next: u32,
    content: u64,
    padding: u64,
    /// A shorter segment came, so nothing but the final may follow.
    ended: bool,
}

impl Shape {
    /// After so many segments with so many bytes of content and padding, of which the last may have been short.
    pub(crate) fn ended(segments: u32, content: u64, padding: u64) -> Self {
        Self { next: segments, content, padding, ended: true }
    }

    /// The position of the next segment or of the final.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// Bytes of content so far.
    pub(crate) fn content(&self) -> u64 {
        self.content
    }

    /// Takes the next segment, or refuses it and stays as it was.
    pub(crate) fn add(&mut self, data: usize, padding: usize) -> Result<(), ChannelError> {
        let size = data.checked_add(padding).ok_or(ChannelError::Malformed)?;
        let data_after_padding = data > 0 && self.padding > 0;
        if self.ended || size == 0 || size > SEGMENT_DATA || data_after_padding {
            return Err(ChannelError::Malformed);
        }
        let content = self.content + data as u64;
        let all_padding = self.padding + padding as u64;
        if all_padding > 0 && content + all_padding > padded_len(content) {
            return Err(ChannelError::Malformed);
        }
        // The final needs a position of its own.
        self.next = self.next.checked_add(1).ok_or(ChannelError::Malformed)?;
        self.content = content;
        self.padding = all_padding;
        self.ended = size < SEGMENT_DATA;
        Ok(())
    }

    /// Whether the final may follow: the content is padded as it must be.
    pub(crate) fn is_complete(&self) -> bool {
        self.content + self.padding == padded_len(self.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The segments (data, padding) of a content.
    fn pieces(length: usize) -> Vec<(usize, usize)> {
        let total = usize::try_from(padded_len(length as u64)).unwrap();
        (0..total)
            .step_by(SEGMENT_DATA)
            .map(|start| {
                let size = SEGMENT_DATA.min(total - start);
                let data = length.saturating_sub(start).min(size);
                (data, size - data)
            })
            .collect()
    }

    #[test]
    fn every_length_has_a_shape() {
        for length in [0, 1, 1023, 1024, 1025, SEGMENT_DATA - 1, SEGMENT_DATA, SEGMENT_DATA + 1, 10 * SEGMENT_DATA] {
            let mut shape = Shape::default();
            for (data, padding) in pieces(length) {
                assert!(!shape.is_complete());
                shape.add(data, padding).unwrap();
            }
            assert!(shape.is_complete(), "{length}");
            assert_eq!(shape.content(), length as u64);
        }
    }

    #[test]
    fn another_shape_is_refused() {
        let add = |pieces: &[(usize, usize)]| {
            let mut shape = Shape::default();
            pieces.iter().try_for_each(|(data, padding)| shape.add(*data, *padding)).map(|()| shape.is_complete())
        };
        assert_eq!(add(&[(10, 1014)]), Ok(true));
        assert_eq!(add(&[(10, 1013)]), Ok(false), "padded too little");
        assert_eq!(add(&[(10, 1015)]), Err(ChannelError::Malformed), "padded too much");
        assert_eq!(add(&[(10, 0), (0, 1014)]), Err(ChannelError::Malformed), "a segment after a short one");
        assert_eq!(add(&[(0, 0)]), Err(ChannelError::Malformed), "a segment of nothing");
        assert_eq!(add(&[(SEGMENT_DATA, 1)]), Err(ChannelError::Malformed), "a segment that is too long");
        assert_eq!(add(&[(usize::MAX, 1)]), Err(ChannelError::Malformed), "an overflow");
        let full = SEGMENT_DATA;
        let padding = usize::try_from(padded_len(10 * full as u64 - 5)).unwrap() - (10 * full - 5);
        assert!(padding > 5, "the example needs padding beyond its segment");
        let mut pieces = vec![(full, 0); 9];
        pieces.extend([(full - 5, 5), (1, padding - 6)]);
        assert_eq!(add(&pieces), Err(ChannelError::Malformed), "data after padding");
    }

    #[test]
    fn the_last_position_is_kept_for_the_final() {
        let mut shape = Shape { next: u32::MAX - 1, ..Shape::default() };
        assert_eq!(shape.add(SEGMENT_DATA, 0), Ok(()));
        assert_eq!(shape.add(SEGMENT_DATA, 0), Err(ChannelError::Malformed));
        assert_eq!(shape.next(), u32::MAX);
    }
}
