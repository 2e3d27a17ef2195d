//! Connections that wait to be used again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::IDLE;
use super::link::Link;

/// Where a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DirectAddress {
    /// `localhost`: either family.
    Local(u16),
    /// A literal address.
    At(SocketAddr),
}

/// Idle connections, the one that waits longest first.
#[derive(Default)]
pub(super) struct IdleConnections {
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    place: DirectAddress,
    link: Link,
    since: Instant,
}

impl IdleConnections {
    /// The connection of that place that was used last.
    pub(super) fn take(&self, place: DirectAddress) -> Option<Link> {
        let mut idle = self.lock();
        drop_expired(&mut idle);
        loop {
            let last = idle.iter().rposition(|idle| idle.place == place)?;
            let found = idle.remove(last)?;
            if !found.link.is_closed() {
                return Some(found.link);
            }
        }
    }

    /// Keeps a connection for the next request, and `most` in all.
    pub(super) fn keep(&self, place: DirectAddress, link: Link, most: usize) {
        let since = Instant::now();
        let mut idle = self.lock();
        drop_expired(&mut idle);
        if idle.len() >= most {
            idle.pop_front();
        }
        idle.push_back(Idle { place, link, since });
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
