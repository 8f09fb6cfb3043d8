//! What quinn needs of tokio, with fewer system calls than quinn's own adapter.
//!
//! * After a batch that did not fill all buffers the socket is empty: it is not asked again only to hear that.
//! * Nobody waits for the socket to become writable, which otherwise wakes the thread once more for each packet that was sent,
//!   when the kernel lets go of it. Should the send buffer be full, sending is tried again a millisecond later.
//! * A timer that moves into the future stays armed where it is, and moves on when it fires. quinn moves its timers with
//!   every packet, mostly further away; and each time that tokio is told of a timer that is earlier than the one it waits
//!   for, it wakes itself with a system call.
//! * The receive buffer has room for as many datagrams as one system call can bring, not for 64 of the largest.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime};
use tokio::time::{Sleep, sleep_until};

use super::post::Place;

/// quinn on the tokio runtime that this is used in.
#[derive(Debug, Default)]
pub(super) struct Driver {
    /// Where the endpoint finds what came in on another core's socket.
    pub(super) place: Option<Place>,
}

impl Runtime for Driver {
    fn new_timer(&self, deadline: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(LazyTimer { armed: Box::pin(sleep_until(deadline.into())), deadline })
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        TokioRuntime.spawn(future);
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> std::io::Result<Arc<dyn AsyncUdpSocket>> {
        #[cfg(unix)]
        return Ok(Arc::new(drained::Socket::new(socket, self.place.clone())?));
        #[cfg(not(unix))]
        return TokioRuntime.wrap_udp_socket(socket);
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}

/// Fires at `deadline`, which is never before the time at which `armed` does.
#[derive(Debug)]
struct LazyTimer {
    armed: Pin<Box<Sleep>>,
    deadline: Instant,
}

impl AsyncTimer for LazyTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.deadline = deadline;
        // One that has fired must be armed anew; for tokio that is not to be told from one that is about to fire.
        if deadline < self.armed.deadline().into_std() || self.armed.is_elapsed() {
            self.armed.as_mut().reset(deadline.into());
        }
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<()> {
        let deadline = self.deadline;
        loop {
            ready!(Future::poll(self.armed.as_mut(), cx));
            if deadline <= self.armed.deadline().into_std() {
                return Poll::Ready(());
            }
            self.armed.as_mut().reset(deadline.into());
        }
    }
}

#[cfg(unix)]
mod drained {
    use std::future::Future;
    use std::io::{self, IoSliceMut};
    use std::net::{SocketAddr, UdpSocket};
    use std::pin::Pin;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};
    use std::task::{Context, Poll, ready};
    use std::time::Duration;

    use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
    use quinn::{AsyncUdpSocket, UdpPoller};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::time::{Sleep, sleep};

    use super::super::limits::LARGEST_DATAGRAM;
    use super::super::post::Place;

    /// Most bytes that the kernel joins into one receive (UDP GRO).
    const MAX_BATCH: usize = 65_535;
    /// How soon a full send buffer is tried again.
    const RETRY: Duration = Duration::from_millis(1);
    /// After so many errors in a row, half a minute of nothing else, the socket is given up.
    const MOST_ERRORS: u32 = 40;

    /// A socket that knows when it is empty.
    #[derive(Debug)]
    pub(super) struct Socket {
        io: AsyncFd<UdpSocket>,
        state: UdpSocketState,
        /// Whether the kernel's send buffer was full when last something was sent.
        is_full: AtomicBool,
        place: Option<Place>,
        /// Whether the letterbox is looked into before the socket; they take turns, so that neither starves.
        box_first: AtomicBool,
        trouble: Trouble,
    }

    impl Socket {
        pub(super) fn new(socket: UdpSocket, place: Option<Place>) -> io::Result<Self> {
            // This makes it non-blocking as well.
            let state = UdpSocketState::new((&socket).into())?;
            // Deprecated because the type might not own what it registers; this one does.
            #[allow(deprecated)]
            let io = AsyncFd::with_interest(socket, Interest::READABLE)?;
            let (is_full, box_first) = (AtomicBool::new(false), AtomicBool::new(false));
            Ok(Self { io, state, is_full, place, box_first, trouble: Trouble::default() })
        }

        fn poll_socket(
            &self,
            cx: &mut Context,
            buffers: &mut [IoSliceMut<'_>],
            meta: &mut [RecvMeta],
        ) -> Poll<io::Result<usize>> {
            loop {
                ready!(self.trouble.poll_over(cx));
                let mut readiness = ready!(self.io.poll_read_ready(cx))?;
                let Ok(received) = readiness.try_io(|io| self.state.recv(io.get_ref().into(), buffers, meta)) else {
                    continue;
                };
                match received {
                    Ok(count) => {
                        self.trouble.end();
                        if count < buffers.len() {
                            // What came after the system call makes it ready again.
                            readiness.clear_ready();
                        }
                        return Poll::Ready(Ok(count));
                    }
                    Err(error) => self.trouble.begin(error)?,
                }
            }
        }
    }

    impl AsyncUdpSocket for Socket {
        fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
            Box::pin(Poller { socket: self, retry: None })
        }

        fn try_send(&self, transmit: &Transmit) -> io::Result<()> {
            let sent = self.state.send(self.io.get_ref().into(), transmit);
            let is_full = matches!(&sent, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
            self.is_full.store(is_full, Ordering::Relaxed);
            sent
        }

        fn poll_recv(
            &self,
            cx: &mut Context,
            buffers: &mut [IoSliceMut<'_>],
            meta: &mut [RecvMeta],
        ) -> Poll<io::Result<usize>> {
            let Some(Place { post, core }) = &self.place else { return self.poll_socket(cx, buffers, meta) };
            if self.box_first.fetch_not(Ordering::Relaxed) {
                let collected = post.collect(*core, buffers, meta);
                if collected > 0 {
                    return Poll::Ready(Ok(collected));
                }
            }
            if let Poll::Ready(received) = self.poll_socket(cx, buffers, meta) {
                let count = received?;
                post.sort(*core, &mut buffers[..count], &mut meta[..count]);
                return Poll::Ready(Ok(count));
            }
            post.wait(*core, cx);
            match post.collect(*core, buffers, meta) {
                0 => Poll::Pending,
                collected => Poll::Ready(Ok(collected)),
            }
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            self.io.get_ref().local_addr()
        }

        fn may_fragment(&self) -> bool {
            self.state.may_fragment()
        }

        fn max_transmit_segments(&self) -> usize {
            self.state.max_gso_segments()
        }

        fn max_receive_segments(&self) -> usize {
            self.state.gro_segments().min(MAX_BATCH.div_ceil(usize::from(LARGEST_DATAGRAM)))
        }
    }

    /// Errors of receiving. quinn ends an endpoint with the first, and with it all connections; but the next attempt mostly
    /// works: the kernel had no memory, an interface was down, somebody's ICMP message was handed on.
    #[derive(Debug, Default)]
    struct Trouble {
        in_a_row: AtomicU32,
        pause: Mutex<Option<Pin<Box<Sleep>>>>,
    }

    impl Trouble {
        /// After an error: the next attempt is made a little later each time.
        fn begin(&self, error: io::Error) -> io::Result<()> {
            let before = self.in_a_row.fetch_add(1, Ordering::Relaxed);
            if before >= MOST_ERRORS {
                return Err(error);
            }
            if before == 0 {
                tracing::warn!(%error, "receiving has failed; it is tried again");
            }
            let pause = RETRY.saturating_mul(1 << before.min(10));
            *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::pin(sleep(pause)));
            Ok(())
        }

        fn end(&self) {
            if self.in_a_row.load(Ordering::Relaxed) > 0 {
                let errors = self.in_a_row.swap(0, Ordering::Relaxed);
                tracing::info!(errors, "receiving works again");
            }
        }

        fn poll_over(&self, cx: &mut Context) -> Poll<()> {
            if self.in_a_row.load(Ordering::Relaxed) > 0 {
                let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(sleep) = &mut *pause {
                    ready!(sleep.as_mut().poll(cx));
                    *pause = None;
                }
            }
            Poll::Ready(())
        }
    }

    /// Lets one connection wait while the send buffer is full.
    #[derive(Debug)]
    struct Poller {
        socket: Arc<Socket>,
        retry: Option<Pin<Box<Sleep>>>,
    }

    impl UdpPoller for Poller {
        fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
            if self.socket.is_full.load(Ordering::Relaxed) {
                let retry = self.retry.get_or_insert_with(|| Box::pin(sleep(RETRY)));
                ready!(retry.as_mut().poll(cx));
            }
            self.retry = None;
            Poll::Ready(Ok(()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// When a timer fires that is set to the first delay and then moved to the others, in seconds.
    async fn fires_after(delays: &[u32]) -> Duration {
        let start = Instant::now();
        let at = |delay: &u32| (start + SECOND * *delay).into_std();
        let mut timer = Driver::default().new_timer(at(&delays[0]));
        for delay in &delays[1..] {
            assert!(poll_fn(|cx| Poll::Ready(timer.as_mut().poll(cx))).await.is_pending());
            timer.as_mut().reset(at(delay));
        }
        poll_fn(|cx| timer.as_mut().poll(cx)).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_fires_at_its_last_deadline_wherever_it_was_before() {
        assert_eq!(fires_after(&[2]).await, 2 * SECOND);
        assert_eq!(fires_after(&[2, 5]).await, 5 * SECOND);
        assert_eq!(fires_after(&[2, 5, 9, 3]).await, 3 * SECOND);
        assert_eq!(fires_after(&[5, 1]).await, SECOND);
        assert_eq!(fires_after(&[5, 1, 8]).await, 8 * SECOND);
    }

    /// The kernel hands a connected socket the ICMP message that its last datagram brought back, as an error of receiving.
    #[cfg(unix)]
    #[tokio::test]
    async fn an_error_of_receiving_does_not_end_an_endpoint() {
        use std::net::UdpSocket;

        use quinn::udp::{RecvMeta, Transmit};

        use crate::testing::{LOOPBACK, soon};

        let peer = UdpSocket::bind(LOOPBACK).unwrap();
        let (gone, own) = (peer.local_addr().unwrap(), UdpSocket::bind(LOOPBACK).unwrap());
        own.connect(gone).unwrap();
        drop(peer);
        let address = own.local_addr().unwrap();
        let socket = Driver::default().wrap_udp_socket(own).unwrap();
        let transmit = Transmit { destination: gone, ecn: None, contents: b"x", segment_size: None, src_ip: None };
        let (mut buffer, mut metas) = ([0; 2_048], [RecvMeta::default()]);
        let mut receive = |cx: &mut Context| {
            let mut buffers = [std::io::IoSliceMut::new(&mut buffer)];
            socket.poll_recv(cx, &mut buffers, &mut metas)
        };
        assert!(poll_fn(|cx| Poll::Ready(receive(cx))).await.is_pending());
        socket.try_send(&transmit).unwrap();
        // The peer is back while the error waits to be received.
        let peer = UdpSocket::bind(gone).unwrap();
        peer.send_to(b"hello", address).unwrap();
        assert_eq!(soon(poll_fn(receive)).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_has_fired_can_be_set_again() {
        let start = Instant::now();
        let mut timer = Driver::default().new_timer((start + SECOND).into_std());
        tokio::time::sleep(3 * SECOND).await;
        timer.as_mut().reset((start + 4 * SECOND).into_std());
        poll_fn(|cx| timer.as_mut().poll(cx)).await;
        assert_eq!(start.elapsed(), 4 * SECOND);
    }
}
