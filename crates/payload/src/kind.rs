//! The names by which tickets, hellos and permissions speak of payload kinds.

/// A list of the people who were at a place (`submitGuestList` of the predecessor).
pub const GUEST_LIST: &str = "guest-list";

/// The contacts and events of one case (`submitContactAndEventData` of the predecessor).
pub const CONTACTS_AND_EVENTS: &str = "contacts-and-events";

/// Every kind this crate can read.
pub const KINDS: [&str; 2] = [GUEST_LIST, CONTACTS_AND_EVENTS];
