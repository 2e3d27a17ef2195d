//! An application that receives requests: a socket of its own, a reply for each request, and a record of all.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::process::DEADLINE;

/// What an app answers.
pub(crate) enum Reply {
    /// A status and a body.
    Status(u16, &'static str),
    /// Status, header lines and body.
    Full(u16, Vec<(&'static str, &'static str)>, Vec<u8>),
    /// Nothing, for as long as the other side waits.
    Silence,
    /// The end of the connection.
    Closed,
}

/// A request that an app got.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names as they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A running app; ends when dropped.
pub(crate) struct App {
    pub(crate) url: String,
    address: SocketAddr,
    seen: Receiver<Seen>,
    ended: Arc<AtomicBool>,
}

impl App {
    /// Answers each request with what `reply` says.
    pub(crate) fn start(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::on(listener, reply)
    }

    /// The same on a socket of the caller's.
    pub(crate) fn on(listener: TcpListener, reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().expect("an address");
        let (sender, seen) = channel();
        let ended = Arc::new(AtomicBool::new(false));
        let (over, reply) = (Arc::clone(&ended), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let (sender, reply) = (sender.clone(), Arc::clone(&reply));
                std::thread::spawn(move || serve(&stream, &sender, reply.as_ref()));
            }
        });
        Self {
            url: format!("http://{address}"),
            address,
            seen,
            ended,
        }
    }

    /// The next request, which may be yet to come.
    #[track_caller]
    pub(crate) fn next(&self) -> Seen {
        self.seen.recv_timeout(DEADLINE).expect("a request comes")
    }

    /// What came and was not asked for yet.
    pub(crate) fn rest(&self) -> Vec<Seen> {
        self.seen.try_iter().collect()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Seen {
    /// The next request of a connection.
    pub(crate) fn read(reader: &mut BufReader<&TcpStream>) -> Option<Self> {
        let mut line = || {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line).ok().filter(|count| *count > 0)?;
            Some(String::from_utf8_lossy(&line).trim_end().to_owned())
        };
        let first = line()?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let line = line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut seen = Self {
            method,
            target,
            headers,
            body: Vec::new(),
        };
        let length: usize = seen
            .header("content-length")
            .map_or(0, |text| text.parse().unwrap_or(0));
        seen.body.resize(length, 0);
        reader.read_exact(&mut seen.body).ok()?;
        Some(seen)
    }

    /// The first value of that name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).into_iter().next()
    }

    /// Every value of that name, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let fits = |(have, _): &&(String, String)| have.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(fits)
            .map(|(_, value)| value.as_str())
            .collect()
    }
}

/// The requests of one connection, one after the other.
fn serve(stream: &TcpStream, seen: &Sender<Seen>, reply: &(impl Fn(&Seen) -> Reply + ?Sized)) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = Seen::read(&mut reader) {
        let answer = reply(&request);
        let _ = seen.send(request);
        let (status, headers, body) = match answer {
            Reply::Status(status, body) => (status, Vec::new(), body.as_bytes().to_vec()),
            Reply::Full(status, headers, body) => (status, headers, body),
            Reply::Silence => {
                let _ = reader.read_to_end(&mut Vec::new());
                return;
            }
            Reply::Closed => return,
        };
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head += &[name, ": ", value, "\r\n"].concat();
        }
        let mut stream = stream;
        if stream.write_all(&[head.as_bytes(), b"\r\n", &body].concat()).is_err() {
            return;
        }
    }
}
