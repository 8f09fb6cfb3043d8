//! What is sent: the typed payloads that a vendor hands over and an office reads.
//!
//! The crate is pure: bytes and dates in, values and text out.
//!
//! * [`parse`](fn@parse) reads a payload of one of the [`KINDS`], within [`Limits`]: object by object, field by field.
//!   Only what is no payload of that kind at all is an error ([`PayloadError`]). A field that is not as its format says is
//!   flagged with its place ([`Flags`]) and kept, and takes nothing else along. Fields it does not know are kept.
//! * [`examine`](fn@examine) finds the same and builds nothing: for daemons.
//! * [`schema`] writes the formats as JSON Schema.
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
//! Errors, flags and [`Summary`] carry positions (`guests[3].phone`), lines, counts and dates of the list, never the
//! content of a field. Names of fields that the format does not define are content too, so a path shows them as `*`.
//! [`Parsed`] has a `Debug` that prints counts only.
//!
//! Read next: `kinds/guest_list/mod.rs` (a format as a table), `reader.rs` (how a table is read), `check.rs` (what is
//! flagged), `export/csv.rs` (the way out).

mod kinds;
mod limits;
mod shape;

mod parse;
mod reader;

mod absent;
mod any;
mod encoding;
mod json;
mod known;
mod lines;
mod moment;
mod path;

mod check;
mod flags;
mod formula;
mod summary;
mod unicode;

pub mod export;
pub mod generate;
pub mod schema;

mod error;

pub use check::{CHECKS, Expectations, Period};
pub use error::{Guise, PayloadError};
pub use flags::{FlagCode, Flags, Group, Language, Place};
pub use kinds::{
    CONTACTS_AND_EVENTS, GUEST_LIST, KINDS, MAX_CONTACTS, MAX_EMPLOYEES, MAX_EVENTS, MAX_GUESTS, OFFICE_MESSAGE,
    VACCINATION_REPORT, example,
};
pub use limits::Limits;
pub use parse::{Examined, Parsed, examine, parse, parse_expecting};
pub use summary::{Days, Summary};

/// Fields that a format does not define, kept as they came (numbers as `serde_json` holds them).
pub type Extra = serde_json::Map<String, serde_json::Value>;
