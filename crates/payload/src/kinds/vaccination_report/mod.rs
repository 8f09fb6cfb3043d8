//! The vaccination report: who works at a facility, and who of them has shown proof of a vaccination.

use super::Kind;
use super::common::{ADDRESS, BORN, DETAILS, FIRST_NAME, HOME, LAST_NAME, PHONE, SEX};
use crate::check::Checker;
use crate::known::{Counts, Known};
use crate::shape::{Field, List, Record, Shape, Text};
use crate::summary::Summary;

/// The report of a facility on the vaccinations of its employees.
pub const NAME: &str = "vaccination-report";

/// Most employees in one report.
pub const MAX_EMPLOYEES: u32 = 10_000;

pub(super) struct ThisKind;

static REPORT: Record = Record {
    about: "Who works at a facility, and who of them has shown proof of a vaccination.",
    fields: &[
        Field::new("facility", Shape::Record(&FACILITY), "The facility that reports.").required(),
        Field::new("employees", Shape::List(&EMPLOYEES), "Who works there.").required(),
    ],
};

static FACILITY: Record = Record {
    about: "The facility that reports, by its own account.",
    fields: &[
        Field::text("name", Text::Line, 256, "Its name.").required(),
        Field::new("address", Shape::Record(&ADDRESS), "Where it is."),
        Field::new("contactPerson", Shape::Record(&CONTACT_PERSON), "Whom to ask there."),
    ],
};

static CONTACT_PERSON: Record = Record {
    about: "Whom to ask at a facility.",
    fields: &[
        Field::text("firstName", Text::Name, 100, "First names."),
        Field::text("lastName", Text::Name, 100, "Family name."),
        E_MAIL,
        PHONE,
    ],
};

static EMPLOYEES: List = List { of: &EMPLOYEE, max: MAX_EMPLOYEES, table: "employees" };

/// This kind writes it with a capital M; `email` is understood as well.
const E_MAIL: Field = Field::text("eMail", Text::Email, 100, "E-mail address.");

static EMPLOYEE: Record = Record {
    about: "A person who works at the facility.",
    fields: &[
        FIRST_NAME,
        LAST_NAME,
        BORN,
        SEX,
        HOME,
        PHONE,
        E_MAIL,
        Field::new("vaccination", Shape::Code(&["COVID_19"]), "Against what.").required(),
        Field::new(
            "vaccinationStatus",
            Shape::Code(&["VACCINATED", "NOT_VACCINATED", "SUSPICIOUS_PROOF", "UNKNOWN"]),
            "What was shown.",
        )
        .required(),
    ],
};

impl Kind for ThisKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn shape(&self) -> &'static Record {
        &REPORT
    }

    fn marks(&self) -> &'static [&'static str] {
        &["employees"]
    }

    fn example(&self) -> &'static str {
        include_str!("example.json")
    }

    fn check_row(&self, _: &'static str, _: &Known<'_>, row: &Known<'_>, checker: &mut Checker<'_>) {
        checker.duplicate(row, &DETAILS, &["vaccination"]);
    }

    fn summarise(&self, _: &Known<'_>, counts: &Counts) -> Summary {
        Summary { kind: NAME, people: counts.of("employees"), events: 0, flags: 0, period: None }
    }
}
