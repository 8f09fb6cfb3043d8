//! What one stream has its store write: commands that wait for company, and jobs that wait for their answer.

use std::collections::VecDeque;

use schleuse_protocol::limits::MAX_UNSTORED_SEGMENTS;

use crate::store::{Answer, Answers, Command, Company, Outcome, Store, StoreError};

/// Most commands of one job: an eighth of the segments that may wait for the store, so that the others come in while some
/// are written, and a stream whose turn at the store is still to come holds little.
const MAX_JOB: usize = MAX_UNSTORED_SEGMENTS / 8;

/// The writes of a stream, in their order.
#[derive(Default)]
pub(super) struct Writes {
    /// Not handed to the store yet: more may be at hand, and one job costs less than several.
    job: Vec<Command>,
    waiting: VecDeque<Waiting>,
}

/// A job whose answer is still to come.
struct Waiting {
    kinds: Vec<Kind>,
    answer: Answer,
}

/// What a stream has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Begin,
    Store,
    Finish,
    Discard,
}

/// What became of the commands of a job.
pub(super) type Answered = Vec<(Kind, Result<Outcome, StoreError>)>;

impl Writes {
    /// Adds a command. Returns whether the job is full, and so to be pushed.
    pub(super) fn add(&mut self, command: Command) -> bool {
        self.job.push(command);
        self.job.len() >= MAX_JOB
    }

    /// Whether commands wait for being pushed.
    pub(super) fn has_job(&self) -> bool {
        !self.job.is_empty()
    }

    /// Whether answers are still to come.
    pub(super) fn has_answers_to_come(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the whole content is with the store.
    pub(super) fn is_whole(&self) -> bool {
        self.waiting.back().is_some_and(|last| last.kinds.last() == Some(&Kind::Finish))
    }

    /// Hands the commands that are there to the store. If it takes nothing, this is the answer.
    pub(super) async fn push(&mut self, store: &Store, company: Company) -> Result<(), Answered> {
        let commands = std::mem::take(&mut self.job);
        if commands.is_empty() {
            return Ok(());
        }
        let kinds = commands.iter().filter_map(Kind::of).collect();
        match store.push(commands, company).await {
            Ok(answer) => self.waiting.push_back(Waiting { kinds, answer }),
            Err(error) => return Err(failed(kinds, &error)),
        }
        Ok(())
    }

    /// The first answer in line; never, if none is to come. Cancel-safe: the receiver stays in line until it has answered.
    pub(super) async fn answer(&mut self) -> Answered {
        let Some(first) = self.waiting.front_mut() else { return std::future::pending().await };
        let answers = (&mut first.answer).await;
        let kinds = std::mem::take(&mut first.kinds);
        self.waiting.pop_front();
        match answers {
            Ok(answers) => told_once(kinds, answers),
            Err(_) => failed(kinds, &StoreError::Stopped),
        }
    }
}

/// Of segments that became durable together, the last says it for all.
fn told_once(kinds: Vec<Kind>, answers: Answers) -> Answered {
    let mut answered: Answered = Vec::with_capacity(kinds.len());
    for next in kinds.into_iter().zip(answers) {
        if matches!((answered.last(), &next), (Some((Kind::Store, Ok(_))), (Kind::Store, Ok(_)))) {
            answered.pop();
        }
        answered.push(next);
    }
    answered
}

fn failed(kinds: Vec<Kind>, error: &StoreError) -> Answered {
    kinds.into_iter().map(|kind| (kind, Err(error.clone()))).collect()
}

impl Kind {
    fn of(command: &Command) -> Option<Self> {
        match command {
            Command::Begin(_) => Some(Self::Begin),
            Command::Store(_) => Some(Self::Store),
            Command::Finish(_) => Some(Self::Finish),
            Command::Discard { .. } => Some(Self::Discard),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_that_became_durable_together_are_told_once() {
        let stored = |next| Ok(Outcome::Stored { next });
        let kinds = vec![Kind::Begin, Kind::Store, Kind::Store, Kind::Store];
        let failed = || Err(StoreError::Stopped);
        let answered = told_once(kinds.clone(), vec![stored(0), stored(1), stored(2), stored(3)]);
        assert!(matches!(&answered[..], [(Kind::Begin, _), (Kind::Store, Ok(Outcome::Stored { next: 3 }))]));
        let answered = told_once(kinds, vec![stored(0), stored(1), failed(), failed()]);
        assert!(matches!(
            &answered[..],
            [_, (Kind::Store, Ok(Outcome::Stored { next: 1 })), (Kind::Store, Err(_)), (Kind::Store, Err(_))]
        ));
    }
}
