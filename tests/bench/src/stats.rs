//! Medians, spreads and percentiles.

use serde::{Deserialize, Serialize};

/// A figure over several repetitions: the median, and the lowest and highest that occurred.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// Of one value per repetition; `None` without any.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { median, low, high })
    }

    /// A figure that does not vary, such as a sum of medians.
    pub(crate) fn exactly(value: f64) -> Self {
        Self { median: value, low: value, high: value }
    }

    /// Ratios of what was measured in the same repetition, so that a slow moment of the machine weighs on both sides.
    pub(crate) fn of_ratios(above: &[f64], below: &[f64]) -> Option<Self> {
        Self::of(above.iter().zip(below).map(|(above, below)| above / below))
    }
}

/// Latencies, in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn add(&mut self, latency: std::time::Duration) {
        self.0.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// The smallest latency that at least `share` of all do not exceed (nearest rank); zero without any.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        // A count of latencies is far below what an f64 can hold exactly.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().map_or(0.0, f64::from)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_the_spread_at_both_ends() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([3.0]), Some(Spread::exactly(3.0)));
        assert_eq!(Spread::of([9.0, 1.0, 4.0]), Some(Spread { median: 4.0, low: 1.0, high: 9.0 }));
        assert_eq!(Spread::of([9.0, 1.0, 4.0, 5.0]), Some(Spread { median: 4.5, low: 1.0, high: 9.0 }));
    }

    #[test]
    fn ratios_are_taken_within_a_repetition() {
        // The machine was half as fast the second time: no ratio changes.
        let ratios = Spread::of_ratios(&[80.0, 40.0], &[100.0, 50.0]).unwrap();
        assert_eq!(ratios, Spread::exactly(0.8));
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(0.5), 0.0);
        for micros in (1..=100).rev() {
            latencies.add(Duration::from_micros(micros));
        }
        assert_eq!(latencies.percentile(0.5), 50.0);
        assert_eq!(latencies.percentile(0.99), 99.0);
        assert_eq!(latencies.percentile(0.991), 100.0);
        assert_eq!(latencies.percentile(1.0), 100.0);
        assert_eq!(latencies.percentile(0.0), 1.0);
        assert_eq!(latencies.len(), 100);
    }
}
