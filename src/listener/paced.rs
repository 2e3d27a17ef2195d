//! A response body that is sent slowly.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Bytes of a body that is sent slowly: at 1 KiB/s more than most senders wait for.
pub(super) const PACED_BODY: usize = 64 * 1024;

/// Pieces in a second, at most.
const PIECES: u64 = 10;

/// A body of [`PACED_BODY`] bytes, of which `rate` are sent in a second; once `hurry` is cancelled, the rest at once.
pub(super) fn paced_body(rate: u64, hurry: CancellationToken) -> mpsc::Receiver<Bytes> {
    let (pieces, body) = mpsc::channel(1);
    let piece = usize::try_from((rate / PIECES).max(1))
        .unwrap_or(PACED_BODY)
        .min(PACED_BODY);
    let pause = Duration::from_micros(1_000_000 * piece as u64 / rate.max(1));
    let line: Bytes = vec![b'.'; PACED_BODY].into();
    tokio::spawn(async move {
        let mut left = line;
        while !left.is_empty() {
            let size = if hurry.is_cancelled() {
                left.len()
            } else {
                piece.min(left.len())
            };
            // The client is gone once nothing reads the channel.
            if pieces.send(left.split_to(size)).await.is_err() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = hurry.cancelled() => {}
                () = pieces.closed() => break,
            }
        }
    });
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_takes_its_time_unless_it_must_hurry() {
        let hurry = CancellationToken::new();
        let begun = tokio::time::Instant::now();
        let mut body = paced_body(1024, hurry.clone());
        let mut size = 0;
        while size < 10 * 1024 {
            size += body.recv().await.unwrap().len();
        }
        let took = begun.elapsed().as_secs_f64();
        assert!((9.5..10.5).contains(&took), "{took}");
        hurry.cancel();
        let at = tokio::time::Instant::now();
        while let Some(piece) = body.recv().await {
            size += piece.len();
        }
        assert_eq!(size, PACED_BODY);
        assert!(at.elapsed() < Duration::from_millis(1));
    }
}
