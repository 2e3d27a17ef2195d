//! Reads the body of a request into memory that all connections share.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming as HyperBody};

use super::connections::{Connections, Progress};
use super::memory::{Memory, MemoryPart};
use super::{SHARE, ServerLimits};

/// Memory that is taken at once, at least, for a body that is not over. A quarter of what has come is taken when that is
/// more: a body of tens of megabytes must not be moved hundreds of times.
const STEP: usize = 64 * 1024;

/// A body up to this size is copied out of the connection's buffer, which may be many times as large.
const COPIED: usize = 4 * 1024;

/// How long a body waits for memory before connections that hold some are looked at again.
const CHECK: std::time::Duration = std::time::Duration::from_millis(100);

/// Why a body is not whole.
pub(super) enum BodyError {
    TooLarge,
    CutOff,
}

/// What a body is read with.
pub(super) struct BodyReader<'a> {
    pub(super) limits: &'a ServerLimits,
    pub(super) memory: &'a std::sync::Arc<Memory>,
    pub(super) connections: &'a Connections,
    pub(super) progress: &'a Progress,
}

/// What has come of a body that is in more than one piece.
#[derive(Default)]
struct Joined {
    bytes: Vec<u8>,
    part: Option<MemoryPart>,
    /// Bytes of the part.
    held: usize,
    /// Which body it is of those that may wait for memory.
    arrival: Option<u64>,
}

/// A body with what it holds of the memory, for as long as anybody has it.
struct HeldBody {
    bytes: Vec<u8>,
    _part: MemoryPart,
}

impl AsRef<[u8]> for HeldBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyReader<'_> {
    /// Reads a body. One that came in one piece, as most do, is not joined.
    pub(super) async fn collect(&self, body: &mut HyperBody, received: &mut usize) -> Result<Bytes, BodyError> {
        let exact = body.size_hint().exact().and_then(|exact| usize::try_from(exact).ok());
        let announced = exact.unwrap_or(self.limits.body);
        let mut first = Bytes::new();
        let mut joined = Joined::default();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::CutOff)?.into_data() else {
                continue;
            };
            *received += data.len();
            if *received > self.limits.body {
                return Err(BodyError::TooLarge);
            }
            if joined.bytes.is_empty() && first.is_empty() {
                first = data;
            } else {
                let begin = std::mem::take(&mut first);
                self.reserve(&mut joined, begin.len() + data.len(), announced, exact.is_some())
                    .await;
                joined.bytes.extend_from_slice(&begin);
                joined.bytes.extend_from_slice(&data);
            }
            // Spares another turn of the loop, through hyper's channel.
            if body.is_end_stream() {
                break;
            }
        }
        Ok(match joined.part {
            _ if joined.bytes.is_empty() && first.len() <= COPIED => Bytes::copy_from_slice(&first),
            _ if joined.bytes.is_empty() => first,
            None => joined.bytes.into(),
            Some(part) => Bytes::from_owner(HeldBody {
                bytes: joined.bytes,
                _part: part,
            }),
        })
    }

    /// Makes room for more of a body. What goes beyond a connection's share is taken from the memory, and waited for.
    async fn reserve(&self, joined: &mut Joined, more: usize, announced: usize, exact: bool) {
        let length = joined.bytes.len() + more;
        if length > joined.bytes.capacity() {
            let wanted = length + STEP.max(length / 4);
            let capacity = wanted.min(announced).max(length);
            let beyond = |capacity: usize, held| capacity.saturating_sub(SHARE).saturating_sub(held);
            let (mut bytes, held) = (beyond(capacity, joined.held), joined.held);
            if bytes > 0 {
                let rest = beyond(announced, held);
                if exact {
                    // All at once, so that a body that waits holds nothing that others wait for.
                    bytes = rest.max(bytes);
                }
                let part = match self.memory.take(bytes, rest) {
                    Some(part) => part,
                    None => {
                        let arrival = *joined.arrival.get_or_insert_with(|| self.memory.arrival());
                        self.wait(bytes, rest, arrival).await
                    }
                };
                joined.held += bytes;
                match &mut joined.part {
                    Some(own) => own.join(part),
                    own => *own = Some(part),
                }
            }
            let capacity = capacity
                .max(SHARE.min(capacity) + joined.held)
                .min(announced.max(length));
            joined.bytes.reserve_exact(capacity - joined.bytes.len());
        }
        self.progress.body(length, joined.held);
    }

    /// Waits for memory. While there is not enough, those that hold some without making progress lose it.
    async fn wait(&self, bytes: usize, rest: usize, arrival: u64) -> MemoryPart {
        let mut granted = self.memory.wait(bytes, rest, arrival);
        self.progress.starve();
        loop {
            let missing = rest.max(bytes).saturating_sub(self.memory.free());
            let enough = self.connections.free_memory(missing, self.limits.grace);
            self.memory.claim(arrival, enough);
            match tokio::time::timeout(CHECK, &mut granted).await {
                Ok(Ok(part)) => return part,
                // The memory outlives its server's connections.
                Ok(Err(_)) => std::future::pending().await,
                Err(_) => self.memory.hand_out(0),
            }
        }
    }
}
