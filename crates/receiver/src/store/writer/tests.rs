//! The writer without its thread, on real files: the test says what time it is.

use std::time::Duration;

use super::*;
use crate::store::command::Command;
use crate::store::model::NewUpload;
use crate::store::tests::fixture::*;

/// A writer beside that of a fixture, which has nothing to do.
struct Bench {
    office: Fixture,
    queue: Queue,
    queued: Batches,
    writer: Writer,
}

impl Bench {
    /// With live tickets 1 and 2, and nothing to cut.
    async fn new() -> Self {
        let office = Fixture::new().await;
        for number in [1, 2] {
            office.mint(number).await;
        }
        office.store.write(Command::Cut).await.unwrap();
        let (batches, queued) = mpsc::unbounded_channel();
        let engine = Engine { path: office.path(), max_bytes: None };
        let connection = engine.writer().unwrap();
        let mut writer = Writer::new(engine, connection, Post::start(Stopped::new(None)).0, Arc::default()).unwrap();
        writer.try_cut(Instant::now());
        assert!(!writer.cut.is_owed());
        Self { office, queue: Queue::new(batches, Arc::default()), queued, writer }
    }

    async fn write(&mut self, command: Command) {
        let answer = self.queue.push(vec![command], Company::Unexpected).await.unwrap();
        self.writer.commit(self.queued.recv().await.unwrap());
        answer.await.unwrap().remove(0).unwrap();
    }
}

#[tokio::test]
async fn keys_of_discarded_and_superseded_attempts_leave_the_log_within_a_minute() {
    let mut bench = Bench::new().await;
    let newer = NewUpload { key_sealed: vec![7; 48], ..upload(attempt(1, 6)) };
    let ends = [Command::Begin(newer), Command::Discard { ticket: attempt(2, 5).ticket, attempt: 5 }];
    for (ticket, end) in [1, 2].into_iter().zip(ends) {
        bench.write(Command::Begin(upload(attempt(ticket, 5)))).await;
        assert!(!bench.writer.cut.is_owed(), "nothing was deleted");
        let before = Instant::now();
        bench.write(end).await;
        let after = Instant::now();
        bench.writer.cut_if_due(before + cut::LATER - Duration::from_millis(1));
        assert!(bench.office.holds(WRAPPED_KEY), "each attempt makes the office cut its log");
        bench.writer.cut_if_due(after + cut::LATER);
        assert!(!bench.office.holds(WRAPPED_KEY), "the wrapped key is still in a file");
        assert!(!bench.writer.cut.is_owed());
    }
}
