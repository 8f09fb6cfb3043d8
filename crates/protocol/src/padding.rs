//! Padmé padding (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", PETS 2019, section 4): the padded
//! length has few significant bits, so a size tells little, at a cost of at most 12 %.

use crate::limits::MIN_PADDED;

/// The length to which a content of `length` bytes is padded.
pub fn padded_len(length: u64) -> u64 {
    padme(length.max(MIN_PADDED))
}

/// Padmé: keep as many leading bits of the length as its exponent needs, round the rest up.
fn padme(length: u64) -> u64 {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let significant = exponent.checked_ilog2().unwrap_or(0) + 1;
    let low_bits = exponent.saturating_sub(significant);
    let mask = (1u64 << low_bits) - 1;
    length.checked_add(mask).map_or(u64::MAX, |sum| sum & !mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_values_computed_by_hand_from_the_paper() {
        // exponent 3, significant bits 2, so one low bit is rounded up
        assert_eq!(padme(9), 10);
        assert_eq!(padme(8), 8);
        // exponent 9, significant bits 4, five low bits
        assert_eq!(padme(1000), 1024);
        assert_eq!(padme(513), 544);
        // exponent 26, significant bits 5, 21 low bits
        assert_eq!(padme(100_000_000), 100_663_296);
    }

    #[test]
    fn never_shrinks_and_costs_at_most_twelve_percent() {
        for length in (MIN_PADDED..2_000_000).step_by(37) {
            let padded = padded_len(length);
            assert!(padded >= length);
            assert!((padded - length) * 100 <= length * 12, "{length} -> {padded}");
        }
        assert_eq!(padded_len(0), MIN_PADDED);
        assert_eq!(padded_len(u64::MAX), u64::MAX);
    }
}
