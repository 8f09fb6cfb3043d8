//! The message from one office to another.

use super::Kind;
use crate::known::{Counts, Known};
use crate::shape::{Field, Record, Shape, Text};
use crate::summary::Summary;

/// A message between offices.
pub const NAME: &str = "office-message";

pub(super) struct ThisKind;

static MESSAGE: Record = Record {
    about: "A message from one office to another.",
    fields: &[
        Field::new("hdAuthor", Shape::Record(&OFFICE), "Who writes, by their own account."),
        Field::new("hdRecipient", Shape::Record(&OFFICE), "To whom.").required(),
        Field::text("subject", Text::Line, 500, "Subject.").required(),
        Field::text("body", Text::Free, 6000, "Text."),
        Field::new("dataAttachments", Shape::Any, "Data of any form that goes with it."),
    ],
};

static OFFICE: Record = Record {
    about: "A health department.",
    fields: &[
        Field::text("id", Text::Line, 255, "Its identifier.").required(),
        Field::text("name", Text::Line, 255, "Its name."),
    ],
};

impl Kind for ThisKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn shape(&self) -> &'static Record {
        &MESSAGE
    }

    fn marks(&self) -> &'static [&'static str] {
        &["subject", "body"]
    }

    fn example(&self) -> &'static str {
        include_str!("example.json")
    }

    fn summarise(&self, _: &Known<'_>, _: &Counts) -> Summary {
        Summary { kind: NAME, people: 0, events: 0, flags: 0, period: None }
    }
}
