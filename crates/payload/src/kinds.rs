//! The kinds of payload. A new one is a folder here, and its name in the list of this file.

use crate::check::Checker;
use crate::known::{Counts, Known};
use crate::shape::Record;
use crate::summary::Summary;

mod common;

/// Declares the modules, the registry and [`KINDS`].
macro_rules! kinds {
    ($($module:ident),+ $(,)?) => {
        $(mod $module;)+

        static REGISTRY: &[&dyn Kind] = &[$(&$module::ThisKind),+];

        /// The names by which tickets, hellos and permissions speak of the kinds that this crate can read.
        pub const KINDS: &[&str] = &[$($module::NAME),+];
    };
}

kinds! {
    guest_list,
    contacts_and_events,
    vaccination_report,
    office_message,
}

pub use contacts_and_events::{MAX_CONTACTS, MAX_EVENTS, NAME as CONTACTS_AND_EVENTS};
pub use guest_list::{MAX_GUESTS, NAME as GUEST_LIST};
pub use office_message::NAME as OFFICE_MESSAGE;
pub use vaccination_report::{MAX_EMPLOYEES, NAME as VACCINATION_REPORT};

/// One kind of payload: how it is read, checked, summarised and shown in columns.
pub(crate) trait Kind: Sync {
    /// One of [`KINDS`].
    fn name(&self) -> &'static str;

    /// The form of the whole payload. Reading, single fields' checks and columns come from it.
    fn shape(&self) -> &'static Record;

    /// The fields of which at least one must be there: an object without any of them is something else.
    fn marks(&self) -> &'static [&'static str];

    /// The field of an object around the payload, as the predecessor's calls had it.
    fn wrapper(&self) -> Option<&'static str> {
        None
    }

    /// An example for vendors.
    fn example(&self) -> &'static str;

    /// Checks what is known of the payload outside its lists. Single fields were checked.
    fn check_head(&self, _head: &Known<'_>, _checker: &mut Checker<'_>) {}

    /// Checks an element of the list that is exported as `table`. Single fields were checked.
    fn check_row(&self, _table: &'static str, _head: &Known<'_>, _row: &Known<'_>, _checker: &mut Checker<'_>) {}

    /// The line for the inbox, without the number of flags.
    fn summarise(&self, head: &Known<'_>, counts: &Counts) -> Summary;
}

/// The kind of this name.
pub(crate) fn find(name: &str) -> Option<&'static dyn Kind> {
    REGISTRY.iter().copied().find(|kind| kind.name() == name)
}

/// An example of a payload of this kind, as JSON; `None` for a kind that is not known here. The values are made up.
pub fn example(kind: &str) -> Option<&'static str> {
    find(kind).map(Kind::example)
}

#[cfg(test)]
mod tests;
