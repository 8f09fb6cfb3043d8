//! Tickets as text (protocol.md 3.1): how they are written, how they are read after mail programs, messengers and paper have
//! had them, and how they are kept out of error messages.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::FromStr;

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use super::Ticket;
use crate::limits::MAX_TICKET;
use crate::wire::WireError;

/// Version of the text form.
const FORM: u8 = 1;
/// Form and length.
const HEAD: usize = 3;
/// CRC-32.
const CHECK: usize = 4;
/// Letters of Base32 that form and length are in, and two bytes more.
const HEAD_LETTERS: usize = 8;
/// So many letters of Base32 in a row are no word, no name and no hexadecimal key, but could be a ticket.
const CONSPICUOUS: usize = 48;
/// After a scheme or `#`, fewer are enough.
const CONSPICUOUS_AFTER_MARK: usize = 16;
/// What is shown in place of a ticket.
const SHOWN: &str = "<ticket>";
/// Longer text is no ticket, whatever is around it.
const MAX_TEXT: usize = 16 * MAX_TICKET;
/// How often a link may be packed into another one.
const MAX_UNPACKING: usize = 3;

impl Ticket {
    /// Scheme of the URI form.
    pub const SCHEME: &'static str = "schleuse:";

    /// The URI form, `SCHLEUSE:` and Base32: all of it in the alphanumeric set of QR codes.
    pub fn to_uri(&self) -> String {
        self.text_after(&[&Self::SCHEME.to_ascii_uppercase()])
    }

    /// The link form: `base` and the Base32 text as the fragment, which browsers never send to a server.
    pub fn to_link(&self, base: &str) -> String {
        self.text_after(&[base, "#"])
    }

    /// The caller wipes what it gets; no other copy is left behind, because the text never grows.
    fn text_after(&self, beginning: &[&str]) -> String {
        let bytes = self.text_bytes();
        let length = BASE32_NOPAD.encode_len(bytes.len());
        let mut text = String::with_capacity(beginning.iter().map(|part| part.len()).sum::<usize>() + length);
        beginning.iter().for_each(|part| text.push_str(part));
        BASE32_NOPAD.encode_append(&bytes, &mut text);
        text
    }

    /// `form u8 | length u16 BE | ticket | CRC-32 BE of all before`.
    fn text_bytes(&self) -> Zeroizing<Vec<u8>> {
        let ticket = self.as_bytes();
        let mut bytes = Zeroizing::new(Vec::with_capacity(HEAD + ticket.len() + CHECK));
        bytes.push(FORM);
        // A ticket has at most 8,192 bytes.
        bytes.extend_from_slice(&u16::try_from(ticket.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(ticket);
        let check = crc32(&bytes);
        bytes.extend_from_slice(&check.to_be_bytes());
        bytes
    }
}

impl FromStr for Ticket {
    type Err = TicketTextError;

    /// Reads a URI, a link, or the Base32 alone, whatever stands around it, and whatever mail has put into it: white
    /// space, line breaks, soft hyphens, invisible characters, quotes, brackets, `>`; also percent-encoded, and as a part
    /// of another link.
    fn from_str(text: &str) -> Result<Self, TicketTextError> {
        if text.len() > MAX_TEXT {
            return Err(TicketTextError::TooLong);
        }
        let text = Zeroizing::new(unpacked(text));
        let mut trouble = TicketTextError::NotATicket;
        for letters in candidates(&text) {
            match read(letters) {
                Ok(ticket) => return Ok(ticket),
                // The most advanced attempt says most.
                Err(error) if error.rank() > trouble.rank() => trouble = error,
                Err(_) => {}
            }
        }
        Err(trouble)
    }
}

/// Why a text is no ticket. It never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketTextError {
    /// Nothing in it looks like a ticket.
    #[error("not a ticket: it holds neither 'schleuse:…' nor a link with a '#' part; copy the whole ticket")]
    NotATicket,
    /// Longer than any ticket with anything around it.
    #[error("not a ticket: the text is too long")]
    TooLong,
    /// The end is missing.
    #[error("the ticket is incomplete: {there} of its {all} characters are here; copy all of it, to the end")]
    Cut {
        /// Letters that are there.
        there: usize,
        /// Letters that there should be.
        all: usize,
    },
    /// It is complete, but a character was changed, or one is no letter of a ticket.
    #[error("the ticket is damaged: a character was changed on its way; copy it again from where it was first")]
    Damaged,
    /// A form that this program does not know.
    #[error("the ticket has a form that this program does not know: use a newer version, or copy the ticket again")]
    UnknownForm,
    /// It came as it was written, but the bytes are no ticket.
    #[error("the ticket is not valid: ask the office for another one")]
    Wire(#[from] WireError),
}

impl TicketTextError {
    fn rank(self) -> u8 {
        match self {
            Self::NotATicket | Self::TooLong => 0,
            Self::UnknownForm => 1,
            Self::Damaged => 2,
            Self::Cut { .. } => 3,
            Self::Wire(_) => 4,
        }
    }
}

/// Whether a text could be, or hold, a ticket, whole or in part: it must not be shown.
pub fn may_be_ticket(text: &str) -> bool {
    matches!(without_tickets(text), Cow::Owned(_)) || candidates(&Zeroizing::new(unpacked(text))).next().is_some()
}

/// The text with `<ticket>` in place of what could be a ticket or a part of one: for everything that repeats what a
/// person has typed.
pub fn without_tickets(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut written = 0;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with(SHOWN) {
            // What was replaced before is no ticket.
            at += SHOWN.len();
            continue;
        }
        if !is_base32(c) {
            at += c.len_utf8();
            continue;
        }
        let is_marked = ends_with_mark(text[..at].trim_end_matches(is_noise));
        let end = at + run(&text[at..], is_marked);
        let letters = text[at..end].chars().filter(|c| is_base32(*c)).count();
        if letters >= if is_marked { CONSPICUOUS_AFTER_MARK } else { CONSPICUOUS } {
            shown.push_str(&text[written..at]);
            shown.push_str(SHOWN);
            written = end;
        }
        at = end;
    }
    if written == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[written..]);
    Cow::Owned(shown)
}

fn ends_with_mark(before: &str) -> bool {
    let has_scheme = |scheme: &str| {
        before
            .len()
            .checked_sub(scheme.len())
            .and_then(|at| before.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(scheme))
    };
    before.ends_with('#') || before.ends_with("%23") || has_scheme(Ticket::SCHEME)
}

/// Bytes of letters of Base32 at the beginning, with noise between them; with white space only after a mark, where it
/// cannot be the space between words. No noise at the end.
fn run(text: &str, is_marked: bool) -> usize {
    let mut end = 0;
    for (at, c) in text.char_indices() {
        if is_base32(c) {
            end = at + c.len_utf8();
        } else if !is_noise(c) || (c.is_whitespace() && !is_marked) || text[at..].starts_with(SHOWN) {
            break;
        }
    }
    end
}

/// Without noise, and with percent-encoding undone, also where it was applied more than once.
fn unpacked(text: &str) -> String {
    let mut text: String = text.chars().filter(|c| !is_noise(*c)).collect();
    for _ in 0..MAX_UNPACKING {
        let decoded = percent_decoded(&text);
        let was_packed = decoded.len() < text.len();
        zeroize::Zeroize::zeroize(&mut text);
        text = decoded;
        if !was_packed {
            break;
        }
    }
    text
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code.filter(u8::is_ascii_graphic) {
            Some(code) => {
                decoded.push(char::from(code));
                rest = &after[2..];
            }
            None => {
                decoded.push('%');
                rest = after;
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

/// Where a ticket's letters could begin, to the end of the text: after each mark, and at each long run of letters, which
/// is how some mail filters leave the link's `#`.
fn candidates(text: &str) -> impl Iterator<Item = &str> {
    let mut before = None;
    text.char_indices().filter_map(move |(at, c)| {
        let begins = is_base32(c) && !before.is_some_and(is_base32);
        before = Some(c);
        let letters = &text[at..];
        let is_marked = ends_with_mark(&text[..at]);
        let long_enough = |least| letters.chars().take(least).filter(|c| is_base32(*c)).count() == least;
        // "-23", "*23" and the like: the sign before was not understood.
        let letters = if is_marked { letters } else { letters.strip_prefix("23").unwrap_or(letters) };
        (begins && long_enough(if is_marked { CONSPICUOUS_AFTER_MARK } else { CONSPICUOUS })).then_some(letters)
    })
}

/// Reads the letters of one ticket; what comes after it does not matter.
fn read(text: &str) -> Result<Ticket, TicketTextError> {
    let end = text.find(|c| !is_base32(c)).unwrap_or(text.len());
    let (letters, after) = text.split_at(end);
    let letters = Zeroizing::new(letters.to_ascii_uppercase());
    let head = letters.get(..HEAD_LETTERS).ok_or(TicketTextError::NotATicket)?;
    let head = BASE32_NOPAD.decode(head.as_bytes()).map_err(|_| TicketTextError::Damaged)?;
    let &[form, high, low, ..] = head.as_slice() else { return Err(TicketTextError::Damaged) };
    if form != FORM {
        return Err(TicketTextError::UnknownForm);
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length == 0 || length > MAX_TICKET {
        return Err(TicketTextError::Damaged);
    }
    let all = BASE32_NOPAD.encode_len(HEAD + length + CHECK);
    let Some(letters) = letters.get(..all) else {
        // A digit that no ticket has, or a letter with an accent, was not written by us.
        let is_broken = after.starts_with(char::is_alphanumeric) || fits_another_length(&letters);
        let cut = TicketTextError::Cut { there: end, all };
        return Err(if is_broken { TicketTextError::Damaged } else { cut });
    };
    let bytes = Zeroizing::new(BASE32_NOPAD.decode(letters.as_bytes()).map_err(|_| TicketTextError::Damaged)?);
    let (body, check) = bytes.split_at(HEAD + length);
    if crc32(body).to_be_bytes() != check {
        return Err(TicketTextError::Damaged);
    }
    Ok(Ticket::from_bytes(body[HEAD..].to_vec())?)
}

/// Whether the letters would be a ticket if only their head did not lie about the length: then the head was changed.
fn fits_another_length(letters: &str) -> bool {
    let Ok(bytes) = BASE32_NOPAD.decode(letters.as_bytes()) else { return false };
    let mut bytes = Zeroizing::new(bytes);
    let Some(length) = bytes.len().checked_sub(HEAD + CHECK).and_then(|length| u16::try_from(length).ok()) else {
        return false;
    };
    bytes[1..HEAD].copy_from_slice(&length.to_be_bytes());
    let (body, check) = bytes.split_at(HEAD + usize::from(length));
    crc32(body).to_be_bytes() == check
}

fn is_base32(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | '2'..='7')
}

/// What people and programs put into and around a ticket, and what cannot be seen.
fn is_noise(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | '|'
            | '\u{AB}' | '\u{BB}' | '\u{2018}'..='\u{201F}' | '\u{2039}' | '\u{203A}'
            | '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// CRC-32 as in IEEE 802.3: notices every change within 32 bits that follow each other, so every changed letter.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn percent_encoding_is_undone_and_other_signs_stay() {
        assert_eq!(percent_decoded("a%23b%2523c%zz%"), "a#b%23c%zz%");
        assert_eq!(unpacked("https%253A//x%2523 a\u{ad}b"), "https://x#ab");
    }
}
