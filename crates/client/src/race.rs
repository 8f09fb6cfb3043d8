//! Several tries at the same thing: whichever ends next.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Futures that run beside each other. Dropping it drops all of them.
pub(crate) struct Race<'a, T>(Vec<Boxed<'a, T>>);

impl<'a, T> Race<'a, T> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn enter(&mut self, runner: impl Future<Output = T> + Send + 'a) {
        self.0.push(Box::pin(runner));
    }

    /// The result of the one that ends next; `None` if there is none. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<T> {
        poll_fn(|cx| {
            if self.0.is_empty() {
                return Poll::Ready(None);
            }
            for at in 0..self.0.len() {
                if let Poll::Ready(result) = self.0[at].as_mut().poll(cx) {
                    drop(self.0.swap_remove(at));
                    return Poll::Ready(Some(result));
                }
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_to_end_comes_first_and_none_is_lost() {
        let mut race = Race::new();
        for seconds in [3, 1, 2] {
            race.enter(async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                seconds
            });
        }
        assert!(tokio::time::timeout(Duration::from_millis(10), race.next()).await.is_err());
        assert_eq!([race.next().await, race.next().await, race.next().await], [Some(1), Some(2), Some(3)]);
        assert_eq!(race.next().await, None);
    }
}
