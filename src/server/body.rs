//! Reads the body of a request into memory that all connections share.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming as HyperBody};

use super::connection::ServerConnection;
use super::memory::MemoryPart;
use super::{Handler, IncompleteReason, PER_CONNECTION};

/// Bytes that are reserved at once, at least, for an incomplete body. A quarter of what was received is reserved when that
/// is more: a body of tens of megabytes must not be moved hundreds of times.
const STEP: usize = 64 * 1024;

/// Bytes: a body up to this size is copied out of the connection's buffer, which may be many times as large.
const COPIED: usize = 4 * 1024;

/// How long a body waits for memory before stalled connections that hold some are looked for again.
const CHECK: std::time::Duration = std::time::Duration::from_millis(100);

/// A body that comes in more than one piece, with the memory that it holds until it is dropped.
struct JoinedBody {
    bytes: Vec<u8>,
    part: MemoryPart,
    /// Its position in the queue for memory, once it had to wait.
    arrival: Option<u64>,
}

impl AsRef<[u8]> for JoinedBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<H: Handler> ServerConnection<H> {
    /// Reads a body. A body in one piece, as most are, is not joined. `received` counts its bytes, also of one that fails.
    pub(super) async fn collect(&self, body: &mut HyperBody, received: &mut usize) -> Result<Bytes, IncompleteReason> {
        let limit = self.shared.limits.body;
        let exact = body.size_hint().exact().and_then(|exact| usize::try_from(exact).ok());
        let mut first = Bytes::new();
        let mut joined = JoinedBody {
            bytes: Vec::new(),
            part: self.shared.memory.part(0),
            arrival: None,
        };
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| IncompleteReason::CutOff)?.into_data() else {
                continue;
            };
            *received += data.len();
            if *received > limit {
                return Err(IncompleteReason::TooLarge);
            }
            if joined.bytes.is_empty() && first.is_empty() {
                first = data;
            } else {
                let begin = std::mem::take(&mut first);
                self.reserve(&mut joined, begin.len() + data.len(), exact).await;
                joined.bytes.extend_from_slice(&begin);
                joined.bytes.extend_from_slice(&data);
            }
            // Spares another turn of the loop, through hyper's channel.
            if body.is_end_stream() {
                break;
            }
        }
        Ok(match joined.part.bytes {
            _ if joined.bytes.is_empty() && first.len() <= COPIED => Bytes::copy_from_slice(&first),
            _ if joined.bytes.is_empty() => first,
            0 => joined.bytes.into(),
            _ => Bytes::from_owner(joined),
        })
    }

    /// Makes room for `more` bytes. What goes beyond a connection's share is taken from the shared memory, and waited for.
    async fn reserve(&self, joined: &mut JoinedBody, more: usize, exact: Option<usize>) {
        let announced = exact.unwrap_or(self.shared.limits.body);
        let length = joined.bytes.len() + more;
        if length > joined.bytes.capacity() {
            let capacity = (length + STEP.max(length / 4)).min(announced).max(length);
            let beyond = |capacity: usize| capacity.saturating_sub(PER_CONNECTION + joined.part.bytes);
            let (bytes, rest) = (beyond(capacity), beyond(announced));
            if bytes > 0 {
                // All at once where the size is known: a body that waits holds nothing that others wait for.
                let bytes = if exact.is_some() { rest.max(bytes) } else { bytes };
                let part = match self.shared.memory.take(bytes, rest) {
                    Some(part) => part,
                    None => self.wait(bytes, rest, &mut joined.arrival).await,
                };
                joined.part.join(part);
            }
            let capacity = capacity
                .max(PER_CONNECTION.min(capacity) + joined.part.bytes)
                .min(announced.max(length));
            joined.bytes.reserve_exact(capacity - joined.bytes.len());
        }
        self.progress.body(length, joined.part.bytes);
    }

    /// Waits for memory. While there is not enough, connections that hold some without making progress are closed.
    async fn wait(&self, bytes: usize, rest: usize, arrival: &mut Option<u64>) -> MemoryPart {
        let (memory, limits) = (&self.shared.memory, &self.shared.limits);
        let arrival = *arrival.get_or_insert_with(|| memory.arrival());
        let mut granted = memory.wait(bytes, rest, arrival);
        self.progress.starve();
        loop {
            let missing = rest.max(bytes).saturating_sub(memory.free());
            let enough = self.shared.connections.free_memory(missing, limits.grace);
            memory.claim(arrival, enough);
            match tokio::time::timeout(CHECK, &mut granted).await {
                Ok(Ok(part)) => return part,
                // The memory outlives its server's connections.
                Ok(Err(_)) => std::future::pending().await,
                Err(_) => memory.hand_out(0),
            }
        }
    }
}
