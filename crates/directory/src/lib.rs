//! The directory: who is a member of the network, with which keys, and who may send what to whom.
//!
//! **What it is.** One file, written by people as TOML ([`Directory::from_toml`]), signed offline by a threshold of root
//! keys ([`SignedDirectory`]), and verified by everybody who uses it against root keys that were pinned beforehand
//! ([`Directory::verify`]). The result, [`VerifiedDirectory`], answers the questions that daemons and clients have. A
//! value of that type cannot be made in any other way.
//!
//! **What it leaves out on purpose.** No I/O and no clock: bytes and times are arguments, and so is the lowest version
//! that is still accepted (its keeper remembers it). No rotation of root keys, no delegation (a state that signs its own
//! offices), no protection against mixing files, because there is one file only: that is the work of a full trust
//! system in the manner of TUF. It can take the place of [`SignedDirectory`] and [`RootKeys`] without a change for
//! those who consume a directory, because **consumers see only [`VerifiedDirectory`]**.
//!
//! **Where to read next.** [`model`] for what the file says, [`signed`] for how it is signed and verified.

pub mod model;
pub mod signed;

mod check;
mod error;
mod forms;
mod parse;
mod roots;
mod text;
mod values;
mod verified;

pub use error::DirectoryError;
pub use model::{Directory, Member, Role, Rule};
pub use roots::RootKeys;
pub use signed::{DirectorySignature, SignedDirectory};
pub use text::ValueError;
pub use values::{Hex, KemKey, OrAny};
pub use verified::VerifiedDirectory;

/// Limits of a directory; a file beyond them is refused.
pub mod limits {
    /// Largest file, signed or not, in bytes.
    pub const MAX_FILE: usize = 8 * 1024 * 1024;
    /// Most members.
    pub const MAX_MEMBERS: usize = 10_000;
    /// Most rules.
    pub const MAX_RULES: usize = 10_000;
    /// Most names in one list of a rule, and most groups of a member.
    pub const MAX_NAMES: usize = 1_000;
    /// Most fingerprints of one member: the current key and those it is about to change from or to.
    pub const MAX_FINGERPRINTS: usize = 4;
    /// Most addresses of one member.
    pub const MAX_ADDRESSES: usize = 8;
    /// Longest display name and longest address, in bytes of UTF-8.
    pub const MAX_TEXT: usize = 256;
    /// Most root keys, and most signatures.
    pub const MAX_ROOTS: usize = 16;
    /// How long an expired directory is still believed, in seconds (7 days). It is said loudly meanwhile. An operator who is late
    /// must not cut off every office in the same second.
    pub const EXPIRY_GRACE: u64 = 7 * 24 * 3600;
    /// How far in the future a directory may have been issued, in seconds: clocks differ.
    pub const MAX_CLOCK_SKEW: u64 = 300;
}
