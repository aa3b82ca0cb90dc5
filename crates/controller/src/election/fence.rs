//! Whether writes may be sent, by the deadline of the lease as we track it ourselves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::gate::Gate;
use crate::config::Clock;

/// Open while a lease is ours, or for ever where there is none to hold.
#[derive(Clone, Debug)]
pub struct Fence(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    stand: Stand,
    clock: Clock,
}

#[derive(Clone, Copy, Debug)]
enum Stand {
    /// There is no lease.
    Unfenced,
    Closed,
    Open {
        since: Instant,
        until: Instant,
        /// How long the machine had been up at `since`, sleep included, where that is known.
        up: Option<Duration>,
    },
}

/// The two clocks may differ by this much without the machine having slept.
const TOLERANCE: Duration = Duration::from_secs(1);

impl Fence {
    /// Closed until a lease is held.
    pub fn closed() -> Self {
        Fence(Arc::new(Mutex::new(State {
            stand: Stand::Closed,
            clock: Clock::system(),
        })))
    }

    /// For a controller that needs no lease.
    pub fn unfenced() -> Self {
        let fence = Fence::closed();
        fence.lift();
        fence
    }

    /// There is no lease to hold.
    pub fn lift(&self) {
        self.lock().stand = Stand::Unfenced;
    }

    /// Goes by this clock's idea of how long the machine has been up.
    pub fn go_by(&self, clock: &Clock) {
        self.lock().clock = clock.clone();
    }

    /// A lease is held that counts from `since` for so long.
    pub fn open_until(&self, since: Instant, length: Duration) {
        let mut state = self.lock();
        state.stand = Stand::Open {
            since,
            until: since + length,
            up: state.clock.uptime(),
        };
    }

    /// The lease is lost.
    pub fn close(&self) {
        self.lock().stand = Stand::Closed;
    }

    /// Whether a call that takes this long ends before the lease does.
    ///
    /// The clock of timers stands still while the machine sleeps (a laptop, a suspended virtual machine); the lease does
    /// not. So where both clocks are known, a difference between them closes the fence.
    pub fn is_open_for(&self, call: Duration) -> bool {
        let state = self.lock();
        match state.stand {
            Stand::Unfenced => true,
            Stand::Closed => false,
            Stand::Open { since, until, up } => {
                let now = Instant::now();
                let slept = up.zip(state.clock.uptime()).is_some_and(|(before, now_up)| {
                    now_up.saturating_sub(before) > now.duration_since(since) + TOLERANCE
                });
                !slept && now + call < until
            }
        }
    }

    /// A service that lets nothing past it that changes anything, unless the fence is open as the request is handed on.
    pub fn gate<S>(&self, inner: S) -> Gate<S> {
        Gate::new(self.clone(), inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_lets_writes_past_while_they_end_within_it() {
        let fence = Fence::closed();
        let call = Duration::from_secs(10);
        assert!(!fence.is_open_for(call));
        fence.open_until(Instant::now(), Duration::from_secs(15));
        tokio::time::advance(Duration::from_millis(4999)).await;
        assert!(fence.is_open_for(call));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!fence.is_open_for(call));
        assert!(Fence::unfenced().is_open_for(call));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_has_slept_holds_no_lease() {
        let up = Arc::new(AtomicU64::new(100));
        let seen = up.clone();
        let clock = Clock::system().with_uptime(move || Some(Duration::from_secs(seen.load(Ordering::Relaxed))));
        let fence = Fence::closed();
        fence.go_by(&clock);
        fence.open_until(Instant::now(), Duration::from_secs(15));
        up.store(101, Ordering::Relaxed);
        assert!(fence.is_open_for(Duration::from_secs(1)));
        up.store(102, Ordering::Relaxed);
        assert!(!fence.is_open_for(Duration::from_secs(1)));
    }
}
