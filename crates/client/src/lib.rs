//! Sends a content to an office, sealed end to end, and brings back the office's receipt.
//!
//! **What it is.** The library that a vendor embeds. An office hands out a *ticket*, a text that begins with
//! `schleuse:` or stands in a link or a QR code. A ticket allows one delivery:
//!
//! ```no_run
//! # async fn f(client: schleuse_client::Client, text: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use schleuse_client::{Content, Ticket};
//!
//! let ticket: Ticket = text.parse()?;
//! let receipt = client.send(&ticket, Content::file("guests.json")?).kind("guest-list").await?;
//! std::fs::write("receipt.json", receipt.to_json())?;
//! # Ok(()) }
//! ```
//!
//! When `send` returns a [`Receipt`], the office has the content on its disk and has signed that it does. Until then it
//! hands nothing over, so a half-sent list is never taken for a whole one.
//!
//! # Setting up, once per process
//!
//! Four things come from the network's operator: the signed directory, the root keys that must have signed it, the CA
//! certificate of the proxies, and, if you send as a member, your member id and signing key.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use schleuse_client::{Client, Roots, SecretKey, SigningKey, load_directory};
//!
//! # fn f() -> Result<Client, Box<dyn std::error::Error>> {
//! let directory = load_directory("directory.json", "root-keys.toml")?;
//! let key = SigningKey::from_bytes(SecretKey::read(Path::new("signing.key"))?.expose());
//! let client = Client::builder(directory)
//!     .roots(Roots::load(Path::new("ca.pem"))?)
//!     .identity("tickets-gmbh".parse()?, key)
//!     .build()?;
//! # Ok(client) }
//! ```
//!
//! A [`Client`] is cheap to clone; its clones share their connections, and what they find out about proxies and routes. Before a directory expires
//! (`directory.expires()`), load the new one and hand it over with [`Client::replace_directory`].
//!
//! # What to send
//!
//! A [`Content`] is bytes, a file, a value that serde can write as JSON, or any reader. Contents of any size take a
//! constant amount of memory. Bytes and files can be read again, so an interrupted sending continues on another way by
//! itself; see [`Content`] for what a reader can do.
//!
//! # When it fails
//!
//! `send` has tried already what a program can try: a second way beside the first when that is slow, all routes of the
//! ticket, waiting for an office that is away. Nothing is waited for without an end: after 60 s without any progress
//! (see [`Sending::patience`]) it gives up. [`SendError`] says what is left to do, and
//! [`SendError::may_retry`] whether the same ticket can still work. Repeating is always safe: the same content under the
//! same ticket is stored once and gets the same receipt.
//!
//! ```no_run
//! # async fn f(client: schleuse_client::Client, ticket: schleuse_client::Ticket, list: Vec<u8>) {
//! match client.send(&ticket, list).await {
//!     Ok(receipt) => println!("{receipt}"),
//!     Err(error) if error.may_retry() => eprintln!("later again: {error}"),
//!     Err(error) => eprintln!("not with this ticket: {error}"),
//! }
//! # }
//! ```
//!
//! # Watching and giving up
//!
//! ```no_run
//! # async fn f(client: schleuse_client::Client, ticket: schleuse_client::Ticket) -> Result<(), Box<dyn std::error::Error>> {
//! use schleuse_client::{CancellationToken, Content};
//!
//! let cancel = CancellationToken::new();
//! let sending = client
//!     .send(&ticket, Content::file("large.json")?)
//!     .on_progress(|progress| println!("{} of {:?} bytes stored", progress.stored, progress.total))
//!     .cancel(cancel.clone());
//! tokio::spawn(async move { tokio::signal::ctrl_c().await.map(|()| cancel.cancel()) });
//! let receipt = sending.await?;
//! # Ok(()) }
//! ```
//!
//! # Going on after a restart
//!
//! ```no_run
//! # async fn f(client: schleuse_client::Client, ticket: schleuse_client::Ticket) -> Result<(), Box<dyn std::error::Error>> {
//! use schleuse_client::Content;
//!
//! // The same line in the next life of the program goes on where this one was ended.
//! let receipt = client.send(&ticket, Content::file("large.json")?).journal("large.journal").await?;
//! # Ok(()) }
//! ```
//!
//! Without a journal the next life sends all of it again, which works as well. See [`Sending::journal`] for what is in the
//! file.
//!
//! # Proving it later
//!
//! Keep the receipt's JSON and the ticket. [`verify_receipt`] needs them and the directory, and no network.
//!
//! # What it leaves out on purpose
//!
//! It does not look at the content (`schleuse-payload` has the types and checks), it keeps nothing on disk unless it is given a
//! journal, and it never
//! tells an outer proxy who is sending: to the proxies a member and a stranger look the same.
//!
//! # Where to read next
//!
//! [`Client::send`], then the folder `examples/`. How the sealed connection works is told by the crate
//! `schleuse-protocol`.

mod client;
mod send;

mod attempts;
mod delivery;
mod shared;

mod channel;
mod journal;
mod lane;
mod patience;
mod ways;

mod dial;
mod health;
mod lock;
mod pool;
mod race;

mod check;
mod content;
mod error;
mod progress;
mod receipt;
mod text;

pub use check::TicketError;
pub use client::{BuildError, Client, ClientBuilder, LoadError, load_directory};
pub use content::{Content, ContentError};
pub use dial::{DialError, DialFailure, DialProblem};
pub use error::{Interruption, SendError};
pub use journal::JournalError;
pub use progress::Progress;
pub use receipt::{Receipt, ReceiptError, verify_receipt};
pub use send::Sending;

pub use schleuse_directory::VerifiedDirectory;
pub use schleuse_protocol::wire::hello::Language;
pub use schleuse_protocol::wire::name::{MemberId, PayloadKind};
pub use schleuse_protocol::wire::ticket::Ticket;
pub use schleuse_seal::keys::SigningKey;
pub use schleuse_transport::secret::SecretKey;
pub use schleuse_transport::tls::Roots;
pub use tokio_util::sync::CancellationToken;
