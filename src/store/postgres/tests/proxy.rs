//! A proxy that loses connections at the worst moment.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

/// Where the next connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Nowhere = 0,
    /// COMMIT does not reach the server.
    BeforeCommit = 1,
    /// COMMIT reaches the server, and its answer does not come back.
    AfterCommit = 2,
}

pub(super) struct Proxy {
    pub(super) port: u16,
    cut: Arc<AtomicU8>,
}

impl Proxy {
    pub(super) fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicU8::new(Cut::Nowhere as u8));
        let shared = Arc::clone(&cut);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let cut = Arc::clone(&shared);
                thread::spawn(move || requests(&from, &to, &cut));
                thread::spawn(move || answers(&server, &client));
            }
        });
        Self { port, cut }
    }

    /// Cuts the next COMMIT.
    pub(super) fn cut(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }
}

fn requests(mut client: &TcpStream, mut server: &TcpStream, cut: &AtomicU8) {
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let is_commit = buffer[..count].windows(7).any(|window| window == b"COMMIT\0");
        let cut = if is_commit {
            cut.swap(Cut::Nowhere as u8, Ordering::SeqCst)
        } else {
            0
        };
        if cut == Cut::AfterCommit as u8 {
            // The answer finds no way back from here on.
            let _ = client.shutdown(Shutdown::Both);
        }
        if cut == Cut::BeforeCommit as u8 || server.write_all(&buffer[..count]).is_err() || cut != 0 {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Write);
}

fn answers(mut server: &TcpStream, mut client: &TcpStream) {
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = server.read(&mut buffer) {
        if client.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}
