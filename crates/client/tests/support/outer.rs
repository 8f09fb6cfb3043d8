//! An outer proxy that knows the office itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use schleuse_protocol::wire::refusal::StreamRefusal;
use schleuse_protocol::wire::reply::Reason;
use schleuse_transport::endpoint::{EndpointKeys, Limits, bind, listen, server_config};
use schleuse_transport::net::{Code, Endpoint};
use schleuse_transport::secret::SecretKey;
use schleuse_transport::tls::{Identity, Peers, server};

use super::office::FakeOffice;

/// What happens to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// It is stored and gets its receipt.
    Deliver,
    /// Reset before the office saw it.
    Reset(StreamRefusal),
    /// Refused inside the seal.
    Refuse(Reason),
    /// Refused inside the seal as long as its attempt is not above this.
    Supersede(u64),
    /// Reset once so many segments came over it.
    CutAfter(u32),
    /// No answer, although the proxy is there.
    Mute,
    /// An answer that is not the office's, and nothing else.
    Babble,
    /// It reaches the office late, and its answer the sender.
    Late { up: Duration, down: Duration },
    /// Nothing is taken, and nothing answered, once so many segments came over it.
    MuteAfter(u32),
    /// What the office said before anything was stored, as a proxy can replay it.
    Stale,
    /// No receipt, although everything is there.
    MuteAtTheEnd,
    /// The proxy is being stopped: it closes the connection and says so.
    Drain,
    /// A receipt for another length.
    WrongReceipt,
}

pub(crate) struct FakeOuter {
    endpoint: Endpoint,
    connections: AtomicUsize,
    streams: AtomicUsize,
}

impl FakeOuter {
    pub(crate) fn start(
        identity: &Identity,
        office: Arc<FakeOffice>,
        limits: &Limits,
        script: impl Fn(usize) -> Act + Send + Sync + 'static,
    ) -> Arc<Self> {
        let tls = server(identity, &Peers::Anonymous).expect("a usable identity");
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let socket = bind(local, NonZeroUsize::MIN).expect("a free port").remove(0);
        let keys = EndpointKeys::derive(&SecretKey::new([1; 32]), "outer", 0);
        let endpoint = listen(socket, &keys, server_config(tls, limits)).expect("an endpoint");
        let outer = Arc::new(Self { endpoint, connections: AtomicUsize::new(0), streams: AtomicUsize::new(0) });
        tokio::spawn(outer.clone().run(office, Arc::new(script)));
        outer
    }

    async fn run(self: Arc<Self>, office: Arc<FakeOffice>, script: Arc<impl Fn(usize) -> Act + Send + Sync + 'static>) {
        while let Some(incoming) = self.endpoint.accept().await {
            let Ok(connecting) = incoming.accept() else { continue };
            let (outer, office, script) = (self.clone(), office.clone(), script.clone());
            tokio::spawn(async move {
                let Ok(connection) = connecting.await else { return };
                outer.connections.fetch_add(1, Ordering::Relaxed);
                while let Ok((send, recv)) = connection.accept_bi().await {
                    let act = script(outer.streams.fetch_add(1, Ordering::Relaxed));
                    if act == Act::Drain {
                        let code = Code::from_u64(StreamRefusal::Unavailable.code()).expect("a small code");
                        return connection.close(code, b"");
                    }
                    let office = office.clone();
                    tokio::spawn(async move { office.serve(act, send, recv).await });
                }
            });
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.endpoint.local_addr().expect("it is bound")
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Streams so far.
    pub(crate) fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }
}
