//! Requests over connections that stay open: as fast as answers come, or at a fixed rate.

use std::cell::{Cell, RefCell};
use std::io::{self, Error};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::spawn_local;
use tokio::time::{sleep, sleep_until};

use crate::client::{Target, number, serial_place};
use crate::measure::{Samples, cpu_seconds};
use crate::wire::Connection;

pub struct Plan {
    pub target: Target,
    pub connections: u64,
    /// Requests per second over all connections; each waits for its answer, so a proxy that
    /// cannot keep up gets fewer.
    pub rate: Option<u64>,
    pub seconds: f64,
    /// Whose processor time to count.
    pub pid: Option<u32>,
}

#[derive(Default)]
struct Shared {
    measuring: Cell<bool>,
    serial: Cell<u64>,
    requests: Cell<u64>,
    errors: Cell<u64>,
    micros: RefCell<Samples>,
}

/// Runs the plan and returns the result as JSON.
pub async fn run(plan: Plan) -> io::Result<String> {
    let shared = Rc::new(Shared {
        micros: RefCell::new(Samples::with_capacity((plan.seconds * 40_000.0) as usize)),
        ..Shared::default()
    });
    let target = Rc::new(plan.target);
    let begin = Instant::now();
    for nth in 0..plan.connections {
        let pacing = plan.rate.map(|rate| Pacing {
            next: begin + Duration::from_secs_f64(nth as f64 / rate as f64),
            step: Duration::from_secs_f64(plan.connections as f64 / rate as f64),
        });
        spawn_local(keep_asking(Rc::clone(&target), Rc::clone(&shared), pacing));
    }

    sleep(Duration::from_millis(300)).await;
    let cpu = || plan.pid.map_or(Ok(0.0), cpu_seconds);
    let (start, cpu_before) = (Instant::now(), cpu()?);
    shared.measuring.set(true);
    sleep(Duration::from_secs_f64(plan.seconds)).await;
    shared.measuring.set(false);
    let (seconds, cpu_seconds) = (start.elapsed().as_secs_f64(), cpu()? - cpu_before);

    let (requests, errors) = (shared.requests.get(), shared.errors.get());
    let mut micros = shared.micros.borrow_mut();
    Ok(format!(
        "{{\"requests\": {requests}, \"errors\": {errors}, \"rps\": {:.1}, \"p50_us\": {}, \
         \"p99_us\": {}, \"seconds\": {seconds:.3}, \"cpu_seconds\": {cpu_seconds:.2}, \
         \"cpu_us_per_request\": {:.2}}}",
        requests as f64 / seconds,
        micros.percentile(0.5),
        micros.percentile(0.99),
        cpu_seconds * 1e6 / requests.max(1) as f64,
    ))
}

struct Pacing {
    next: Instant,
    step: Duration,
}

/// One connection's life; after an error it opens another.
async fn keep_asking(target: Rc<Target>, shared: Rc<Shared>, mut pacing: Option<Pacing>) {
    let mut request = target.request();
    loop {
        let Err(error) = converse(&target, &shared, &mut request, &mut pacing).await else {
            continue;
        };
        if shared.errors.replace(shared.errors.get() + 1) == 0 {
            eprintln!("first error: {error}");
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Returns when the server closes the connection, which it may do between two requests.
async fn converse(
    target: &Target,
    shared: &Shared,
    request: &mut [u8],
    pacing: &mut Option<Pacing>,
) -> io::Result<()> {
    let mut connection = Connection::open(target.address).await?;
    let place = serial_place(request);
    loop {
        if let Some(Pacing { next, step }) = pacing {
            sleep_until((*next).into()).await;
            *next = (*next + *step).max(Instant::now());
        }
        number(
            &mut request[place.clone()],
            shared.serial.replace(shared.serial.get() + 1),
        );

        let sent = Instant::now();
        connection.write(request).await?;
        let Some(head) = connection.head().await? else {
            return Ok(());
        };
        if head.status != 200 {
            return Err(Error::other(format!("status {}", head.status)));
        }
        connection.body(head, |_| ()).await?;
        if shared.measuring.get() {
            shared.requests.set(shared.requests.get() + 1);
            shared
                .micros
                .borrow_mut()
                .add(sent.elapsed().as_micros() as u64);
        }
    }
}
