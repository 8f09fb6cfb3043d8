//! What is sent: the typed payloads that a vendor hands over and an office reads.
//!
//! The crate is pure: bytes and dates in, values and text out.
//!
//! * [`parse`](fn@parse) reads a guest list or the contacts and events of a case, within [`Limits`]. Only what breaks the
//!   format is an error ([`PayloadError`]); what is merely implausible becomes a [`Flag`]. Fields it does not know
//!   are kept.
//! * [`export`] writes the content for spreadsheets and terminals and escapes it for exactly that output.
//! * [`generate`] makes up guest lists for the demo and for tests.
//!
//! ```
//! use schleuse_payload::{GUEST_LIST, Limits, export, generate, parse};
//!
//! let bytes = generate::guest_list_json(30, 1);
//! let parsed = parse(GUEST_LIST, &bytes, &Limits::default())?;
//! assert_eq!(parsed.summary().people, 30);
//! for table in export::csv::tables(&parsed, export::csv::Style::default()) {
//!     // write table.csv to a file named after table.name
//! }
//! # Ok::<(), schleuse_payload::PayloadError>(())
//! ```
//!
//! # What it leaves out on purpose
//!
//! * It never changes what came in. The caller stores the original bytes; nothing is cleaned, cut or normalised.
//!   The predecessor cleaned on the way in and lost apostrophes, slashes and the ends of long fields.
//! * It believes nothing that a payload says about its sender: the sealed identity says who sent it.
//! * It reads no file, asks no clock and knows nothing of the network: "today" and the period asked for are arguments.
//!
//! # Privacy
//!
//! Errors, flags and [`Summary`] carry positions (`guests[3].phone`), counts and dates of the list, never the content
//! of a field. Names of fields that the format does not define are content too, so a path shows them as `*`.
//! The content types have no `Debug`, or one that prints counts only.
//!
//! Read next: `parse.rs` (the way in), `check.rs` (what is flagged), `export/csv.rs` (the way out).

mod kind;
mod limits;
mod parse;
mod scan;
mod shape;

mod contacts;
mod guest_list;
mod moment;
mod person;

mod check;
mod flags;
mod formula;
mod path;
mod summary;
mod unicode;

pub mod export;
pub mod generate;

mod error;

pub use check::{Expectations, Period};
pub use contacts::{
    CaseProvider, ContactCategory, ContactInformation, ContactPerson, Contacts, ContactsAndEvents, Event, Events,
    WorkPlace,
};
pub use error::PayloadError;
pub use flags::{Flag, FlagCode, Flags, Language};
pub use guest_list::{Attendance, DataProvider, Guest, GuestList};
pub use kind::{CONTACTS_AND_EVENTS, GUEST_LIST, KINDS};
pub use limits::{Limits, MAX_CONTACTS, MAX_EVENTS, MAX_GUESTS};
pub use moment::Moment;
pub use parse::{Form, Parsed, Payload, parse, parse_expecting};
pub use person::{Address, PersonRef, Sex};
pub use summary::{Days, Summary};

/// Fields that the format does not define, kept as they came (numbers as `serde_json` holds them).
pub type Extra = serde_json::Map<String, serde_json::Value>;
