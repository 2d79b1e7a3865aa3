//! Many streams at once: `stream` counts their events, `hold` keeps them open.

use std::cell::{Cell, RefCell};
use std::io::{self, Error, Read};
use std::rc::Rc;
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::task::{spawn_blocking, spawn_local};
use tokio::time::{sleep, timeout};

use crate::client::Target;
use crate::measure::{Samples, cpu_seconds};
use crate::upstream::{EVENTS_AROUND_CONTENT, Pace, STAMP, STAMP_DIGITS, now_micros};
use crate::wire::Connection;

/// Streams start spread over this time, so that their events are too.
const RAMP: Duration = Duration::from_millis(500);
/// Between the last start and the measurement, and between that and the first end.
const MARGIN: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Plan {
    pub target: Target,
    pub streams: u64,
    pub interval: Duration,
    pub seconds: f64,
    /// Whose processor time to count.
    pub pid: Option<u32>,
}

#[derive(Default)]
struct Shared {
    measuring: Cell<bool>,
    started: Cell<u64>,
    /// While measuring: events, and pieces they came in (fewer, if a proxy merges events).
    events: Cell<u64>,
    pieces: Cell<u64>,
    micros: RefCell<Samples>,
    errors: Cell<u64>,
}

/// Measures while all streams are open; then each must end complete.
pub async fn run(plan: Plan) -> io::Result<String> {
    let length = RAMP + MARGIN + Duration::from_secs_f64(plan.seconds) + MARGIN;
    let events = length.as_micros().div_ceil(plan.interval.as_micros()) as u64;
    let shared = Rc::new(Shared::default());
    let open = open(
        &plan,
        Pace {
            events,
            interval: plan.interval,
        },
        &shared,
    );

    sleep(RAMP + MARGIN).await;
    let cpu = || plan.pid.map_or(Ok(0.0), cpu_seconds);
    let (start, cpu_before) = (Instant::now(), cpu()?);
    shared.measuring.set(true);
    sleep(Duration::from_secs_f64(plan.seconds)).await;
    shared.measuring.set(false);
    let (seconds, cpu_seconds) = (start.elapsed().as_secs_f64(), cpu()? - cpu_before);

    for stream in open {
        if timeout(PATIENCE, stream).await.is_err() {
            shared.fail("a stream did not end");
        }
    }
    let (events, errors) = (shared.events.get(), shared.errors.get());
    let mut micros = shared.micros.borrow_mut();
    Ok(format!(
        "{{\"streams\": {}, \"events\": {events}, \"errors\": {errors}, \"pieces\": {}, \
         \"events_per_second\": {:.1}, \"p50_us\": {}, \"p99_us\": {}, \"seconds\": {seconds:.3}, \
         \"cpu_seconds\": {cpu_seconds:.2}, \"cpu_us_per_event\": {:.2}}}",
        plan.streams,
        shared.pieces.get(),
        events as f64 / seconds,
        micros.percentile(0.5),
        micros.percentile(0.99),
        cpu_seconds * 1e6 / events.max(1) as f64,
    ))
}

/// Opens the streams, says so once each has had an event, and holds them until stdin closes.
pub async fn hold(plan: Plan) -> io::Result<()> {
    let shared = Rc::new(Shared::default());
    let open = open(
        &plan,
        Pace {
            events: 1_000,
            interval: plan.interval,
        },
        &shared,
    );

    let deadline = Instant::now() + PATIENCE;
    while shared.started.get() < plan.streams && shared.errors.get() == 0 {
        if Instant::now() > deadline {
            shared.fail("not every stream had an event in time");
        }
        sleep(Duration::from_millis(10)).await;
    }
    let (held, errors) = (shared.started.get(), shared.errors.get());
    println!("{{\"streams\": {held}, \"errors\": {errors}}}");

    spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await??;
    open.iter().for_each(|stream| stream.abort());
    Ok(())
}

fn open(plan: &Plan, pace: Pace, shared: &Rc<Shared>) -> Vec<tokio::task::JoinHandle<()>> {
    let request: Rc<[u8]> = plan.target.stream_request(&pace.to_prompt()).into();
    let address = plan.target.address;
    let expected = pace.events + EVENTS_AROUND_CONTENT;
    (0..plan.streams)
        .map(|nth| {
            let (request, shared) = (Rc::clone(&request), Rc::clone(shared));
            spawn_local(async move {
                // Steps of the golden ratio: evenly spread, and not in step with the events.
                sleep(RAMP.mul_f64((nth as f64 * 0.618_034).fract())).await;
                match Connection::open(address).await {
                    Ok(connection) => match follow(connection, &request, &shared).await {
                        Ok(events) if events == expected => (),
                        Ok(events) => shared.fail(&format!("{events} of {expected} events")),
                        Err(error) => shared.fail(&error.to_string()),
                    },
                    Err(error) => shared.fail(&error.to_string()),
                }
            })
        })
        .collect()
}

/// Follows one stream to its end and returns how many events it had.
async fn follow(mut connection: Connection, request: &[u8], shared: &Shared) -> io::Result<u64> {
    connection.write(request).await?;
    let head = connection
        .head()
        .await?
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    if head.status != 200 {
        return Err(Error::other(format!("status {}", head.status)));
    }
    let (mut events, mut done) = (0, false);
    let mut splitter = Splitter::default();
    connection
        .body(head, |piece| {
            let before = events;
            splitter.feed(piece, |event| {
                events += 1;
                done = event == b"data: [DONE]";
                shared.saw(event);
            });
            if before == 0 && events > 0 {
                shared.started.set(shared.started.get() + 1);
            }
            if shared.measuring.get() {
                shared.pieces.set(shared.pieces.get() + 1);
            }
        })
        .await?;
    if done {
        Ok(events)
    } else {
        Err(Error::other("stream without [DONE]"))
    }
}

impl Shared {
    fn saw(&self, event: &[u8]) {
        if !self.measuring.get() {
            return;
        }
        self.events.set(self.events.get() + 1);
        let sent = memmem::find(event, STAMP)
            .and_then(|at| event.get(at + STAMP.len()..)?.get(..STAMP_DIGITS))
            .and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
        if let Some(sent) = sent {
            self.micros
                .borrow_mut()
                .add(now_micros().saturating_sub(sent));
        }
    }

    fn fail(&self, why: &str) {
        if self.errors.replace(self.errors.get() + 1) == 0 {
            eprintln!("first error: {why}");
        }
    }
}

/// Finds events, also those that arrive in several pieces.
#[derive(Default)]
struct Splitter {
    unfinished: Vec<u8>,
}

impl Splitter {
    fn feed(&mut self, piece: &[u8], mut show: impl FnMut(&[u8])) {
        if self.unfinished.is_empty() {
            let used = show_events(piece, &mut show);
            self.unfinished.extend_from_slice(&piece[used..]);
        } else {
            self.unfinished.extend_from_slice(piece);
            let used = show_events(&self.unfinished, &mut show);
            self.unfinished.drain(..used);
        }
    }
}

/// Shows each complete event without the empty line that ends it; returns what they took.
fn show_events(text: &[u8], show: &mut impl FnMut(&[u8])) -> usize {
    let mut used = 0;
    while let Some(length) = memmem::find(&text[used..], b"\n\n") {
        show(&text[used..used + length]);
        used += length + 2;
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let text = b"data: {\"a\":1}\n\ndata: {\"b\":2}\n\ndata: [DONE]\n\n";
        for cut in 0..=text.len() {
            let (mut splitter, mut seen) = (Splitter::default(), Vec::new());
            for piece in [&text[..cut], &text[cut..]] {
                splitter.feed(piece, |event| {
                    seen.push(String::from_utf8_lossy(event).into_owned())
                });
            }
            assert_eq!(
                seen,
                ["data: {\"a\":1}", "data: {\"b\":2}", "data: [DONE]"],
                "cut at {cut}"
            );
        }
    }
}
