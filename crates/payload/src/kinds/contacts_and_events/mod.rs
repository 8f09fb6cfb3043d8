//! The contacts and events of one case: whom an infected person met, and where (`submitContactAndEventData` of the
//! predecessor).

use super::Kind;
use super::common::{ADDRESS, BORN, DETAILS, EMAIL, FIRST_NAME, HOME, LAST_NAME, MOBILE, PHONE, SEX};
use crate::check::Checker;
use crate::known::{Counts, Known};
use crate::shape::{Field, List, Record, Shape, Text};
use crate::summary::{Summary, days};

/// The contacts and events of one case.
pub const NAME: &str = "contacts-and-events";

/// The format's limit of contact persons of one case.
pub const MAX_CONTACTS: u32 = 1_000;

/// The format's limit of events of one case.
pub const MAX_EVENTS: u32 = 1_000;

pub(super) struct ThisKind;

static CASE: Record = Record {
    about: "The contacts and events of one case.",
    fields: &[
        Field::new("contacts", Shape::Record(&CONTACTS), "The people met.").required(),
        Field::new("events", Shape::Record(&EVENTS), "The occasions attended.").required(),
        Field::new("dataProvider", Shape::Record(&PROVIDER), "Whose contacts these are, by their own account."),
    ],
};

static CONTACTS: Record = Record {
    about: "The people met in a time.",
    fields: &[
        Field::new("startDate", Shape::Moment, "Begin of the time that the list covers."),
        Field::new("endDate", Shape::Moment, "End of the time that the list covers."),
        Field::new("contactPersons", Shape::List(&PERSONS), "The people.").required(),
    ],
};

static EVENTS: Record = Record {
    about: "The occasions attended in a time.",
    fields: &[
        Field::new("startDate", Shape::Moment, "Begin of the time that the list covers."),
        Field::new("endDate", Shape::Moment, "End of the time that the list covers."),
        Field::new("events", Shape::List(&OCCASIONS), "The occasions.").required(),
    ],
};

static PROVIDER: Record = Record {
    about: "Whose contacts these are, by their own account.",
    fields: &[
        Field::text("firstName", Text::Name, 256, "First names."),
        Field::text("lastName", Text::Name, 256, "Family name."),
        // Not in the predecessor's definition, but some of its senders add it.
        Field::new("dateOfBirth", Shape::Birth, "Date of birth."),
    ],
};

static PERSONS: List = List { of: &CONTACT, max: MAX_CONTACTS, table: "contacts" };
static OCCASIONS: List = List { of: &EVENT, max: MAX_EVENTS, table: "events" };

static CONTACT: Record = Record {
    about: "A person met.",
    fields: &[
        FIRST_NAME,
        LAST_NAME,
        BORN,
        SEX,
        EMAIL,
        PHONE,
        MOBILE,
        HOME,
        Field::new("workPlace", Shape::Record(&WORK_PLACE), "Where the person works."),
        Field::new("contactInformation", Shape::Record(&CONTACT_INFORMATION), "When and how close."),
    ],
};

static WORK_PLACE: Record = Record {
    about: "Where a contact person works.",
    fields: &[
        Field::text("name", Text::Line, 256, "Its name."),
        Field::text("pointOfContact", Text::Line, 256, "Whom to ask there."),
        Field::text("phone", Text::Phone, 100, "Telephone number, as text."),
        Field::new("address", Shape::Record(&ADDRESS), "Where it is."),
    ],
};

static CONTACT_INFORMATION: Record = Record {
    about: "When and how close the contact was.",
    fields: &[
        Field::new("firstContactDate", Shape::Moment, "First day of contact."),
        Field::new("lastContactDate", Shape::Moment, "Last day of contact."),
        Field::new(
            "contactCategory",
            Shape::Code(&["HIGH_RISK", "HIGH_RISK_MED", "MEDIUM_RISK_MED", "LOW_RISK", "NO_RISK"]),
            "How risky, in the categories of the Robert Koch Institute that the format took over; MED: medical staff.",
        ),
        Field::text("basicConditions", Text::Free, 256, "Circumstances."),
    ],
};

static EVENT: Record = Record {
    about: "An occasion where the person was.",
    fields: &[
        Field::text("name", Text::Line, 256, "What it was."),
        Field::text("phone", Text::Phone, 100, "Telephone number, as text."),
        Field::new("address", Shape::Record(&ADDRESS), "Where it was."),
        Field::text("additionalInformation", Text::Free, 256, "Free text."),
    ],
};

const FIRST: &str = "contactInformation.firstContactDate";
const LAST: &str = "contactInformation.lastContactDate";
const CONTACTS_COVER: (&str, &str) = ("contacts.startDate", "contacts.endDate");
const EVENTS_COVER: (&str, &str) = ("events.startDate", "events.endDate");

impl Kind for ThisKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn shape(&self) -> &'static Record {
        &CASE
    }

    fn marks(&self) -> &'static [&'static str] {
        &["contacts", "events"]
    }

    fn example(&self) -> &'static str {
        include_str!("example.json")
    }

    fn check_head(&self, head: &Known<'_>, checker: &mut Checker<'_>) {
        for (from, to) in [CONTACTS_COVER, EVENTS_COVER] {
            checker.in_order(head, from, to);
        }
    }

    fn check_row(&self, table: &'static str, head: &Known<'_>, row: &Known<'_>, checker: &mut Checker<'_>) {
        if table == PERSONS.table {
            checker.period(row, (FIRST, LAST), head, CONTACTS_COVER);
            checker.duplicate(row, &DETAILS, &[FIRST, LAST]);
        }
    }

    fn summarise(&self, head: &Known<'_>, counts: &Counts) -> Summary {
        Summary {
            kind: NAME,
            people: counts.of("contacts"),
            events: counts.of("events"),
            flags: 0,
            period: days(head, &[CONTACTS_COVER, EVENTS_COVER]),
        }
    }
}
