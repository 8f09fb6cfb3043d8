//! An upload that a scenario can stop and watch: its content comes from the test, piece by piece.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use schleuse_client::{Content, Receipt, SendError, Ticket};
use schleuse_tests::background::Running;
use schleuse_tests::network::Network;
use schleuse_tests::wait::{SOON, until};
use tokio::io::{AsyncWriteExt, DuplexStream};

/// An upload under way.
pub(crate) struct Upload<'a> {
    network: &'a Network,
    ticket: Ticket,
    content: Vec<u8>,
    writer: Option<DuplexStream>,
    stored: Arc<Mutex<u64>>,
    sending: Option<Running<Result<Receipt, SendError>>>,
}

impl<'a> Upload<'a> {
    /// Begins with nothing, from the senders' host to the first office.
    pub(crate) fn begin(network: &'a Network) -> Self {
        let (writer, reader) = tokio::io::duplex(1 << 16);
        let ticket = network.office(0).mint(&[]);
        let stored = Arc::new(Mutex::new(0));
        let seen = stored.clone();
        let sending = network.client(0).send(&ticket, Content::reader(reader)).kind("guest-list").patience(2 * SOON);
        let sending = sending.on_progress(move |progress| *seen.lock().unwrap() = progress.stored);
        let sending = Some(network.background().begin(async move { sending.await }));
        Self { network, ticket, content: Vec::new(), writer: Some(writer), stored, sending }
    }

    /// Hands over so many bytes more, as soon as the sender takes them.
    fn write(&mut self, length: usize) {
        let piece: Vec<u8> = (self.content.len()..).take(length).map(|at| (at % 251) as u8).collect();
        self.content.extend_from_slice(&piece);
        let mut writer = self.writer.take().expect("the upload has not ended");
        let writing = self.network.background().begin(async move { writer.write_all(&piece).await.map(|()| writer) });
        self.wait_for("the sender takes more", || writing.is_finished().then_some(()));
        self.writer = Some(writing.wait().expect("the sender reads"));
    }

    /// Writes pieces of this length until something of them is known to be stored, and returns how long that took.
    pub(crate) fn flow(&mut self, piece: usize) -> Duration {
        let (since, before) = (Instant::now(), self.content.len() as u64);
        self.write(piece);
        let stored = self.stored.clone();
        self.wait_for("something of it is stored", || (*stored.lock().unwrap() > before).then_some(()));
        since.elapsed()
    }

    fn wait_for(&mut self, what: &str, mut condition: impl FnMut() -> Option<()>) {
        let ended = until(what, 2 * SOON, || match condition() {
            Some(()) => Some(false),
            None => self.sending.as_ref().is_none_or(Running::is_finished).then_some(true),
        });
        if ended {
            panic!("the upload has ended early: {:?}", self.sending.take().map(Running::wait));
        }
    }

    /// Ends the content, waits for the receipt and compares what is stored. Returns how long the end took.
    pub(crate) fn finish(mut self) -> Duration {
        let since = Instant::now();
        self.writer = None;
        let receipt = self.sending.take().expect("it is under way").wait().unwrap();
        let took = since.elapsed();
        assert_eq!(receipt.wire().body().length, self.content.len() as u64);
        assert!(self.network.office(0).read(&self.ticket).unwrap() == self.content);
        took
    }
}
