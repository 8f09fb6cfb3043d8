//! Ids and fixed-size values as they stand in columns.

use std::error::Error;

use data_encoding::HEXLOWER;
use rusqlite::Row;
use rusqlite::types::Type;
use schleuse_protocol::wire::Wire as _;
use schleuse_protocol::wire::proof::Attestation;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::ticket::TicketId;

/// Bits of a segment's name that are its position.
const POSITION_BITS: u32 = 24;
/// Segments that an upload may have: at full size they are 1 TiB.
pub(super) const MAX_SEGMENTS: u32 = 1 << POSITION_BITS;

/// Names the segments of one attempt; no two attempts ever have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadId(pub(super) i64);

impl UploadId {
    /// The name of a segment; the names of an upload stand in the order of its segments.
    pub(super) fn segment(self, position: u32) -> Option<i64> {
        (position < MAX_SEGMENTS).then(|| self.first() | i64::from(position))
    }

    /// First and last name that a segment can have.
    pub(super) fn segments(self) -> [i64; 2] {
        [self.first(), self.first() | i64::from(MAX_SEGMENTS - 1)]
    }

    /// The upload of a segment.
    pub(super) fn of(segment: i64) -> Self {
        Self(segment >> POSITION_BITS)
    }

    /// The position in a segment's name.
    pub(super) fn position(segment: i64) -> u32 {
        u32::try_from(segment & i64::from(MAX_SEGMENTS - 1)).expect("24 bits")
    }

    fn first(self) -> i64 {
        self.0 << POSITION_BITS
    }
}

/// Reads 32 hexadecimal digits as a ticket's id.
pub fn parse_ticket_id(text: &str) -> Option<TicketId> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
    Some(TicketId(bytes.try_into().ok()?))
}

pub(super) fn ticket_id(row: &Row<'_>, column: usize) -> rusqlite::Result<TicketId> {
    row.get(column).map(TicketId)
}

pub(super) fn receipt(row: &Row<'_>, column: usize) -> rusqlite::Result<Receipt> {
    Receipt::from_bytes(row.get(column)?).map_err(|error| damaged(column, Type::Blob, error))
}

pub(super) fn attestation(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Attestation>> {
    let Some(bytes) = row.get::<_, Option<Vec<u8>>>(column)? else { return Ok(None) };
    Attestation::from_wire(&bytes).map(Some).map_err(|error| damaged(column, Type::Blob, error))
}

/// A time, size or number with all 64 bits.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(i64::cast_unsigned)
}

fn damaged(column: usize, kind: Type, error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_exactly_32_lower_case_digits() {
        let id = parse_ticket_id("000102030405060708090a0b0c0d0e0f").unwrap();
        assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0e0f");
        for bad in ["", "00", "000102030405060708090A0B0C0D0E0F", "000102030405060708090a0b0c0d0e0f00", "zz"] {
            assert!(parse_ticket_id(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn names_of_segments_stand_in_order_and_never_meet() {
        let (first, second) = (UploadId(7), UploadId(8));
        let last = first.segment(MAX_SEGMENTS - 1).unwrap();
        assert!(first.segment(0) < first.segment(1) && last < second.segment(0).unwrap());
        assert_eq!(first.segments(), [first.segment(0).unwrap(), last]);
        assert_eq!(first.segment(MAX_SEGMENTS), None);
        let name = second.segment(5).unwrap();
        assert_eq!((UploadId::of(name), UploadId::position(name)), (second, 5));
    }
}
