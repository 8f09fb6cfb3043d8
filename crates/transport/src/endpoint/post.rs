//! Datagrams that came in on another core's socket.
//!
//! The kernel chooses the socket by the peer's address. When that changes in the middle of a connection (a phone leaves the
//! house, a router forgets a mapping), packets come in on a socket whose endpoint does not know the connection. The id says
//! whose they are, and they are put into that core's box. A box is bounded and putting something in never waits: what does
//! not fit is lost, as on any full link.

use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Context;

use futures::task::AtomicWaker;
use quinn::udp::{EcnCodepoint, RecvMeta};

use super::cid::CidKey;

/// Datagrams that wait for one core: as many as one stream's window has, twice.
const BOX: usize = 512;

/// The boxes of all cores at one address.
pub(super) struct Post {
    key: CidKey,
    boxes: Vec<Letterbox>,
}

#[derive(Default)]
struct Letterbox {
    letters: Mutex<VecDeque<Letter>>,
    is_filled: AtomicBool,
    reader: AtomicWaker,
}

struct Letter {
    from: SocketAddr,
    to: Option<IpAddr>,
    ecn: Option<EcnCodepoint>,
    datagram: Box<[u8]>,
}

impl Post {
    pub(super) fn new(key: CidKey, cores: u16) -> Self {
        Self { key, boxes: (0..cores).map(|_| Letterbox::default()).collect() }
    }

    pub(super) fn cores(&self) -> u16 {
        u16::try_from(self.boxes.len()).unwrap_or(u16::MAX)
    }

    /// Takes out what is for other cores, and gives it to them. What is left of each buffer moves to its beginning.
    pub(super) fn sort(&self, own: u16, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) {
        for (buffer, meta) in buffers.iter_mut().zip(metas) {
            let (length, stride) = (meta.len, meta.stride.max(1));
            let (mut at, mut kept) = (0, 0);
            while at < length {
                let end = (at + stride).min(length);
                match self.owner(&buffer[at..end]).filter(|owner| *owner != own) {
                    Some(owner) => self.put(owner, meta, &buffer[at..end]),
                    None => {
                        if kept != at {
                            buffer.copy_within(at..end, kept);
                        }
                        kept += end - at;
                    }
                }
                at = end;
            }
            meta.len = kept;
        }
    }

    fn owner(&self, datagram: &[u8]) -> Option<u16> {
        self.key.core_of(datagram).map(|core| core % self.cores())
    }

    fn put(&self, owner: u16, meta: &RecvMeta, datagram: &[u8]) {
        let Some(letterbox) = self.boxes.get(usize::from(owner)) else { return };
        let mut letters = letterbox.letters.lock().unwrap_or_else(PoisonError::into_inner);
        if letters.len() >= BOX {
            return;
        }
        letters.push_back(Letter { from: meta.addr, to: meta.dst_ip, ecn: meta.ecn, datagram: datagram.into() });
        drop(letters);
        if !letterbox.is_filled.swap(true, Ordering::AcqRel) {
            letterbox.reader.wake();
        }
    }

    /// Fills buffers with what others have put in; says how many.
    pub(super) fn collect(&self, own: u16, buffers: &mut [IoSliceMut<'_>], metas: &mut [RecvMeta]) -> usize {
        let Some(letterbox) = self.boxes.get(usize::from(own)) else { return 0 };
        if !letterbox.is_filled.load(Ordering::Acquire) {
            return 0;
        }
        let mut letters = letterbox.letters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = 0;
        for (buffer, meta) in buffers.iter_mut().zip(metas) {
            let Some(letter) = letters.pop_front() else { break };
            let length = letter.datagram.len().min(buffer.len());
            buffer[..length].copy_from_slice(&letter.datagram[..length]);
            *meta = RecvMeta::default();
            (meta.addr, meta.dst_ip, meta.ecn) = (letter.from, letter.to, letter.ecn);
            (meta.len, meta.stride) = (length, length);
            count += 1;
        }
        // Under the lock: whoever puts something in afterwards finds it empty and wakes.
        letterbox.is_filled.store(!letters.is_empty(), Ordering::Release);
        count
    }

    /// Wakes the core with the next letter. Collect again afterwards: one may have come meanwhile.
    pub(super) fn wait(&self, own: u16, cx: &Context<'_>) {
        if let Some(letterbox) = self.boxes.get(usize::from(own)) {
            letterbox.reader.register(cx.waker());
        }
    }
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post").field("cores", &self.boxes.len()).finish_non_exhaustive()
    }
}

/// One core's place in the post.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) post: std::sync::Arc<Post>,
    pub(super) core: u16,
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker_ref;

    use super::super::cid::Generator;
    use super::*;

    const KEY: CidKey = CidKey(5, 6);

    /// A short packet to a core, with something in it.
    fn packet(core: u16, content: u8) -> Vec<u8> {
        use quinn_proto::ConnectionIdGenerator as _;
        let id = Generator { key: KEY, core, cores: None }.generate_cid();
        [&[0x40][..], &id, &[content; 4]].concat()
    }

    /// What each core has after these packets came in as one batch on the socket of core 0.
    fn delivered(post: &Post, packets: &[Vec<u8>]) -> [Vec<Vec<u8>>; 2] {
        let mut batch = packets.concat();
        let stride = packets[0].len();
        let mut metas = [RecvMeta { len: batch.len(), stride, ..RecvMeta::default() }];
        post.sort(0, &mut [IoSliceMut::new(&mut batch)], &mut metas);
        let kept = batch[..metas[0].len].chunks(stride).map(<[u8]>::to_vec).collect();
        let mut buffers = vec![vec![0; 64]; 2 * BOX];
        let mut slices: Vec<_> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let mut metas = vec![RecvMeta::default(); slices.len()];
        let count = post.collect(1, &mut slices, &mut metas);
        let passed_on = (0..count).map(|index| slices[index][..metas[index].len].to_vec()).collect();
        [kept, passed_on]
    }

    #[test]
    fn each_packet_of_a_batch_goes_to_its_core() {
        let post = Post::new(KEY, 2);
        let packets = [packet(0, 1), packet(1, 2), packet(0, 3), packet(1, 4)];
        let [kept, passed_on] = delivered(&post, &packets);
        assert_eq!(kept, [packets[0].clone(), packets[2].clone()]);
        assert_eq!(passed_on, [packets[1].clone(), packets[3].clone()]);
        post.wait(1, &Context::from_waker(noop_waker_ref()));
        assert_eq!(delivered(&post, &packets[..1])[1], Vec::<Vec<u8>>::new());
    }

    #[test]
    fn ids_that_a_peer_chose_stay_where_they_came_in_and_those_of_lost_cores_are_shared_out() {
        let post = Post::new(KEY, 2);
        let chosen = [&[0xc0, 0, 0, 0, 1, 8][..], &[7; 20]].concat();
        assert_eq!(delivered(&post, std::slice::from_ref(&chosen)), [vec![chosen], vec![]]);
        let of_core_5 = packet(5, 1);
        assert_eq!(delivered(&post, std::slice::from_ref(&of_core_5)), [vec![], vec![of_core_5]]);
    }

    #[test]
    fn a_full_box_takes_no_more() {
        let post = Post::new(KEY, 2);
        let flood: Vec<_> = (0..BOX + 10).map(|_| packet(1, 0)).collect();
        assert_eq!(delivered(&post, &flood)[1].len(), BOX);
    }
}
