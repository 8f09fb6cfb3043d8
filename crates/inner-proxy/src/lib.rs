//! The inner proxy: takes streams from outer proxies and carries them to the offices that are connected here.
//!
//! **What it is.** The library behind the daemon `schleuse-inner`; the demo and the tests run the same [`start`]. Outer
//! proxies and offices dial it on one port and show certificates; the signed directory says which key is whose and in
//! which role. Outer proxies get the admission keys, so that they can refuse garbage themselves; offices get route
//! tokens. A stream shows such a token: the proxy opens it, finds the office in it, opens a stream on a live
//! connection of that office, and from then on only moves and counts bytes.
//!
//! **What it leaves out on purpose.** It sees an outer proxy, an office, byte counts and times; never a sender's address
//! or name, and nothing of the content: what it links of the sealing code opens route tokens. It stores nothing. All
//! keys derive from one configured cluster secret, so a restarted proxy, or a second instance beside it, honours every
//! token at once. What it remembers (who is connected, which tokens are used) is soft: losing it loses no data, because
//! one-time use is enforced by the office's own store.
//!
//! **Threads.** One runtime per core, each with its own socket on the same port (SO_REUSEPORT). A stream is carried on
//! the core of its outer proxy's link, and writes into a connection of the office that may be driven by another core:
//! quinn's handles may be used from any runtime, at the price of a wake-up across cores. Handing the stream over
//! instead would cost the same wake-up on the other side. What all cores share (`offices.rs`, `keys.rs`,
//! the used nonces, `places.rs`) is behind locks that are held for a look-up and never across an await.
//!
//! **Where to read next.** `stream.rs` is the way of one stream, `outer_link.rs` and `office_link.rs` the two kinds of
//! peers, `members.rs` who they are, [`StreamRecord`] everything that an inner proxy can know.

mod budget;
mod config;
mod control;
mod daemon;
mod keys;
mod link;
mod members;
mod office_link;
mod offices;
mod outer_link;
mod places;
mod shared;
mod standstills;
mod stream;
mod worker;

pub use config::{Config, Limits, Settings};
pub use daemon::{Handle, start};
pub use schleuse_transport::carry::Ending;
pub use shared::{Observer, StreamRecord};
