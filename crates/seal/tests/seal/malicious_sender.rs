//! A sender that has a ticket and breaks the rules inside the seal. The format is written out here a second time.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use schleuse_protocol::channel::{ChannelError, OfficeChannel, OfficeSeal, SenderChannel};
use schleuse_protocol::limits::{SEGMENT_DATA, TRAILER_PLAINTEXT};
use schleuse_protocol::wire::hello::{ContentHash, Trailer, pad_fixed};
use schleuse_protocol::wire::ticket::Suite;
use schleuse_seal::{Connection, SegmentOpener, StorageKey};
use sha2::{Digest, Sha256};

use crate::common::*;

/// An opened connection, and the key with which its sender seals whatever it likes.
struct Malicious {
    channel: Connection,
    key: [u8; 32],
}

impl Malicious {
    fn new() -> Self {
        let minted = mint(Suite::X25519, 1);
        let sender = sender(&minted, 1);
        let opened = office().open_hello(minted.raw(), &minted.keys, sender.hello());
        let opened = opened.expect("an authentic hello");
        Self { channel: opened.channel, key: *opened.storage_key.to_bytes() }
    }

    /// STREAM: 7 zero bytes, position, last.
    fn seal(&self, position: u32, last: u8, plaintext: &[u8]) -> Vec<u8> {
        let mut nonce = [0; 12];
        nonce[7..11].copy_from_slice(&position.to_be_bytes());
        nonce[11] = last;
        let cipher = ChaCha20Poly1305::new(&self.key.into());
        cipher.encrypt(&Nonce::from(nonce), plaintext).expect("a short plaintext")
    }

    fn segment(&mut self, position: u32, plaintext: &[u8]) -> Result<u32, ChannelError> {
        let sealed = self.seal(position, 0, plaintext);
        self.channel.open_segment(position, &sealed)
    }

    fn last(&mut self, position: u32, plaintext: &[u8]) -> Result<Trailer, ChannelError> {
        let sealed = self.seal(position, 1, plaintext);
        self.channel.open_final(position, &sealed)
    }

    /// Data with padding, and then a trailer that says `content`.
    fn content(data: &[u8], padding: usize, said: &[u8]) -> Result<Trailer, ChannelError> {
        let mut malicious = Self::new();
        malicious.segment(0, &plaintext(data, padding))?;
        malicious.last(1, &trailer(said, said.len() as u64))
    }
}

fn plaintext(data: &[u8], padding: usize) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("short data");
    [&length.to_le_bytes()[..], data, &vec![0; padding]].concat()
}

fn trailer(content: &[u8], length: u64) -> Vec<u8> {
    let content_hash = ContentHash(Sha256::digest(content).into());
    pad_fixed(&Trailer { length, content_hash, identity: None }, TRAILER_PLAINTEXT).expect("it fits")
}

#[test]
fn the_rules_kept_are_accepted() {
    let trailer = Malicious::content(b"data", 1020, b"data").unwrap();
    assert_eq!(trailer.length, 4);
}

#[test]
fn a_trailer_that_does_not_match_the_content_is_refused() {
    assert_eq!(Malicious::content(b"data", 1020, b"date"), Err(ChannelError::Malformed), "another hash");
    let mut malicious = Malicious::new();
    malicious.segment(0, &plaintext(b"data", 1020)).unwrap();
    assert_eq!(malicious.last(1, &trailer(b"data", 5)), Err(ChannelError::Malformed), "another length");
}

#[test]
fn a_trailer_of_another_form_is_refused() {
    let good = trailer(b"data", 4);
    let mut dirty = good.clone();
    *dirty.last_mut().unwrap() = 1;
    let longer = [&good[..], &[0]].concat();
    for bad in [&dirty[..], &longer, &good[..255], &[], &[0xff; 256], &[0; 256]] {
        let mut malicious = Malicious::new();
        malicious.segment(0, &plaintext(b"data", 1020)).unwrap();
        assert_eq!(malicious.last(1, bad), Err(ChannelError::Malformed));
    }
}

#[test]
fn another_padding_is_refused() {
    assert_eq!(Malicious::content(b"data", 1019, b"data"), Err(ChannelError::Malformed), "too little");
    assert_eq!(Malicious::content(b"data", 1021, b"data"), Err(ChannelError::Malformed), "too much");
    let mut dirty = plaintext(b"data", 1020);
    *dirty.last_mut().unwrap() = 1;
    assert_eq!(Malicious::new().segment(0, &dirty), Err(ChannelError::Malformed), "not zeros");
    let mut malicious = Malicious::new();
    assert_eq!(malicious.last(0, &trailer(b"", 0)), Err(ChannelError::Malformed), "none");
}

#[test]
fn another_shape_is_refused() {
    for (name, bad) in [
        ("no length", vec![]),
        ("half a length", vec![0; 3]),
        ("nothing", plaintext(b"", 0)),
        ("more data than there are", [&9u32.to_le_bytes()[..], b"data"].concat()),
        ("4 GiB of data", [&u32::MAX.to_le_bytes()[..], b"data"].concat()),
    ] {
        assert_eq!(Malicious::new().segment(0, &bad), Err(ChannelError::Malformed), "{name}");
    }
    // Longer than a segment: refused before it is opened.
    let long = plaintext(&vec![1; SEGMENT_DATA], 1);
    assert_eq!(Malicious::new().segment(0, &long), Err(ChannelError::NotAuthentic));

    let mut malicious = Malicious::new();
    malicious.segment(0, &plaintext(&[1; 512], 0)).unwrap();
    assert_eq!(malicious.segment(1, &plaintext(&[1; 512], 0)), Err(ChannelError::Malformed), "after a short one");
    assert_eq!(malicious.segment(1, &plaintext(b"", 512)), Err(ChannelError::Malformed), "padding after a short one");

    // The office would otherwise store masses of padding.
    let mut malicious = Malicious::new();
    assert_eq!(malicious.segment(0, &plaintext(b"", SEGMENT_DATA)), Err(ChannelError::Malformed));
}

#[test]
fn a_stored_segment_of_another_form_is_an_error_too() {
    let malicious = Malicious::new();
    let opener = SegmentOpener::new(&StorageKey::from_bytes(&malicious.key));
    for bad in [&b""[..], b"abc", &[9, 0, 0, 0, 1]] {
        assert!(opener.open_segment(0, &malicious.seal(0, 0, bad)).is_err());
    }
    assert_eq!(opener.open_segment(0, &malicious.seal(0, 0, &plaintext(b"data", 3))).unwrap()[..], *b"data");
}
