//! From bytes to text. What is no text in UTF-8 is told by what it looks like, so that the sender knows what to do.

use std::borrow::Cow;

use crate::error::{Guise, PayloadError};

/// The text, without a byte order mark.
///
/// Bytes that are no UTF-8 become U+FFFD if the rest is plainly UTF-8: one field that a database damaged must not take
/// the others along. Its text is flagged like any other with this character.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, PayloadError> {
    if let Some(guise) = guise(bytes) {
        return Err(PayloadError::LooksLike(guise));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(_) if has_wide_characters(bytes) => Ok(String::from_utf8_lossy(bytes)),
        Err(_) if bytes.iter().all(|byte| is_windows_1252(*byte)) => Err(PayloadError::LooksLike(Guise::Windows1252)),
        Err(error) => Err(PayloadError::NotUtf8 { offset: error.valid_up_to() as u64 }),
    }
}

/// What text that is no JSON looks like.
pub(crate) fn guise_of_text(text: &str) -> Option<Guise> {
    let text = text.trim_start();
    let first_line = text.lines().next().unwrap_or("");
    if text.starts_with('<') {
        Some(Guise::Xml)
    } else if !text.starts_with(['{', '[']) && first_line.contains([';', ',', '\t']) {
        Some(Guise::Csv)
    } else {
        None
    }
}

fn guise(bytes: &[u8]) -> Option<Guise> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        Some(Guise::Empty)
    } else if starts(b"\xFF\xFE") || starts(b"\xFE\xFF") || every_second_is_zero(bytes) {
        Some(Guise::Utf16)
    } else if starts(b"\x1F\x8B") {
        Some(Guise::Gzip)
    } else if starts(b"PK\x03\x04") {
        Some(Guise::Zip)
    } else if starts(b"%PDF") {
        Some(Guise::Pdf)
    } else {
        None
    }
}

/// ASCII in UTF-16 without a byte order mark, of either byte order.
fn every_second_is_zero(bytes: &[u8]) -> bool {
    let beginning = &bytes[..bytes.len().min(64) & !1];
    let zeros = |first: usize| beginning.iter().skip(first).step_by(2).all(|byte| *byte == 0);
    beginning.len() >= 4 && (zeros(0) != zeros(1))
}

/// Whether some character of more than one byte is there: no other encoding looks like that.
fn has_wide_characters(bytes: &[u8]) -> bool {
    bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii())
}

fn is_windows_1252(byte: u8) -> bool {
    !matches!(byte, 0 | 0x81 | 0x8D | 0x8F | 0x90 | 0x9D)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks_like(bytes: &[u8]) -> Option<Guise> {
        match decode(bytes) {
            Err(PayloadError::LooksLike(guise)) => Some(guise),
            _ => None,
        }
    }

    #[test]
    fn what_is_not_utf8_is_recognised() {
        let wide = |text: &str, order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<_>>();
        let json = r#"{"guests":[{"lastName":"Müller"}]}"#;
        for text in [json.to_owned(), format!("\u{feff}{json}")] {
            assert_eq!(looks_like(&wide(&text, u16::to_le_bytes)), Some(Guise::Utf16));
            assert_eq!(looks_like(&wide(&text, u16::to_be_bytes)), Some(Guise::Utf16));
        }
        assert_eq!(looks_like(b"{\"lastName\":\"M\xfcller\"}"), Some(Guise::Windows1252));
        assert_eq!(decode(b"{\"\x81\"}"), Err(PayloadError::NotUtf8 { offset: 2 }));
        for (bytes, guise) in [
            (&b""[..], Guise::Empty),
            (b" \n", Guise::Empty),
            (b"\x1f\x8b\x08\x00", Guise::Gzip),
            (b"PK\x03\x04", Guise::Zip),
            (b"%PDF-1.7", Guise::Pdf),
        ] {
            assert_eq!(looks_like(bytes), Some(guise));
        }
    }

    #[test]
    fn a_byte_order_mark_is_dropped_and_one_damaged_field_is_only_that() {
        assert_eq!(decode("\u{feff}{}".as_bytes()).unwrap(), "{}");
        assert_eq!(decode(b"\xc3\xbc \xfc").unwrap(), "\u{fc} \u{fffd}");
    }

    #[test]
    fn text_that_is_no_json_is_recognised() {
        assert_eq!(guise_of_text("Vorname;Nachname\n"), Some(Guise::Csv));
        assert_eq!(guise_of_text(" <html>"), Some(Guise::Xml));
        assert_eq!(guise_of_text("{\"a\";"), None);
    }
}
