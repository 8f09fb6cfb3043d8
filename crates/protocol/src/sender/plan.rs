//! What stands at which position, once the length of the content is known (protocol.md 6.3).

use crate::limits::SEGMENT_DATA;
use crate::padding::padded_len;

/// The layout of a padded content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    length: u64,
    padded: u64,
}

/// One position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A segment with so much data, then so much padding.
    Segment { data: usize, padding: usize },
    /// The final frame.
    Final,
}

impl Plan {
    pub(super) fn new(length: u64) -> Self {
        Self { length, padded: padded_len(length) }
    }

    pub(super) fn piece(&self, position: u32) -> Piece {
        let start = u64::from(position) * SEGMENT_DATA as u64;
        let within = |end: u64| (end.saturating_sub(start)).min(SEGMENT_DATA as u64) as usize;
        let (data, all) = (within(self.length), within(self.padded));
        if all == 0 { Piece::Final } else { Piece::Segment { data, padding: all - data } }
    }

    /// Whether no content stands at this position.
    pub(super) fn is_padding(&self, position: u32) -> bool {
        !matches!(self.piece(position), Piece::Segment { data: 1.., .. })
    }

    /// The position of the final frame.
    pub(super) fn last(&self) -> u32 {
        u32::try_from(self.padded.div_ceil(SEGMENT_DATA as u64)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: usize = SEGMENT_DATA;

    #[test]
    fn a_small_content_is_one_segment() {
        let plan = Plan::new(0);
        assert_eq!(plan.piece(0), Piece::Segment { data: 0, padding: 1024 });
        assert_eq!(plan.piece(1), Piece::Final);
        assert_eq!(Plan::new(1000).piece(0), Piece::Segment { data: 1000, padding: 24 });
    }

    #[test]
    fn padding_may_need_segments_of_its_own() {
        // 15 full segments of data and one byte; Padmé adds 53,247 bytes to 982,981, which ends in segment 15
        let plan = Plan::new(15 * FULL as u64);
        let padded = padded_len(15 * FULL as u64);
        assert_eq!(plan.piece(14), Piece::Segment { data: FULL, padding: 0 });
        assert_eq!(plan.piece(15), Piece::Segment { data: 0, padding: (padded - 15 * FULL as u64) as usize });
        assert_eq!(plan.piece(16), Piece::Final);
        assert!(plan.is_padding(15) && plan.is_padding(16) && !plan.is_padding(14));
        assert_eq!(plan.last(), 16);
    }

    #[test]
    fn pieces_add_up_to_the_padded_length() {
        for length in [0, 1, 1023, 1024, 65_531, 65_532, 65_533, 131_064, 1_000_000, 12_345_678] {
            let plan = Plan::new(length);
            let (mut data_sum, mut all_sum) = (0u64, 0u64);
            for position in 0..plan.last() {
                let Piece::Segment { data, padding } = plan.piece(position) else { panic!("{length} {position}") };
                assert!(data + padding == FULL || position + 1 == plan.last());
                data_sum += data as u64;
                all_sum += (data + padding) as u64;
            }
            assert_eq!((data_sum, all_sum), (length, padded_len(length)));
            assert_eq!(plan.piece(plan.last()), Piece::Final);
        }
    }
}
