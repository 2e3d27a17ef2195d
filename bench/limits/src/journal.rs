//! An append-only file of lines. A line is acknowledged after it was synced to disk.

use std::fs::File;
use std::io::Write as _;
use std::sync::mpsc;

use tokio::sync::oneshot;

/// Text of whole lines, and whom to tell when it is on disk.
type Job = (Vec<u8>, Option<oneshot::Sender<()>>);

/// The way to the thread that writes the file.
#[derive(Clone)]
pub struct Journal(mpsc::Sender<Job>);

impl Journal {
    /// Begins a new file.
    pub fn create(path: &str) -> crate::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let file = File::create(path)?;
        std::thread::spawn(move || write(file, &queue));
        Ok(Self(jobs))
    }

    /// Writes lines and waits until they are on disk; false when they are not.
    pub async fn keep(&self, lines: Vec<u8>) -> bool {
        let (told, kept) = oneshot::channel();
        self.0.send((lines, Some(told))).is_ok() && kept.await.is_ok()
    }

    /// Writes lines with the next group.
    pub fn note(&self, lines: Vec<u8>) {
        let _ = self.0.send((lines, None));
    }
}

/// Whatever waits while a group is synced makes up the next one.
fn write(mut file: File, queue: &mpsc::Receiver<Job>) {
    let (mut lines, mut waiting) = (Vec::new(), Vec::new());
    while let Ok(first) = queue.recv() {
        for (line, told) in std::iter::once(first).chain(queue.try_iter()) {
            lines.extend_from_slice(&line);
            waiting.extend(told);
        }
        if file.write_all(&lines).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        lines.clear();
        for told in waiting.drain(..) {
            let _ = told.send(());
        }
    }
}
