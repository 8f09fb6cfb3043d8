//! Searching for secrets in what leaks: several writings of many words, in one pass over many megabytes.

use std::collections::HashMap;

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};

/// Shorter ones would be found by chance.
const SHORTEST: usize = 4;

/// Words to look for, in all their writings.
#[derive(Default)]
pub struct Words {
    /// By their first four bytes.
    by_start: HashMap<[u8; 4], Vec<Needle>>,
    /// Which two-byte beginnings there are: decides nearly every position.
    starts: Vec<bool>,
    longest: usize,
}

struct Needle {
    bytes: Vec<u8>,
    found: String,
}

impl Words {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { starts: vec![false; 1 << 16], ..Self::default() }
    }

    /// Looks for a text in UTF-8, UTF-16 (both orders), hexadecimal digits and Base64.
    pub fn text(mut self, text: &str) -> Self {
        let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        self.add(format!("'{text}' in UTF-16LE"), utf16(u16::to_le_bytes));
        self.add(format!("'{text}' in UTF-16BE"), utf16(u16::to_be_bytes));
        self.bytes(text, text.as_bytes())
    }

    /// Looks for bytes as they are, in hexadecimal digits and in Base64.
    pub fn bytes(mut self, name: &str, bytes: &[u8]) -> Self {
        self.add(format!("'{name}' as it is"), bytes.to_vec());
        self.add(format!("'{name}' in hex"), HEXLOWER.encode(bytes).into_bytes());
        self.add(format!("'{name}' in HEX"), HEXUPPER.encode(bytes).into_bytes());
        for shift in 0..3 {
            for (alphabet, encoding) in [("Base64", BASE64), ("Base64 for URLs", BASE64URL)] {
                self.add(format!("'{name}' in {alphabet}"), base64_core(bytes, shift, &encoding));
            }
        }
        self
    }

    /// The overlap that pieces of a larger whole need.
    pub fn overlap(&self) -> usize {
        self.longest
    }

    /// Everything that is in `haystack`, each once.
    pub fn find(&self, haystack: &[u8]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for (at, window) in haystack.windows(SHORTEST).enumerate() {
            if !self.starts[usize::from(u16::from_be_bytes([window[0], window[1]]))] {
                continue;
            }
            let start = [window[0], window[1], window[2], window[3]];
            let hits = self.by_start.get(&start).into_iter().flatten();
            for needle in hits.filter(|needle| haystack[at..].starts_with(&needle.bytes)) {
                if !found.contains(&needle.found) {
                    found.push(needle.found.clone());
                }
            }
        }
        found
    }

    fn add(&mut self, found: String, bytes: Vec<u8>) {
        if bytes.len() < SHORTEST {
            return;
        }
        self.longest = self.longest.max(bytes.len());
        self.starts[usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))] = true;
        let start = [bytes[0], bytes[1], bytes[2], bytes[3]];
        self.by_start.entry(start).or_default().push(Needle { bytes, found });
    }
}

/// The characters of a Base64 text that depend on `bytes` alone, when they stand `shift` bytes behind a multiple of 3.
fn base64_core(bytes: &[u8], shift: usize, encoding: &data_encoding::Encoding) -> Vec<u8> {
    let padded = [&vec![0; shift][..], bytes].concat();
    let text = encoding.encode(&padded).into_bytes();
    let first = (shift * 4).div_ceil(3);
    let last = padded.len() * 8 / 6;
    text.get(first..last).map(<[u8]>::to_vec).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(haystack: impl AsRef<[u8]>) -> Vec<String> {
        Words::new().text("Zoë O'Brien").bytes("secret", b"\x01\x02\x03\xfe\xff").find(haystack.as_ref())
    }

    #[test]
    fn finds_every_writing() {
        let name = "Zoë O'Brien";
        assert_eq!(found(format!("xx{name}yy")), ["'Zoë O'Brien' as it is"]);
        let utf16: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(found(utf16), ["'Zoë O'Brien' in UTF-16LE"]);
        assert_eq!(found(format!("a{}", HEXLOWER.encode(name.as_bytes()))), ["'Zoë O'Brien' in hex"]);
        assert_eq!(found([0, 1, 2, 3, 0xfe, 0xff, 0]), ["'secret' as it is"]);
    }

    #[test]
    fn finds_base64_wherever_it_begins() {
        for before in 0..6 {
            for after in 0..4 {
                let whole = [&vec![7; before][..], "Zoë O'Brien".as_bytes(), &vec![9; after]].concat();
                assert!(!found(BASE64.encode(&whole)).is_empty(), "{before} {after}");
            }
        }
    }

    #[test]
    fn finds_nothing_where_there_is_nothing() {
        assert!(found("Zoe O'Brien, Zoë OBrien").is_empty());
        assert!(found([]).is_empty());
    }
}
