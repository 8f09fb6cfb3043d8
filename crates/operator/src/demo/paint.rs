//! The result for people: a picture of the way, what each party saw, and the receipt. At most 100 columns.

use std::fmt::{Display, Write as _};
use std::io::IsTerminal;

use super::network::Network;
use super::report::{InnerRecord, OfficeRecord, OuterRecord, Party, Report};
use super::traffic::{Delivered, Traffic};

/// Colours, or none if standard output is no terminal or the user wants none (<https://no-color.org>).
#[derive(Clone, Copy)]
pub(super) struct Ink(bool);

impl Ink {
    pub(super) fn for_stdout() -> Self {
        Self(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    pub(super) fn none() -> Self {
        Self(false)
    }

    pub(super) fn bold(self, text: impl Display) -> String {
        self.code("1", text)
    }

    pub(super) fn dim(self, text: impl Display) -> String {
        self.code("2", text)
    }

    fn good(self, text: impl Display) -> String {
        self.code("32", text)
    }

    fn bad(self, text: impl Display) -> String {
        self.code("31", text)
    }

    fn code(self, code: &str, text: impl Display) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// Everything after a sending.
pub(super) fn page(network: &Network, traffic: &Traffic, report: &Report, ink: Ink) -> String {
    let mut page = picture(network, report, ink);
    page += &seen(report, ink);
    if let Some(Ok(done)) = traffic.sent.first().map(|sent| &sent.outcome) {
        page += &receipt(done, ink);
    }
    page += &sum(report, ink);
    page
}

/// The way of a single list with names and addresses as the records tell them; of many lists only how many of each.
fn picture(network: &Network, report: &Report, ink: Ink) -> String {
    let (names, addresses) = if report.submissions == 1 { one_way(network, report) } else { all_ways(report) };
    let row = |cells: &[String; 4]| format!("  {}", cells.each_ref().map(|cell| format!("{cell:^21}")).join("   "));
    let mut text = format!("\n{}\n\n", ink.bold("The way of a list"));
    let _ = writeln!(text, "{}", ink.bold(row(&names).trim_end()));
    BOXES.iter().for_each(|line| text.extend(["  ", line, "\n"]));
    let _ = writeln!(text, "{}", ink.dim(row(&addresses).trim_end()));
    text += "            |                                                                       |\n";
    text += "            +=========== one sealed connection: only the office can open it ========+\n";
    text
}

/// Names and addresses, from left to right.
type Way = ([String; 4], [String; 4]);

fn one_way(network: &Network, report: &Report) -> Way {
    let observed = &report.observed;
    let outer = observed.outer.iter().find_map(|outer| Some((outer, outer.records.first()?)));
    let inner = observed.inner.iter().find_map(|inner| Some((inner, inner.records.first()?)));
    let office = observed.office.iter().find_map(|office| Some((office, office.records.first()?)));
    let vendor = office.and_then(|(_, record)| record.vendor.clone());
    let name = |name: Option<&String>| name.cloned().unwrap_or_else(|| "?".to_owned());
    let names = [
        name(vendor.as_ref()),
        name(outer.map(|(party, _)| &party.id)),
        name(inner.map(|(party, _)| &party.id)),
        name(office.map(|(party, _)| &party.id)),
    ];
    let sender = name(outer.map(|(_, record)| &record.sender));
    let addresses = [sender, network.address_of(&names[1]), network.address_of(&names[2]), DIALS_OUT.to_owned()];
    (names, addresses)
}

fn all_ways(report: &Report) -> Way {
    let observed = &report.observed;
    let names = [
        format!("{} vendors", report.vendors),
        format!("{} outer proxies", observed.outer.len()),
        format!("{} inner proxies", observed.inner.len()),
        format!("{} offices", report.offices),
    ];
    (names, [String::new(), String::new(), String::new(), DIALS_OUT.to_owned()])
}

/// What an office has in place of an address.
const DIALS_OUT: &str = "dials out only";

const BOXES: [&str; 3] = [
    "+-------------------+   +-------------------+   +-------------------+   +-------------------+",
    "|  vendor's program |-->|    outer proxy    |-->|    inner proxy    |-->|   health office   |",
    "+-------------------+   +-------------------+   +-------------------+   +-------------------+",
];

fn seen(report: &Report, ink: Ink) -> String {
    let observed = &report.observed;
    let mut text = format!("\n{}\n", ink.bold("What each party saw, from its own records"));
    group(&mut text, "outer proxies", "the sender's address, an inner proxy, bytes", "which office, who, what", ink);
    observed.outer.iter().for_each(|party| party_lines(&mut text, party, "streams", outer_line, ink));
    group(&mut text, "inner proxies", "an outer proxy, the office, bytes", "who or from where, what", ink);
    observed.inner.iter().for_each(|party| party_lines(&mut text, party, "streams", inner_line, ink));
    group(&mut text, "offices", "the vendor and the list", "the lists of other offices", ink);
    for party in observed.office.iter().filter(|office| office.count > 0).take(MOST_OFFICES) {
        party_lines(&mut text, party, "lists", office_line, ink);
    }
    let idle = observed.office.iter().filter(|office| office.count == 0).count();
    let more = observed.office.len().saturating_sub(idle + MOST_OFFICES);
    if more > 0 {
        let _ = writeln!(text, "  {}", ink.dim(format_args!("and {more} more offices")));
    }
    if idle > 0 {
        let _ = writeln!(text, "  {}", ink.dim(format_args!("{idle} offices saw nothing at all")));
    }
    text
}

/// Offices that are listed.
const MOST_OFFICES: usize = 4;

fn group(text: &mut String, who: &str, sees: &str, sees_not: &str, ink: Ink) {
    let _ = writeln!(text, "\n  {:<14} {}", ink.bold(who), ink.dim(format_args!("see {sees}; never {sees_not}")));
}

fn party_lines<R>(text: &mut String, party: &Party<R>, unit: &str, line: impl Fn(&R) -> String, ink: Ink) {
    let Some(record) = party.records.first() else {
        let _ = writeln!(text, "  {:<12} {}", party.id, ink.dim("nothing"));
        return;
    };
    if party.count > 1 {
        let _ =
            writeln!(text, "  {:<12} {} {unit}, {} bytes; the first:", party.id, party.count, thousands(party.bytes));
        let _ = writeln!(text, "  {:<12}   {}", "", line(record));
    } else {
        let _ = writeln!(text, "  {:<12} {}", party.id, line(record));
    }
}

fn outer_line(record: &OuterRecord) -> String {
    let inner = record.inner.as_deref().unwrap_or("nowhere");
    let (up, down) = (thousands(record.bytes_up), thousands(record.bytes_down));
    format!("from {} to {inner}: {up} bytes there, {down} back", record.sender)
}

fn inner_line(record: &InnerRecord) -> String {
    let office = record.office.as_deref().unwrap_or("nowhere");
    let (up, down) = (thousands(record.bytes_up), thousands(record.bytes_down));
    format!("from {} to {office}: {up} bytes there, {down} back", record.outer)
}

fn office_line(record: &OfficeRecord) -> String {
    let vendor = record.vendor.as_deref().unwrap_or("somebody");
    let found = match (record.guests, record.flags) {
        (Some(guests), Some(flags)) => format!("{guests} guests, {flags} flags"),
        _ => "not looked into yet".to_owned(),
    };
    format!("{} from {vendor}: {found}, {} bytes", record.kind, thousands(record.bytes))
}

fn receipt(done: &Delivered, ink: Ink) -> String {
    let receipt = &done.receipt;
    let mut text = format!("\n{}\n\n", ink.bold("The receipt that the vendor keeps"));
    let mut row = |name: &str, value: &dyn Display| {
        let _ = writeln!(text, "  {name:<9} {value}");
    };
    row("office", &receipt.office());
    row("ticket", &receipt.ticket());
    row("content", &format_args!("{}, {} bytes", receipt.kind(), thousands(receipt.length())));
    row("SHA-256", &receipt.content_hash());
    row("signed", &"by the office, checked against the directory without a network");
    text
}

fn sum(report: &Report, ink: Ink) -> String {
    let counts = format!(
        "{} of {} lists delivered and proven, {} lost, {} twice",
        report.receipts, report.submissions, report.lost, report.duplicates
    );
    let counts = if report.is_flawless() { ink.good(counts) } else { ink.bad(counts) };
    let mut text = format!("\n{counts}\n");
    let _ = writeln!(
        text,
        "{} bytes in {:.3} s, {} of {} offices, {} of {} vendors",
        thousands(report.bytes),
        report.seconds,
        report.offices_used,
        report.offices,
        report.vendors_used,
        report.vendors
    );
    for failure in &report.failures {
        let _ = writeln!(text, "{}", ink.bad(format_args!("failed: {failure}")));
    }
    text
}

/// `1234567` as `1 234 567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn colour_is_only_where_it_is_wanted() {
        assert_eq!(Ink(false).bold("text"), "text");
        assert_eq!(Ink(true).bold("text"), "\x1b[1mtext\x1b[0m");
    }

    #[test]
    fn the_picture_fits_a_narrow_terminal() {
        assert!(BOXES.iter().all(|line| line.len() + 2 <= 100));
        assert!(BOXES.iter().all(|line| line.len() == BOXES[0].len()));
    }
}
