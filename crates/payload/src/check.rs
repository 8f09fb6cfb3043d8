//! What is implausible is flagged here. Nothing is changed and nothing is refused.

mod damage;
mod duplicates;
mod formats;
mod period;
mod text;

use crate::flags::{FlagCode, Flags, Place};
use crate::lines::Lines;
use crate::path::{Segment, below, render};

use duplicates::Seen;

/// Number of these checks. It rises with every change that lets the same bytes be read or flagged differently, so that who
/// keeps findings knows which are to be made again.
pub const CHECKS: u32 = 2;

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

/// Knows where in the payload we are, and collects flags. Its methods are grouped by file; each file knows one kind of
/// implausibility. `at` is always the byte offset of what is flagged.
pub(crate) struct Checker<'a> {
    expect: &'a Expectations,
    max_places: u32,
    pub(crate) lines: Lines<'a>,
    pub(crate) path: Vec<Segment>,
    flags: Flags,
    seen: Seen,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(text: &'a str, expect: &'a Expectations, max_places: u32) -> Self {
        let (lines, flags) = (Lines::of(text), Flags::default());
        Checker { expect, max_places, lines, path: Vec::new(), flags, seen: Seen::default() }
    }

    pub(crate) fn finish(self) -> Flags {
        self.flags
    }

    /// Everybody on another list is new.
    pub(crate) fn begin_list(&mut self) {
        self.seen = Seen::default();
    }

    /// Flags what is being looked at.
    pub(crate) fn flag(&mut self, code: FlagCode, at: usize) {
        let (path, lines) = (&self.path, &self.lines);
        self.flags.add(code, self.max_places, || Place { path: render(path), line: lines.line(at) });
    }

    /// Flags a field of what is being looked at.
    pub(crate) fn flag_field(&mut self, field: &str, code: FlagCode, at: usize) {
        let (path, lines) = (&self.path, &self.lines);
        self.flags.add(code, self.max_places, || Place { path: below(path, field), line: lines.line(at) });
    }
}

#[cfg(test)]
mod tests;
