//! Connection ids that say, to this proxy only, on which thread a connection lives.
//!
//! Eight bytes: `nonce 4 | (core 2 | zeros 2) XOR mask`, where the mask is the beginning of SipHash-2-4 over the nonce. To
//! everybody without the key an id is random, and two ids of one connection have nothing in common (RFC 9000, 5.1).

use std::hash::Hasher;
#[allow(deprecated)] // in favour of a hasher without a key of one's own
use std::hash::SipHasher;

use quinn_proto::{ConnectionId, ConnectionIdGenerator, InvalidCid};

const NONCE: usize = 4;
const LENGTH: usize = 8;
/// First byte of packets whose header has the length of the id (RFC 8999, 5.1).
const LONG_HEADER: u8 = 0x80;

/// The key of all ids of one address of one process.
#[derive(Clone, Copy)]
pub(super) struct CidKey(pub(super) u64, pub(super) u64);

impl CidKey {
    fn id(self, nonce: [u8; NONCE], core: u16) -> [u8; LENGTH] {
        let mut id = [0; LENGTH];
        id[..NONCE].copy_from_slice(&nonce);
        let [high, low] = core.to_be_bytes();
        for (byte, (plain, mask)) in id[NONCE..].iter_mut().zip([high, low, 0, 0].into_iter().zip(self.mask(&nonce))) {
            *byte = plain ^ mask;
        }
        id
    }

    /// The core that is in an id; none if it is not one of ours.
    fn core(self, id: &[u8]) -> Option<u16> {
        let (nonce, hidden) = id.split_at_checked(NONCE)?;
        let mask = self.mask(nonce);
        match *hidden {
            [a, b, c, d] if [c, d] == mask[2..] => Some(u16::from_be_bytes([a ^ mask[0], b ^ mask[1]])),
            _ => None,
        }
    }

    /// The core for which a datagram is, by the id of its first packet. None if it has an id that the peer chose, as the
    /// first packets of a handshake do.
    pub(super) fn core_of(self, datagram: &[u8]) -> Option<u16> {
        self.core(destination(datagram)?)
    }

    #[allow(deprecated)]
    fn mask(self, nonce: &[u8]) -> [u8; LENGTH - NONCE] {
        let mut hasher = SipHasher::new_with_keys(self.0, self.1);
        hasher.write(nonce);
        let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
        [a, b, c, d]
    }
}

/// The destination id, if it is as long as ours.
fn destination(datagram: &[u8]) -> Option<&[u8]> {
    match datagram {
        [first, rest @ ..] if first & LONG_HEADER == 0 => rest.get(..LENGTH),
        [_, _, _, _, _, length, rest @ ..] if usize::from(*length) == LENGTH => rest.get(..LENGTH),
        _ => None,
    }
}

/// Makes the ids of one core.
pub(super) struct Generator {
    pub(super) key: CidKey,
    pub(super) core: u16,
    /// How many cores there are, if packets are passed on between them.
    pub(super) cores: Option<u16>,
}

impl ConnectionIdGenerator for Generator {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&self.key.id(rand::random(), self.core))
    }

    fn validate(&self, cid: &ConnectionId) -> Result<(), InvalidCid> {
        let core = self.key.core(cid).ok_or(InvalidCid)?;
        // After a restart with fewer threads somebody must still know the others' ids, to answer that they are gone.
        let owner = self.cores.map_or(core, |cores| core % cores);
        if owner == self.core { Ok(()) } else { Err(InvalidCid) }
    }

    fn cid_len(&self) -> usize {
        LENGTH
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: CidKey = CidKey(1, 2);

    #[test]
    fn the_core_is_found_in_short_and_long_headers_and_only_with_the_key() {
        for core in [0, 1, 7, 300, u16::MAX] {
            let id = KEY.id([3, 1, 4, 1], core);
            let short = [&[0x43][..], &id, &[9; 30]].concat();
            let long = [&[0xc3, 0, 0, 0, 1, 8][..], &id, &[0; 30]].concat();
            assert_eq!((KEY.core_of(&short), KEY.core_of(&long)), (Some(core), Some(core)));
            assert_eq!(CidKey(1, 3).core_of(&short), None);
        }
        assert_eq!(KEY.core_of(&[0xc3, 0, 0, 0, 1, 20, 0, 0, 0]), None);
        assert_eq!(KEY.core_of(&[]), None);
        assert_eq!(KEY.core_of(&[0x40]), None);
    }

    #[test]
    fn ids_of_one_core_have_nothing_in_common() {
        let ids: Vec<_> = (0..64u8).map(|nonce| KEY.id([nonce, 0, 0, 0], 5)).collect();
        for byte in NONCE..LENGTH {
            let values: std::collections::HashSet<u8> = ids.iter().map(|id| id[byte]).collect();
            assert!(values.len() > 32, "byte {byte} has only {} values in 64 ids", values.len());
        }
    }

    #[test]
    fn a_core_knows_its_own_ids_and_after_a_restart_with_fewer_those_of_the_others() {
        let made = |core| Generator { key: KEY, core, cores: Some(4) }.generate_cid();
        let knows = |core, cores, cid| Generator { key: KEY, core, cores }.validate(&cid).is_ok();
        assert!(knows(3, Some(4), made(3)) && !knows(2, Some(4), made(3)));
        assert!(knows(1, Some(2), made(3)) && !knows(0, Some(2), made(3)));
        assert!(knows(0, Some(1), made(0)) && knows(0, Some(1), made(3)), "a restart with one thread");
        assert!(knows(0, None, made(0)) && !knows(0, None, made(1)));
    }
}
