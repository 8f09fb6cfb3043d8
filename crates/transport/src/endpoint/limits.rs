//! What one connection may take, by the kind of hop.

use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::CubicConfig;
use quinn::{AckFrequencyConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

/// Bytes, streams and seconds of one connection.
///
/// quinn's own defaults are for a friendly world: an unlimited receive window, 10 MB of unacknowledged data, 100
/// streams whose slots are allocated at once (see docs/architecture.md for what that costs).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that the peer may send on one stream before we read. Bounds what a stalled relay holds, and with the round trip
    /// what one stream can carry in a second. quinn has one number for all streams of a connection, and no later one.
    pub stream_window: u32,
    /// The same over all streams of the connection. One stalled stream pins up to `stream_window` of it, so this many
    /// windows of stalled streams block the connection. Where it is to grow: [`ReceiveWindow`](super::ReceiveWindow).
    pub connection_window: u32,
    /// Bytes of ours that may wait for an acknowledgement, over all streams.
    pub send_window: u32,
    /// Bidirectional streams that the peer may have open at first.
    pub first_streams: u32,
    /// The same once it needs more (see [`StreamBudget`](super::StreamBudget)).
    pub max_streams: u32,
    /// Silence after which the peer is given up.
    pub idle_timeout: Duration,
    /// Interval of keep-alive packets, for connections that stay when nothing is sent. One end is enough. At the next one,
    /// a peer that was killed and is back is recognised.
    pub keep_alive: Option<Duration>,
    /// Bytes of the largest UDP datagram that is tried. quinn begins with 1,200 and finds out what the path takes
    /// (RFC 8899).
    pub datagram: u16,
}

/// Largest datagram on links: everybody accepts it, and all but inner proxies send it, which have thousands of idle
/// connections, each with a buffer of the largest datagram sent. Where the path has jumbo frames (9,000 bytes), a small
/// submission is one packet. quinn hands the kernel up to ten datagrams at a time, which together must stay below 64 KiB.
pub(super) const LARGEST_DATAGRAM: u16 = 6_500;
/// Datagrams that may be on their way before the first acknowledgement. quinn's own number of bytes would be only two
/// large ones; and for want of room it would not even send that a connection is closed.
const INITIAL_DATAGRAMS: u64 = 10;
/// What an Ethernet frame takes, with room for tunnels.
const USUAL_DATAGRAM: u16 = 1_452;

/// Bytes of answers that nobody has taken yet, of one stream: some thirty replies, or four control messages.
const ANSWER_WINDOW: u32 = 16 * KIB;

/// A sender that waits for its receipt and whose router has given it another port cannot know that; what comes for it goes
/// to the old one until it says something. So it says something this often. Connections that nobody uses are closed soon.
const MOVED_SENDER: Duration = Duration::from_millis(1_500);

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

impl Limits {
    /// An outer proxy's side of a sender's connection: strangers, many of them.
    pub const PUBLIC: Self = Self {
        stream_window: MIB,
        connection_window: MIB,
        // Answers are small, and whoever acknowledges nothing keeps them here.
        send_window: 128 * KIB,
        first_streams: 4,
        max_streams: 64,
        idle_timeout: Duration::from_secs(30),
        keep_alive: None,
        datagram: USUAL_DATAGRAM,
    };

    /// A sender's side: opens streams, accepts none, and stays connected while an office is busy storing.
    pub const SENDER: Self = Self {
        stream_window: 256 * KIB,
        // As much as a long and fast path needs. What is really kept is bounded by what the proxy allows us to send.
        send_window: 8 * MIB,
        first_streams: 0,
        max_streams: 0,
        keep_alive: Some(MOVED_SENDER),
        ..Self::PUBLIC
    };

    /// Both sides of a link between members: few connections, known peers, many streams of strangers inside.
    pub const LINK: Self = Self {
        stream_window: MIB,
        connection_window: 16 * MIB,
        send_window: 8 * MIB,
        first_streams: 8,
        max_streams: 4096,
        idle_timeout: Duration::from_secs(15),
        keep_alive: Some(Duration::from_secs(4)),
        datagram: LARGEST_DATAGRAM,
    };

    /// A link on which only answers come back: small ones, and of so many streams at a time that even if nobody takes any of
    /// them, each has its place: no stream waits for another's reader.
    pub const ANSWERS: Self = Self {
        stream_window: ANSWER_WINDOW,
        connection_window: (Self::LINK.max_streams + 1) * ANSWER_WINDOW,
        first_streams: 0,
        max_streams: 0,
        ..Self::LINK
    };

    pub(super) fn transport(&self) -> TransportConfig {
        let mut config = TransportConfig::default();
        let mut datagrams = MtuDiscoveryConfig::default();
        datagrams.upper_bound(self.datagram);
        let mut congestion = CubicConfig::default();
        congestion.initial_window(INITIAL_DATAGRAMS * u64::from(self.datagram));
        config
            .stream_receive_window(VarInt::from_u32(self.stream_window))
            .receive_window(VarInt::from_u32(self.connection_window))
            .send_window(u64::from(self.send_window))
            .max_concurrent_bidi_streams(VarInt::from_u32(self.first_streams))
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .max_idle_timeout(Some(self.idle_millis()))
            .keep_alive_interval(self.keep_alive)
            .datagram_receive_buffer_size(None)
            .mtu_discovery_config(Some(datagrams))
            .allow_spin(false)
            .ack_frequency_config(Some(fewer_acks()))
            .congestion_controller_factory(Arc::new(congestion))
            .enable_segmentation_offload(true);
        config
    }

    fn idle_millis(&self) -> IdleTimeout {
        let millis = u32::try_from(self.idle_timeout.as_millis()).unwrap_or(u32::MAX);
        IdleTimeout::from(VarInt::from_u32(millis))
    }
}

/// Asks the peer to acknowledge every third packet instead of every second (draft-ietf-quic-ack-frequency). A short
/// submission is a burst of two or three packets per hop, and an acknowledgement of its own costs as much as each.
fn fewer_acks() -> AckFrequencyConfig {
    let mut config = AckFrequencyConfig::default();
    config.ack_eliciting_threshold(VarInt::from_u32(2));
    config
}
