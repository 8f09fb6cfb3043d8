//! Dialling a proxy by hand and saying anything: what a broken or malicious peer can do.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use schleuse_protocol::limits::VERSION;
use schleuse_protocol::wire::frame::{Frame, FrameReader, FrameType, encode_raw};
use schleuse_protocol::wire::hop::{InnerToOffice, InnerToOuter, OfficeToInner, OuterToInner, RunId};
use schleuse_protocol::wire::token::{RouteToken, StoreId};
use schleuse_transport::clock::Clock;
use schleuse_transport::endpoint::{self, Limits};
use schleuse_transport::framed::{Frames, write_message};
use schleuse_transport::net::{ClientConfig, Connection, ConnectionError, Endpoint, ReadError, RecvStream, SendStream};
use schleuse_transport::tls::{self, Identity, Roots, server_name};

/// How long a peer may take to answer or to refuse: longer than its own header timeout.
pub const ANSWER: Duration = Duration::from_secs(40);

/// How a stream ended that was said something on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer reset the stream with this code.
    Reset(u64),
    /// The peer ended the stream after these frames.
    Finished(Vec<Frame>),
    /// The peer ended the stream with something that is no sequence of frames.
    Garbled(Vec<u8>),
    /// The connection is gone.
    Lost(String),
    /// Nothing happened within [`ANSWER`].
    Silence,
}

/// A connection by hand. The endpoint lives as long.
pub struct Dialled {
    /// The connection.
    pub connection: Connection,
    _endpoint: Endpoint,
    _control: Option<(SendStream, Frames)>,
}

/// Dials any proxy with any configuration.
///
/// # Errors
/// What the handshake said.
pub async fn dial(address: SocketAddr, member: &str, config: ClientConfig) -> Result<Dialled, ConnectionError> {
    let endpoint = endpoint::dial_only(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), config).expect("a free port");
    let connection = endpoint.connect(address, &server_name(member)).expect("a valid name").await?;
    Ok(Dialled { connection, _endpoint: endpoint, _control: None })
}

/// Dials an outer proxy as a sender does.
pub async fn dial_as_sender(address: SocketAddr, outer: &str, roots: &Roots) -> Dialled {
    let config = endpoint::client_config(tls::sender(roots).expect("usable roots"), &Limits::SENDER);
    dial(address, outer, config).await.expect("an outer proxy takes senders")
}

/// The dialling configuration of a member's link.
pub fn link_config(roots: &Roots, identity: &Identity) -> ClientConfig {
    endpoint::client_config(tls::link(roots, identity).expect("a usable identity"), &Limits::LINK)
}

/// Dials an inner proxy as an outer proxy does, and receives the admission keys.
pub async fn dial_as_outer(address: SocketAddr, inner: &str, config: ClientConfig) -> Dialled {
    let mut dialled = dial(address, inner, config).await.expect("an inner proxy takes outer proxies");
    let (mut send, recv) = dialled.connection.open_bi().await.expect("a control stream");
    write_message(&mut send, FrameType::Control, &OuterToInner::Hello(VERSION)).await.expect("it is read");
    let mut frames = Frames::new(recv);
    let keys: InnerToOuter = frames.expect(FrameType::Control, ANSWER).await.expect("admission keys");
    assert!(matches!(keys, InnerToOuter::AdmissionKeys(_)));
    dialled._control = Some((send, frames));
    dialled
}

/// Dials an inner proxy as an office does, and has it mint so many tokens.
pub async fn dial_as_office(
    address: SocketAddr,
    inner: &str,
    config: ClientConfig,
    tokens: u16,
) -> (Dialled, Vec<RouteToken>) {
    let mut dialled = dial(address, inner, config).await.expect("an inner proxy takes offices");
    let (mut send, recv) = dialled.connection.open_bi().await.expect("a control stream");
    let not_after = Clock::start().unix().after(Duration::from_secs(24 * 3600));
    let hello = OfficeToInner::Hello { version: VERSION, store: StoreId([0; 8]), run: RunId([0; 8]) };
    for message in [hello, OfficeToInner::TokensWanted { count: tokens, not_after }] {
        write_message(&mut send, FrameType::Control, &message).await.expect("it is read");
    }
    let mut frames = Frames::new(recv);
    let key = frames.expect(FrameType::Control, ANSWER).await.expect("the key");
    assert!(matches!(key, InnerToOffice::TokenKey(_)), "{key:?}");
    let minted = match frames.expect(FrameType::Control, ANSWER).await.expect("tokens") {
        InnerToOffice::Tokens { tokens, .. } => tokens,
        other => panic!("{inner} says {other:?}"),
    };
    dialled._control = Some((send, frames));
    (dialled, minted)
}

impl Dialled {
    /// Says `bytes` on a new stream, ends it, and waits for what becomes of it.
    pub async fn say(&self, bytes: &[u8]) -> Outcome {
        say(&self.connection, bytes).await
    }
}

/// Says `bytes` on a new stream of a connection, ends it, and waits for what becomes of it.
pub async fn say(connection: &Connection, bytes: &[u8]) -> Outcome {
    let work = async {
        let (mut send, mut recv) = match connection.open_bi().await {
            Ok(stream) => stream,
            Err(error) => return Outcome::Lost(error.to_string()),
        };
        // A peer that has heard enough stops the stream; its answer is what counts.
        let _ = send.write_all(bytes).await;
        let _ = send.finish();
        outcome(&mut recv).await
    };
    tokio::time::timeout(ANSWER, work).await.unwrap_or(Outcome::Silence)
}

/// Reads a stream to its end.
pub async fn outcome(recv: &mut RecvStream) -> Outcome {
    let mut bytes = Vec::new();
    loop {
        match recv.read_chunk(usize::MAX).await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return frames(&bytes).map_or(Outcome::Garbled(bytes), Outcome::Finished),
            Err(ReadError::Reset(code)) => return Outcome::Reset(code.into_inner()),
            Err(error) => return Outcome::Lost(error.to_string()),
        }
    }
}

/// Cuts bytes into frames; none if they are something else.
pub fn frames(mut bytes: &[u8]) -> Option<Vec<Frame>> {
    let mut reader = FrameReader::new();
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        frames.extend(reader.read(&mut bytes, &FrameType::ALL).ok()?);
    }
    reader.is_at_boundary().then_some(frames)
}

/// A frame as it stands on the wire.
pub fn encode(frame: &Frame) -> Vec<u8> {
    encode_raw(frame.frame_type, &[&frame.body])
}

/// Frames as they stand on the wire.
pub fn encode_all<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Vec<u8> {
    frames.into_iter().flat_map(encode).collect()
}
