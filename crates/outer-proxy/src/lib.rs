//! The outer proxy: takes streams from senders whom it does not know, and carries them to inner proxies.
//!
//! **What it is.** The library behind the daemon `schleuse-outer`; the demo and the tests run the same [`start`]. A
//! sender's stream begins with a header that names an inner proxy and shows a route token. The proxy checks the
//! token's MAC with the admission key that the inner proxy gave it, opens a stream there, hands on the header and
//! everything after it, and counts bytes. A stream without a valid token costs one MAC and never leaves this machine.
//!
//! **What it leaves out on purpose.** It sees a sender's address, an inner proxy, byte counts and times, and nothing
//! else: the sealing code and the directory are not even linked, so it can open neither a token nor a submission.
//! Senders show no certificate, so it does not learn a vendor's name. It stores nothing: the admission keys come anew
//! with every link, and restarting it loses running streams only.
//!
//! **Threads.** One runtime per core, each with its own socket on the same port (SO_REUSEPORT) and its own link to every
//! inner proxy. A stream therefore lives and dies on one core: no lock and no wake-up crosses cores while bytes move.
//! The price is one more idle connection per core and inner proxy, some forty kilobytes each. The kernel spreads
//! senders over sockets by address and port; the packets of a sender whose address changes may come in on another core's
//! socket, which hands them to the right one (`transport/endpoint/post.rs`).
//!
//! **Where to read next.** `stream.rs` is the way of one stream, `link.rs` the life of a link to an inner proxy,
//! [`StreamRecord`] everything that an outer proxy can know.

mod conduct;
mod config;
mod current;
mod daemon;
mod inners;
mod limits;
mod link;
mod sender;
mod shared;
mod stream;
mod worker;

pub use config::{Config, InnerPeer, Limits, Settings};
pub use daemon::{Handle, start};
pub use schleuse_transport::carry::Ending;
pub use shared::{Observer, StreamRecord};
