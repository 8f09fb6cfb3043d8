//! One attempt's seal, shared by the streams that carry it: whichever of them sends a position sends the same bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schleuse_protocol::channel::{ChannelError, SenderChannel};
use schleuse_protocol::wire::hello::Hello;
use schleuse_protocol::wire::receipt::Receipt;
use schleuse_seal::{Replies, Sender};

/// A handle; its clones are the same attempt.
#[derive(Clone)]
pub(crate) struct Channel {
    hello: Arc<Hello>,
    sender: Arc<Mutex<Sender>>,
}

impl Channel {
    pub(crate) fn new(sender: Sender) -> Self {
        Self { hello: Arc::new(sender.hello().clone()), sender: Arc::new(Mutex::new(sender)) }
    }

    /// The attempt itself. Nobody holds it across an `await`, so nobody waits.
    pub(crate) fn sender(&self) -> MutexGuard<'_, Sender> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SenderChannel for Channel {
    type Replies = Replies;

    fn hello(&self) -> &Hello {
        &self.hello
    }

    fn seal_segment_into(
        &mut self,
        position: u32,
        data: &[u8],
        padding: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ChannelError> {
        self.sender().seal_segment_into(position, data, padding, out)
    }

    fn seal_final(&mut self, position: u32) -> Result<Vec<u8>, ChannelError> {
        self.sender().seal_final(position)
    }

    fn replies(&self, salt: &[u8; 32]) -> Replies {
        self.sender().replies(salt)
    }

    fn accepts(&self, receipt: &Receipt) -> bool {
        self.sender().accepts(receipt)
    }
}
