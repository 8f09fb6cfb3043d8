//! The guest list: who was at a place, from when to when (`submitGuestList` of the predecessor).

use super::Kind;
use super::common::{ADDRESS, BORN, DETAILS, EMAIL, FIRST_NAME, HOME, LAST_NAME, MOBILE, PHONE, SEX};
use crate::check::Checker;
use crate::known::{Counts, Known};
use crate::shape::{Field, List, Record, Shape, Text};
use crate::summary::{Summary, days};

/// A list of the people who were at a place.
pub const NAME: &str = "guest-list";

/// The format's limit of people on one guest list.
pub const MAX_GUESTS: u32 = 10_000;

pub(super) struct ThisKind;

static LIST: Record = Record {
    about: "Who was at a place, from when to when.",
    fields: &[
        Field::new("startDate", Shape::Moment, "Begin of the time that the list covers."),
        Field::new("endDate", Shape::Moment, "End of the time that the list covers."),
        Field::text("additionalInformation", Text::Free, 500, "Free text."),
        Field::new("dataProvider", Shape::Record(&PROVIDER), "Who keeps the list, by their own account."),
        Field::new("guests", Shape::List(&GUESTS), "The people.").required(),
    ],
};

static PROVIDER: Record = Record {
    about: "The place that kept the list, by its own account.",
    fields: &[
        Field::text("name", Text::Line, 256, "Its name."),
        Field::new("address", Shape::Record(&ADDRESS), "Where it is."),
    ],
};

static GUESTS: List = List { of: &GUEST, max: MAX_GUESTS, table: "guests" };

static GUEST: Record = Record {
    about: "A person on a guest list.",
    fields: &[
        FIRST_NAME,
        LAST_NAME,
        BORN,
        SEX,
        EMAIL,
        PHONE,
        MOBILE,
        HOME,
        Field::new("identityChecked", Shape::Bool, "Whether somebody compared the name with a document."),
        Field::new("attendanceInformation", Shape::Record(&ATTENDANCE), "When and how the person took part.")
            .required(),
    ],
};

static ATTENDANCE: Record = Record {
    about: "When and how a guest took part. Who did not check out has no attendTo.",
    fields: &[
        Field::new("attendFrom", Shape::Moment, "Arrival.").required(),
        Field::new("attendTo", Shape::Moment, "Departure."),
        Field::text("descriptionOfParticipation", Text::Free, 500, "For instance guest or staff."),
        Field::text("additionalInformation", Text::Free, 500, "For instance the table."),
    ],
};

const FROM: &str = "attendanceInformation.attendFrom";
const TO: &str = "attendanceInformation.attendTo";

impl Kind for ThisKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn shape(&self) -> &'static Record {
        &LIST
    }

    fn marks(&self) -> &'static [&'static str] {
        &["guests"]
    }

    fn wrapper(&self) -> Option<&'static str> {
        Some("guestList")
    }

    fn example(&self) -> &'static str {
        include_str!("example.json")
    }

    fn check_head(&self, head: &Known<'_>, checker: &mut Checker<'_>) {
        checker.in_order(head, "startDate", "endDate");
    }

    fn check_row(&self, _: &'static str, head: &Known<'_>, row: &Known<'_>, checker: &mut Checker<'_>) {
        checker.period(row, (FROM, TO), head, ("startDate", "endDate"));
        // Who came twice was there twice: that is no duplicate.
        checker.duplicate(row, &DETAILS, &[FROM, TO]);
    }

    fn summarise(&self, head: &Known<'_>, counts: &Counts) -> Summary {
        Summary {
            kind: NAME,
            people: counts.of("guests"),
            events: 0,
            flags: 0,
            period: days(head, &[("startDate", "endDate")]),
        }
    }
}
