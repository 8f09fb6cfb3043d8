//! What is implausible is flagged here. Nothing is changed and nothing is refused.

mod duplicates;
mod formats;
mod period;
mod text;
mod walk;

use crate::flags::{Flag, FlagCode, Flags};
use crate::parse::{Form, Payload};
use crate::path::{Segment, render};

/// What the office knows beforehand. Nothing of it is required.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// The present, in seconds since 1970: nobody is born after it.
    pub now: Option<u64>,
    /// The period that the office asked for.
    pub requested: Option<Period>,
}

/// A period in seconds since 1970, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// First second.
    pub from: u64,
    /// Last second.
    pub to: u64,
}

/// Everything implausible about a payload; at most `max` flags are listed, the rest is counted.
pub(crate) fn flags(payload: &Payload, form: &Form, expect: &Expectations, max: u32) -> Flags {
    let mut checker = Checker { expect, max: max as usize, path: Vec::new(), flags: Flags::default() };
    match payload {
        Payload::GuestList(list) => checker.guest_list(list),
        Payload::ContactsAndEvents(case) => checker.contacts_and_events(case),
    }
    if let Form::Wrapped { beside } = form {
        checker.extra(beside);
    }
    checker.flags
}

/// Walks through a payload and collects flags. Its methods are grouped by file: `walk` knows the structures,
/// the others know one kind of implausibility each.
struct Checker<'a> {
    expect: &'a Expectations,
    max: usize,
    path: Vec<Segment>,
    flags: Flags,
}

impl Checker<'_> {
    fn within(&mut self, segment: Segment, check: impl FnOnce(&mut Self)) {
        self.path.push(segment);
        check(self);
        self.path.pop();
    }

    fn field(&mut self, name: &'static str, check: impl FnOnce(&mut Self)) {
        self.within(Segment::Field(name), check);
    }

    /// Flags what is being looked at.
    fn flag(&mut self, code: FlagCode) {
        if self.flags.list.len() < self.max {
            self.flags.list.push(Flag { path: render(&self.path), code });
        } else {
            self.flags.more = self.flags.more.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
