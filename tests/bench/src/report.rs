//! What was found: rows with an aim, facts without one, and what could not be measured.

mod text;

use serde::Serialize;

use crate::stats::Spread;

pub(crate) use text::{markdown, table};

/// Everything of one run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) repetitions: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) facts: Vec<Fact>,
    /// Figure and reason.
    pub(crate) missing: Vec<(String, String)>,
}

/// Where it ran.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) system: String,
}

/// A figure beside its reference.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) figure: String,
    pub(crate) unit: &'static str,
    pub(crate) measured: Spread,
    pub(crate) reference: Option<Reference>,
    pub(crate) aims: Vec<Aim>,
}

/// What a figure is compared with.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reference {
    pub(crate) what: &'static str,
    pub(crate) value: Spread,
    /// Measured by reference, repetition by repetition where both have repetitions.
    pub(crate) ratio: Spread,
}

/// What is wanted of the median.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) enum Aim {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    AtMost(f64),
    /// Above the reference, in the row's unit.
    BeyondAtMost(f64),
}

/// A figure without an aim.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) group: &'static str,
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) value: Spread,
}

impl Row {
    pub(crate) fn new(figure: impl Into<String>, unit: &'static str, measured: Spread) -> Self {
        Self { figure: figure.into(), unit, measured, reference: None, aims: Vec::new() }
    }

    /// Compares medians.
    pub(crate) fn against(self, what: &'static str, value: Spread) -> Self {
        let ratio = Spread {
            median: self.measured.median / value.median,
            low: self.measured.low / value.median,
            high: self.measured.high / value.median,
        };
        self.against_with(what, value, ratio)
    }

    /// Compares with ratios that were taken within each repetition.
    pub(crate) fn against_with(mut self, what: &'static str, value: Spread, ratio: Spread) -> Self {
        self.reference = Some(Reference { what, value, ratio });
        self
    }

    pub(crate) fn aim(mut self, aim: Aim) -> Self {
        self.aims.push(aim);
        self
    }

    /// Whether all aims are met; `None` if there is none.
    pub(crate) fn is_met(&self) -> Option<bool> {
        let met = |aim: &Aim| match (*aim, &self.reference) {
            (Aim::AtMost(most), _) => self.measured.median <= most,
            (Aim::RatioAtLeast(least), Some(reference)) => reference.ratio.median >= least,
            (Aim::RatioAtMost(most), Some(reference)) => reference.ratio.median <= most,
            (Aim::BeyondAtMost(most), Some(reference)) => self.measured.median - reference.value.median <= most,
            // An aim that compares with nothing is not met.
            (_, None) => false,
        };
        (!self.aims.is_empty()).then(|| self.aims.iter().all(met))
    }
}

impl Report {
    pub(crate) fn fact(&mut self, group: &'static str, what: impl Into<String>, unit: &'static str, value: Spread) {
        self.facts.push(Fact { group, what: what.into(), unit, value });
    }
}

impl Machine {
    pub(crate) fn here() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name));
        Self {
            processor: model.unwrap_or("unknown").trim().to_owned(),
            cores: schleuse_transport::runtime::available_cores().get(),
            system: format!(
                "Linux {}",
                read("/proc/sys/kernel/osrelease").split('-').next().unwrap_or_default().trim()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(measured: f64, reference: f64) -> Row {
        Row::new("figure", "µs", Spread::exactly(measured)).against("reference", Spread::exactly(reference))
    }

    #[test]
    fn every_aim_must_be_met_by_the_median() {
        assert_eq!(row(1.0, 1.0).is_met(), None);
        assert_eq!(row(76.0, 100.0).aim(Aim::RatioAtLeast(0.75)).is_met(), Some(true));
        assert_eq!(row(74.0, 100.0).aim(Aim::RatioAtLeast(0.75)).is_met(), Some(false));
        let both = |micros| row(micros, 55.0).aim(Aim::RatioAtMost(1.2)).aim(Aim::AtMost(60.0)).is_met();
        assert_eq!((both(59.0), both(61.0), both(67.0)), (Some(true), Some(false), Some(false)));
        assert_eq!(row(24.0, 20.0).aim(Aim::BeyondAtMost(5.0)).is_met(), Some(true));
        assert_eq!(row(26.0, 20.0).aim(Aim::BeyondAtMost(5.0)).is_met(), Some(false));
        let alone = Row::new("figure", "", Spread::exactly(1.0)).aim(Aim::RatioAtLeast(0.1));
        assert_eq!(alone.is_met(), Some(false));
    }
}
