//! Limits that are part of the protocol (docs/protocol.md, "Limits"). Sizes in bytes unless the name says otherwise.

use core::time::Duration;

/// Version byte of this protocol, first in every ticket and every hop header.
pub const VERSION: u8 = 1;

/// Largest body of any frame that is not a segment.
pub const MAX_HEADER: usize = 4 * 1024;
/// Plaintext of one full segment: 4 bytes of data length, then data and padding.
pub const SEGMENT_PLAINTEXT: usize = 64 * 1024;
/// Bytes of content that one full segment carries.
pub const SEGMENT_DATA: usize = SEGMENT_PLAINTEXT - 4;
/// AEAD tag, RFC 8439 section 2.8.
pub const TAG: usize = 16;
/// Bytes of a segment's ciphertext that are neither data nor padding.
pub const SEGMENT_OVERHEAD: usize = SEGMENT_PLAINTEXT - SEGMENT_DATA + TAG;
/// Largest body of a segment frame: position, ciphertext, tag.
pub const MAX_SEGMENT_BODY: usize = 4 + SEGMENT_PLAINTEXT + TAG;
/// Plaintext of the final segment: a trailer of fixed size, so that its presence of an identity does not show.
pub const TRAILER_PLAINTEXT: usize = 256;
/// Plaintext of every sealed reply, so that its kind does not show.
pub const REPLY_PLAINTEXT: usize = 512;
/// Plaintext of the sealed intro in the hello, so that kind and sender do not show in its size.
pub const INTRO_PLAINTEXT: usize = 128;
/// Content of one connection unless the office sets another limit for the purpose.
pub const DEFAULT_MAX_CONTENT: u64 = 256 * 1024 * 1024;
/// Smallest padded size of a content.
pub const MIN_PADDED: u64 = 1024;

/// Largest ticket in its binary form.
pub const MAX_TICKET: usize = 8 * 1024;
/// Most routes in a ticket.
pub const MAX_ROUTES: usize = 8;
/// Longest human text or reference in a purpose, in bytes of UTF-8.
pub const MAX_PURPOSE_TEXT: usize = 1024;

/// Most route tokens in one batch: a `Tokens` frame must stay below [`MAX_HEADER`].
pub const MAX_TOKEN_BATCH: usize = 48;
/// Most nonces in one `Used` report.
pub const MAX_USED_BATCH: usize = 200;
/// Length of the period in whose last moment a route token may expire (see `wire::token`).
pub const EPOCH: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long a peer may take until its header or hello is complete.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a proxy waits for the next hop to take a stream.
pub const NEXT_HOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stream may stand still; every byte of progress renews it, so a running upload has no deadline.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Most segments that an office holds unstored per stream before it stops reading: 2 MiB, so that the sender need not
/// wait while the store writes.
pub const MAX_UNSTORED_SEGMENTS: usize = 32;
/// How far an attempt number, which is a clock in microseconds, may be ahead of the office's clock.
pub const MAX_CLOCK_AHEAD: Duration = Duration::from_secs(24 * 3600);
