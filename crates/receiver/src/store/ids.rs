//! Ids and fixed-size values as they stand in columns.

use std::str::FromStr;

use data_encoding::HEXLOWER;
use schleuse_protocol::wire::label::Label;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_protocol::wire::ticket::TicketId;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::error::StoreError;

/// Reads 32 hexadecimal digits as a ticket's id.
pub fn parse_ticket_id(text: &str) -> Option<TicketId> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
    Some(TicketId(bytes.try_into().ok()?))
}

/// A random name for the segments of one upload.
pub(crate) fn random_name() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(HEXLOWER.encode(&bytes))
}

pub(super) fn ticket_id(row: &AnyRow, column: &'static str) -> Result<TicketId, StoreError> {
    parse_ticket_id(&row.try_get::<String, _>(column)?).ok_or(StoreError::Damaged(column))
}

pub(super) fn label<const N: usize>(row: &AnyRow, column: &'static str) -> Result<Label<N>, StoreError> {
    Label::from_str(&row.try_get::<String, _>(column)?).map_err(|_| StoreError::Damaged(column))
}

pub(super) fn optional_label<const N: usize>(
    row: &AnyRow,
    column: &'static str,
) -> Result<Option<Label<N>>, StoreError> {
    let Some(text) = row.try_get::<Option<String>, _>(column)? else { return Ok(None) };
    Label::from_str(&text).map(Some).map_err(|_| StoreError::Damaged(column))
}

pub(super) fn hash(row: &AnyRow, column: &'static str) -> Result<[u8; 32], StoreError> {
    row.try_get::<Vec<u8>, _>(column)?.try_into().map_err(|_| StoreError::Damaged(column))
}

pub(super) fn receipt(row: &AnyRow) -> Result<Receipt, StoreError> {
    Receipt::from_bytes(row.try_get("receipt")?).map_err(|_| StoreError::Damaged("receipt"))
}

/// A time, size or number with all 64 bits.
pub(super) fn unsigned(row: &AnyRow, column: &'static str) -> Result<u64, StoreError> {
    Ok(row.try_get::<i64, _>(column)?.cast_unsigned())
}

pub(super) fn position(row: &AnyRow, column: &'static str) -> Result<u32, StoreError> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Damaged(column))
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
}
