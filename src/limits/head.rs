//! A deadline for the head of a request. Pingora limits each read and not their sum, so a client that sends a byte now
//! and then could hold a connection for ever.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

tokio::task_local! {
    static ARRIVED: Cell<bool>;
}

/// Says that the head of the request which this task reads is complete.
pub fn arrived() {
    // HTTP/2 streams begin with their head and run in tasks without a deadline.
    let _ = ARRIVED.try_with(|arrived| arrived.set(true));
}

/// Runs `request`, and gives up if [`arrived`] is not called within `limit`.
pub async fn within<T>(limit: Duration, request: impl Future<Output = Option<T>>) -> Option<T> {
    ARRIVED
        .scope(Cell::new(false), async move {
            let mut request = pin!(request);
            let mut late = pin!(tokio::time::sleep(limit));
            poll_fn(|context| {
                if let Poll::Ready(done) = request.as_mut().poll(context) {
                    return Poll::Ready(done);
                }
                // Once the head is there the timer is not looked at any more.
                if ARRIVED.with(Cell::get) {
                    return Poll::Pending;
                }
                late.as_mut().poll(context).map(|()| None)
            })
            .await
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_comes_ends_the_request() {
        let got: Option<()> = within(Duration::from_secs(1), std::future::pending()).await;
        assert!(got.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_head_came_may_take_longer() {
        let slow = async {
            arrived();
            tokio::time::sleep(Duration::from_secs(5)).await;
            Some(7)
        };
        assert_eq!(within(Duration::from_secs(1), slow).await, Some(7));
    }
}
