//! The links to the inner proxies: dialled, kept, dialled again. Streams of senders come in over them.

mod arrivals;
mod lease;
mod routes;
mod stream;
mod writes;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use schleuse_protocol::limits::{HEADER_TIMEOUT, VERSION};
use schleuse_protocol::wire::frame::FrameType;
use schleuse_protocol::wire::hop::{InnerToOffice, OfficeToInner};
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_transport::backoff::Backoff;
use schleuse_transport::endpoint::{self, Limits, StreamBudget};
use schleuse_transport::exit::AppError;
use schleuse_transport::framed::{self, Frames};
use schleuse_transport::net::{
    ClientConfig, Code, ConnectError, Connection, ConnectionError, Endpoint, RecvStream, SendStream, WriteError,
};
use schleuse_transport::relay::refusal_code;
use schleuse_transport::tls::{self, Fingerprint, Identity, Roots};
use tokio::sync::Notify;

pub(crate) use arrivals::Arrivals;
pub(crate) use lease::Leases;
pub use routes::LinkStatus;
pub(crate) use routes::{Connected, Routes, Shortage};

use crate::config::InnerAddress;
use crate::core::Core;

/// First and longest delay before dialling again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// A connection that lived so long was a success.
const STABLE: Duration = Duration::from_secs(10);
/// Code with which a connection is closed: nothing is wrong.
const CLOSED: Code = Code::NONE;

/// What inner proxies may send us at a time: enough for the fastest disk, and little memory when the disk is slow.
const LINK_LIMITS: Limits = Limits { connection_window: 4 * 1024 * 1024, max_streams: 1024, ..Limits::LINK };

/// How links are dialled.
pub(crate) fn client_config(roots: &Roots, identity: &Identity) -> Result<ClientConfig, AppError> {
    Ok(endpoint::client_config(tls::link(roots, identity)?, &LINK_LIMITS))
}

/// The endpoint from which all links are dialled.
pub(crate) fn dialler(config: ClientConfig) -> Result<Endpoint, AppError> {
    // Both families where the machine has both.
    let any = |ip| SocketAddr::new(ip, 0);
    let endpoint = endpoint::dial_only(any(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), config.clone())
        .or_else(|_| endpoint::dial_only(any(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), config))?;
    Ok(endpoint)
}

/// Keeps one inner proxy connected until the daemon drains.
pub(crate) async fn keep(core: Arc<Core>, endpoint: Endpoint, inner: InnerAddress) {
    let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
    loop {
        let Some(dialled) = core.shutdown.unless_draining(dial(&core, &endpoint, &inner)).await else { return };
        match dialled {
            Ok(link) => {
                tracing::info!(inner = %inner.id, address = %inner.address, "connected");
                let since = core.clock.millis();
                let end = link.run().await;
                if core.clock.millis().since(since) >= STABLE {
                    backoff.reset();
                }
                tracing::info!(inner = %inner.id, "link ended: {end}");
            }
            Err(trouble) => {
                // Once loudly, then quietly: a proxy that is away for a day must not fill the log.
                match backoff.failures() {
                    0 => tracing::warn!(inner = %inner.id, address = %inner.address, "cannot connect: {trouble}"),
                    _ => tracing::debug!(inner = %inner.id, address = %inner.address, "cannot connect: {trouble}"),
                }
                core.routes.failed(inner.id, trouble.to_string());
            }
        }
        let delay = backoff.next_delay();
        if core.shutdown.unless_draining(tokio::time::sleep(delay)).await.is_none() {
            return;
        }
    }
}

/// Why an inner proxy could not be connected.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("its address cannot be looked up: {0}")]
    LookUp(std::io::Error),
    #[error("its address has no entry in the name service")]
    NoAddress,
    #[error("it cannot be dialled: {0}")]
    Connect(#[from] ConnectError),
    #[error("{0}")]
    Connection(#[from] ConnectionError),
    #[error("no answer within {} seconds", HEADER_TIMEOUT.as_secs())]
    TimedOut,
    #[error(
        "its key is not the one that the directory pins for it: is the address right, and the directory up to date?"
    )]
    WrongKey,
    #[error("the control stream failed: {0}")]
    Control(#[from] WriteError),
}

async fn dial(core: &Arc<Core>, endpoint: &Endpoint, inner: &InnerAddress) -> Result<Link, DialError> {
    tokio::time::timeout(HEADER_TIMEOUT, dial_untimed(core, endpoint, inner)).await.map_err(|_| DialError::TimedOut)?
}

async fn dial_untimed(core: &Arc<Core>, endpoint: &Endpoint, inner: &InnerAddress) -> Result<Link, DialError> {
    let mut addresses = tokio::net::lookup_host(&inner.address).await.map_err(DialError::LookUp)?;
    let address = addresses.next().ok_or(DialError::NoAddress)?;
    let connection = endpoint.connect_with(core.client(), address, &tls::server_name(inner.id.as_str()))?.await?;
    let pinned = |key: &Fingerprint| core.members.is_inner(&inner.id, key, core.clock.unix());
    let Some(key) = tls::peer_fingerprint(&connection).filter(pinned) else {
        connection.close(CLOSED, b"");
        return Err(DialError::WrongKey);
    };
    let (mut send, recv) = connection.open_bi().await?;
    framed::write_message(&mut send, FrameType::Control, &OfficeToInner::Hello(VERSION)).await?;
    Ok(Link { core: Arc::clone(core), inner: inner.id, key, connection, send, frames: Frames::new(recv) })
}

/// One connection to an inner proxy, with its control stream.
struct Link {
    core: Arc<Core>,
    inner: MemberId,
    /// Of the key that it has proved to hold.
    key: Fingerprint,
    connection: Connection,
    send: SendStream,
    frames: Frames,
}

/// How a link ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the connection is lost: {0}")]
    Lost(#[from] ConnectionError),
    #[error("the inner proxy drains; running streams go on")]
    Drained,
    #[error("this daemon stops")]
    Stopping,
    #[error("the directory has it, or its key, no longer")]
    Removed,
    #[error("the inner proxy broke the protocol: {0}")]
    Protocol(String),
}

impl Link {
    /// Accepts streams and keeps tokens in stock, until the link is of no more use for new streams.
    async fn run(mut self) -> End {
        let Connected { generation, control } = self.core.routes.connected(self.inner);
        // Goes on after a drain, as long as the connection lives: running streams may finish.
        let acceptor = self.core.tasks.spawn(accept(Arc::clone(&self.core), self.connection.clone()));
        let end = self.converse(generation, control).await;
        self.core.routes.disconnected(self.inner, generation);
        match end {
            End::Protocol(_) | End::Removed => self.connection.close(CLOSED, b""),
            End::Stopping => {
                let drain = framed::write_message(&mut self.send, FrameType::Control, &OfficeToInner::Drain);
                let _ = self.core.shutdown.unless_stopped(drain).await;
                let _ = acceptor.await;
            }
            End::Drained => {
                // The control stream stays open beside the streams that finish; a new link is dialled meanwhile.
                let tasks = self.core.tasks.clone();
                tasks.spawn(async move {
                    let _ = acceptor.await;
                    drop(self);
                });
            }
            End::Lost(_) => {}
        }
        end
    }

    async fn converse(
        &mut self,
        generation: u64,
        mut control: tokio::sync::mpsc::UnboundedReceiver<OfficeToInner>,
    ) -> End {
        let members = Arc::clone(&self.core.members);
        let (inner, key) = (self.inner, self.key);
        let mut removed = pin!(members.removed(&inner, &key));
        loop {
            tokio::select! {
                () = &mut removed => return End::Removed,
                message = self.frames.next_message(FrameType::Control) => match message {
                    Ok(Some(InnerToOffice::Tokens { not_after, tokens })) => {
                        self.core.routes.tokens(self.inner, generation, not_after, tokens);
                    }
                    Ok(Some(InnerToOffice::Drain)) => return End::Drained,
                    Ok(None) => return End::Protocol("it ended the control stream".into()),
                    Err(error) => return self.broken(error.to_string()),
                },
                message = control.recv() => {
                    // The sender is gone when a newer connection took this one's place.
                    let Some(message) = message else { return End::Drained };
                    if let Err(error) = framed::write_message(&mut self.send, FrameType::Control, &message).await {
                        return self.broken(error.to_string());
                    }
                }
                () = self.core.shutdown.draining() => return End::Stopping,
            }
        }
    }

    fn broken(&self, error: String) -> End {
        self.connection.close_reason().map_or(End::Protocol(error), End::Lost)
    }
}

/// Takes the streams of one connection. Those that come while the daemon drains, or for which there is no room, are told
/// to come later.
async fn accept(core: Arc<Core>, connection: Connection) {
    let budget = StreamBudget::new(connection.clone(), &LINK_LIMITS);
    let ended = Arc::new(Notify::new());
    loop {
        let draining = core.shutdown.is_draining();
        if draining && budget.open() == 0 {
            return;
        }
        let (send, recv) = tokio::select! {
            accepted = connection.accept_bi() => match accepted {
                Ok(stream) => stream,
                Err(_) => return,
            },
            () = core.shutdown.stopped() => return connection.close(CLOSED, b""),
            () = core.shutdown.draining(), if !draining => continue,
            () = ended.notified(), if draining => continue,
        };
        let Some(arrival) = core.arrivals.enter().filter(|_| !draining) else {
            refuse(send, recv);
            continue;
        };
        let (slot, core, ended) = (budget.accepted(), Arc::clone(&core), Arc::clone(&ended));
        // In a box: tokio copies a task several times before and after it runs, and this one has kilobytes.
        core.tasks.clone().spawn(Box::pin(async move {
            stream::serve(core, send, recv, arrival).await;
            drop(slot);
            ended.notify_one();
        }));
    }
}

fn refuse(mut send: SendStream, mut recv: RecvStream) {
    let code = refusal_code(StreamRefusal::Unavailable);
    let _ = send.reset(code);
    let _ = recv.stop(code);
}
