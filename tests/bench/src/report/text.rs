//! The report for people: a table for the terminal, and the same as Markdown.

use std::fmt::Write as _;

use super::{Aim, Report, Row};
use crate::stats::Spread;

const HEAD: [&str; 6] = ["figure", "measured", "reference", "ratio", "aim", "met"];

/// For the terminal.
pub(crate) fn table(report: &Report) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(report.rows.iter().map(cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, "{cell:width$}  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    for fact in &report.facts {
        let _ = writeln!(text, "{}: {} {} {}", fact.group, fact.what, spread(fact.value), fact.unit);
    }
    for (figure, reason) in &report.missing {
        let _ = writeln!(text, "not measured: {figure}: {reason}");
    }
    text
}

/// For docs/performance.md.
pub(crate) fn markdown(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "Measured on {} cores of \"{}\" under {}; median of {} repetitions, lowest and highest in brackets.\n\n",
        machine.cores, machine.processor, machine.system, report.repetitions
    );
    line(&mut text, &HEAD.map(str::to_owned));
    text.push_str("|---|---|---|---|---|---|\n");
    report.rows.iter().for_each(|row| line(&mut text, &cells(row)));
    let mut group = "";
    for fact in &report.facts {
        if fact.group != group {
            group = fact.group;
            let _ = write!(text, "\n{group}\n\n| what | value | unit |\n|---|---|---|\n");
        }
        line(&mut text, &[fact.what.clone(), spread(fact.value), fact.unit.to_owned()]);
    }
    if !report.missing.is_empty() {
        text.push_str("\nNot measured in this run:\n\n");
        for (figure, reason) in &report.missing {
            let _ = writeln!(text, "* {figure}: {reason}");
        }
    }
    text
}

fn line(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn cells(row: &Row) -> [String; 6] {
    let (reference, ratio) = match &row.reference {
        Some(reference) => {
            (format!("{}: {} {}", reference.what, spread(reference.value), row.unit), spread(reference.ratio))
        }
        None => ("–".to_owned(), "–".to_owned()),
    };
    let aims: Vec<String> = row.aims.iter().map(|aim| words(*aim, row.unit)).collect();
    let met = match row.is_met() {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "",
    };
    let measured = format!("{} {}", spread(row.measured), row.unit);
    [row.figure.clone(), measured, reference, ratio, aims.join(", "), met.to_owned()]
}

fn words(aim: Aim, unit: &str) -> String {
    match aim {
        Aim::RatioAtLeast(least) => format!("ratio ≥ {least}"),
        Aim::RatioAtMost(most) => format!("ratio ≤ {most}"),
        Aim::AtMost(most) => format!("≤ {most} {unit}"),
        Aim::BeyondAtMost(most) => format!("≤ reference + {most} {unit}"),
    }
}

fn spread(spread: Spread) -> String {
    let Spread { median, low, high } = spread;
    if low >= high {
        return number(median);
    }
    format!("{} [{}–{}]", number(median), number(low), number(high))
}

/// Three or four digits that mean something.
fn number(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 100.0 => format!("{value:.0}"),
        magnitude if magnitude >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Fact;

    #[test]
    fn a_row_says_its_figure_reference_ratio_and_whether_the_aim_is_met() {
        let measured = Spread { median: 1500.0, low: 1400.0, high: 1600.0 };
        let row = Row::new("submissions", "/s", measured)
            .against("limit", Spread::exactly(2000.0))
            .aim(Aim::RatioAtLeast(0.75));
        let fact = Fact { group: "Primitives", what: "sign".into(), unit: "µs", value: Spread::exactly(16.04) };
        let missing = vec![("bulk".to_owned(), "no disk".to_owned())];
        let report = Report { rows: vec![row], facts: vec![fact], missing, repetitions: 3, ..Report::default() };
        let text = markdown(&report);
        let expected = "| submissions | 1500 [1400–1600] /s | limit: 2000 /s | 0.75 [0.70–0.80] | ratio ≥ 0.75 | yes |";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("Primitives\n\n| what | value | unit |\n|---|---|---|\n| sign | 16.0 | µs |"), "{text}");
        assert!(text.contains("* bulk: no disk"));
        assert!(table(&report).contains("submissions  1500 [1400–1600] /s  limit: 2000 /s"));
    }
}
