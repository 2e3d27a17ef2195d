//! Connections that wait to be used again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connect::Route;
use super::link::Link;

/// Below the 5 s after which Node closes an idle connection: a request sent into that moment has to be sent again.
pub(super) const IDLE: Duration = Duration::from_secs(4);

/// Above any concurrency of a bulk send, and well below the limit of open files that is usual.
pub(super) const MOST_IDLE: usize = 512;

/// Idle connections, the one that waits longest first.
#[derive(Default)]
pub(super) struct Pool {
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    route: Route,
    link: Link,
    since: Instant,
}

impl Pool {
    /// The connection of that route that was used last.
    pub(super) fn take(&self, route: &Route) -> Option<Link> {
        let mut idle = self.lock();
        drop_expired(&mut idle);
        loop {
            let last = idle.iter().rposition(|idle| idle.route == *route)?;
            let found = idle.remove(last)?;
            if !found.link.is_closed() {
                return Some(found.link);
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(&self, route: Route, link: Link) {
        let since = Instant::now();
        let mut idle = self.lock();
        drop_expired(&mut idle);
        if idle.len() >= MOST_IDLE {
            idle.pop_front();
        }
        idle.push_back(Idle { route, link, since });
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn drop_expired(idle: &mut VecDeque<Idle>) {
    while idle.front().is_some_and(|first| first.since.elapsed() >= IDLE) {
        idle.pop_front();
    }
}
