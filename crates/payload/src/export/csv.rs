//! CSV after RFC 4180 that a spreadsheet cannot be made to calculate with.
//!
//! Every cell is quoted. Where a cell, or a part of it after any separator, could begin a formula, an apostrophe is put
//! in front of that place (`=1+1` becomes `'=1+1`); [`restore`] takes exactly these apostrophes out again, so nothing
//! is lost. Fields that the format does not define stand as JSON in the last column.

use super::{Rows, split, take};
use crate::formula::dangers;
use crate::parse::Parsed;
use serde_json::Value;

/// What stands between cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Separator {
    /// `;`, which German spreadsheets expect.
    #[default]
    Semicolon,
    /// `,` as in RFC 4180.
    Comma,
}

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Between cells.
    pub separator: Separator,
    /// Begin with U+FEFF; without it some spreadsheets do not read UTF-8 and break every umlaut.
    pub byte_order_mark: bool,
}

impl Default for Style {
    fn default() -> Self {
        Style { separator: Separator::Semicolon, byte_order_mark: true }
    }
}

/// One table, to be written to one file.
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    /// `overview`, or the name of a list: `guests`, `contacts` …
    pub name: &'static str,
    /// The file's content.
    pub csv: String,
}

/// The whole payload: an overview with one row, then a table for each list in it.
pub fn tables(parsed: &Parsed, style: Style) -> Vec<Table> {
    let (head, lists) = split(parsed);
    let overview = Rows { name: "overview", columns: parsed.kind.shape().columns(), rows: vec![head] };
    std::iter::once(overview).chain(lists).map(|list| table(list, style)).collect()
}

/// One cell, neutralised and quoted.
pub fn cell(text: &str) -> String {
    format!("\"{}\"", neutralise(text).replace('"', "\"\""))
}

/// Puts an apostrophe wherever a spreadsheet could begin a formula.
pub fn neutralise(text: &str) -> String {
    let mut neutral = String::with_capacity(text.len() + 1);
    let mut written = 0;
    for at in dangers(text) {
        neutral.push_str(&text[written..at]);
        neutral.push('\'');
        written = at;
    }
    neutral.push_str(&text[written..]);
    neutral
}

/// Undoes [`neutralise`].
pub fn restore(neutral: &str) -> String {
    let mut text = String::with_capacity(neutral.len());
    let mut read = 0;
    for at in dangers(neutral) {
        // An apostrophe is stepped over when dangers are sought, so neutralised places are found again.
        if neutral[at..].starts_with('\'') {
            text.push_str(&neutral[read..at]);
            read = at + 1;
        }
    }
    text.push_str(&neutral[read..]);
    text
}

fn table(list: Rows, style: Style) -> Table {
    let columns = list.columns;
    let mut csv = String::from(if style.byte_order_mark { "\u{FEFF}" } else { "" });
    let header = columns.iter().map(String::as_str).chain(["additionalFields"]).map(str::to_owned);
    record(&mut csv, header, style);
    for mut row in list.rows {
        let mut cells: Vec<String> = columns.iter().map(|path| text(take(&mut row, path))).collect();
        let nothing_left = row.as_object().is_some_and(serde_json::Map::is_empty);
        cells.push(if nothing_left { String::new() } else { row.to_string() });
        record(&mut csv, cells, style);
    }
    Table { name: list.name, csv }
}

fn record(csv: &mut String, cells: impl IntoIterator<Item = String>, style: Style) {
    let separator = match style.separator {
        Separator::Semicolon => ';',
        Separator::Comma => ',',
    };
    for (index, text) in cells.into_iter().enumerate() {
        if index > 0 {
            csv.push(separator);
        }
        csv.push_str(&cell(&text));
    }
    csv.push_str("\r\n");
}

fn text(value: Option<Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}
