//! Tickets as QR codes (ISO/IEC 18004), for the terminal and as pictures.
//!
//! The URI form of a ticket has only characters of the alphanumeric mode, 5.5 bits each. Level L, because the picture
//! is shown on a screen or freshly printed, and the fewer modules it has the more easily a phone reads it.

use std::io::Cursor;

use image::{ImageFormat, Luma};
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode, Version};
use schleuse_protocol::wire::ticket::Ticket;

/// Above this version phones have trouble.
pub const EASY_VERSION: i16 = 15;
/// Pixels of one module in a PNG.
const MODULE_PIXELS: u32 = 8;

/// The code of a ticket's URI.
///
/// # Errors
/// The ticket is too long for any code.
pub fn encode(ticket: &Ticket) -> Result<QrCode, QrError> {
    let uri = ticket.to_uri();
    QrCode::with_error_correction_level(uri.as_bytes(), EcLevel::L).map_err(|_| QrError::TooLong { length: uri.len() })
}

/// The version of a code: 1 (21 modules wide) to 40 (177).
pub fn version(code: &QrCode) -> i16 {
    match code.version() {
        Version::Normal(version) | Version::Micro(version) => version,
    }
}

/// Two modules per character, for terminals with a dark background; most phones read it on a light one, too.
pub fn terminal(code: &QrCode) -> String {
    let (dark, light) = (unicode::Dense1x2::Light, unicode::Dense1x2::Dark);
    code.render::<unicode::Dense1x2>().dark_color(dark).light_color(light).build()
}

/// A picture that scales.
pub fn to_svg(code: &QrCode) -> String {
    code.render::<svg::Color<'_>>().min_dimensions(256, 256).build()
}

/// A picture of 8 pixels per module.
///
/// # Errors
/// The encoder fails.
pub fn to_png(code: &QrCode) -> Result<Vec<u8>, QrError> {
    let picture = code.render::<Luma<u8>>().module_dimensions(MODULE_PIXELS, MODULE_PIXELS).build();
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).map_err(|error| QrError::Png(error.to_string()))?;
    Ok(bytes.into_inner())
}

/// Why there is no QR code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    /// It does not fit.
    #[error(
        "the ticket is too long for a QR code ({length} characters): use a link, or mint it with suite 1 and a short purpose"
    )]
    TooLong {
        /// Characters of the URI.
        length: usize,
    },
    /// The picture cannot be made.
    #[error("the picture cannot be made: {0}")]
    Png(String),
}
