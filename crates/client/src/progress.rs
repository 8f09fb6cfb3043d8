//! How far a sending is.

/// How much of a content is durable at the office. Never goes back, whatever way the content takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes of content that the office has stored durably.
    pub stored: u64,
    /// Bytes of content that were handed to the network so far (also those that are under way).
    pub sent: u64,
    /// Length of the content, if it is known.
    pub total: Option<u64>,
}

/// What is called with every [`Progress`].
pub(crate) type OnProgress = Box<dyn FnMut(Progress) + Send>;

/// Turns positions into bytes, and tells only what is new.
pub(crate) struct Meter {
    now: Progress,
    callback: Option<OnProgress>,
}

impl Meter {
    pub(crate) fn new(total: Option<u64>, callback: Option<OnProgress>) -> Self {
        Self { now: Progress { stored: 0, sent: 0, total }, callback }
    }

    /// Content up to this byte was handed over.
    pub(crate) fn sent(&mut self, end: u64) {
        self.advance(|now| now.sent = now.sent.max(end));
    }

    /// Segments before this byte are durable; padding after the content counts for nothing.
    pub(crate) fn stored(&mut self, end: u64) {
        self.advance(|now| now.stored = now.stored.max(end.min(now.total.unwrap_or(now.sent))));
    }

    pub(crate) fn stored_so_far(&self) -> u64 {
        self.now.stored
    }

    /// All of it is durable.
    pub(crate) fn complete(&mut self, length: u64) {
        self.advance(|now| *now = Progress { stored: length, sent: length, total: Some(length) });
    }

    fn advance(&mut self, change: impl FnOnce(&mut Progress)) {
        let before = self.now;
        change(&mut self.now);
        if self.now == before {
            return;
        }
        if let Some(callback) = &mut self.callback {
            callback(self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn recorded(total: Option<u64>) -> (Meter, Arc<Mutex<Vec<Progress>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        (Meter::new(total, Some(Box::new(move |progress| sink.lock().unwrap().push(progress)))), seen)
    }

    #[test]
    fn never_goes_back_and_repeats_nothing() {
        let (mut meter, seen) = recorded(Some(100));
        meter.sent(60);
        meter.stored(50);
        meter.sent(40);
        meter.stored(20);
        meter.stored(50);
        meter.complete(100);
        let stored: Vec<u64> = seen.lock().unwrap().iter().map(|progress| progress.stored).collect();
        assert_eq!(stored, [0, 50, 100]);
    }

    #[test]
    fn padding_does_not_count() {
        let (mut meter, seen) = recorded(None);
        meter.sent(10);
        meter.stored(65_532);
        assert_eq!(seen.lock().unwrap().last().unwrap().stored, 10);
    }
}
