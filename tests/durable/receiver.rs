//! Three endpoints on one socket that record every request, and that see how far it got when the service was killed.

use std::collections::HashMap;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{DEADLINE, Seen, number};

/// An event at an endpoint.
pub(crate) type Key = (usize, String);

/// What can be seen of the work on an event, from its sender's and its receiver's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its sender has sent the request.
    Posted,
    /// Its sender has read the 202.
    Acknowledged,
    /// The receiver has read a delivery, and has not answered.
    Received,
    /// The receiver has answered.
    Answered,
}

/// The deliveries of one event to one endpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deliveries {
    /// How often it came.
    pub(crate) came: usize,
    /// From which life of the service it came last.
    life: usize,
    /// How often that was answered with success.
    pub(crate) taken: usize,
    /// When the last one was answered.
    pub(crate) answered: Option<Instant>,
}

/// A service while it lives.
struct Life {
    pid: Pid,
    url: String,
    /// The kill comes with the step of that kind and count, unless somebody else comes first.
    last: Option<(Step, usize)>,
    /// Steps seen.
    seen: [usize; 4],
}

/// What a kill interrupted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Killed {
    pub(crate) at: Instant,
    /// Requests that the receiver had read and not answered.
    pub(crate) open: usize,
}

#[derive(Default)]
struct State {
    life: Option<Life>,
    /// Counts the lives.
    lives: usize,
    /// Events that may be handed over so far.
    allowed: usize,
    killed: Option<Killed>,
    deliveries: HashMap<Key, Deliveries>,
    open: usize,
    connections: usize,
}

/// What all threads know of the service.
#[derive(Default)]
pub(crate) struct Watch {
    state: Mutex<State>,
    changed: Condvar,
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// Waits until the state is as wanted.
    #[track_caller]
    fn wait(&self, wanted: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self
            .changed
            .wait_timeout_while(self.state(), DEADLINE, |state| !wanted(state))
            .expect("no panic");
        assert!(!waited.1.timed_out(), "it does not come to that");
        waited.0
    }

    /// A service has started.
    pub(crate) fn started(&self, pid: u32, url: &str, allowed: usize, last: Option<(Step, usize)>) {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process");
        let mut state = self.state();
        state.life = Some(Life {
            pid,
            url: url.to_owned(),
            last,
            seen: [0; 4],
        });
        state.lives += 1;
        state.allowed = allowed;
        state.killed = None;
        self.changed.notify_all();
    }

    /// Waits for the kill that was planned, and until the receiver has read all that was sent.
    #[track_caller]
    pub(crate) fn killed(&self) -> Killed {
        let killed = self.wait(|state| state.killed.is_some()).killed.expect("waited for");
        drop(self.wait(|state| state.connections == 0));
        killed
    }

    /// Kills it that long after its first acknowledgement.
    #[track_caller]
    pub(crate) fn kill_after(&self, time: Duration) {
        let begun = |life: &Life| life.seen[Step::Acknowledged as usize] > 0;
        drop(self.wait(|state| state.life.as_ref().is_some_and(begun)));
        std::thread::sleep(time);
        self.kill(&mut self.state());
    }

    fn kill(&self, state: &mut State) {
        if let Some(life) = state.life.take() {
            kill_process(life.pid, Signal::KILL).expect("it lives");
            state.killed = Some(Killed {
                at: Instant::now(),
                open: state.open,
            });
            self.changed.notify_all();
        }
    }

    /// Something was seen, which may be what the kill waits for.
    pub(crate) fn step(&self, step: Step) {
        self.stepped(&mut self.state(), step);
    }

    fn stepped(&self, state: &mut State, step: Step) {
        let Some(life) = &mut state.life else {
            return;
        };
        life.seen[step as usize] += 1;
        if life.last == Some((step, life.seen[step as usize])) {
            self.kill(state);
        }
        self.changed.notify_all();
    }

    /// Waits until that event may be handed over, to another life than before; the life, and its URL.
    pub(crate) fn open_for(&self, number: usize, not: usize) -> (usize, String) {
        let ready = |state: &State| state.life.is_some() && state.allowed > number && state.lives != not;
        let state = self.wait(ready);
        let url = state.life.as_ref().map(|life| life.url.clone());
        (state.lives, url.expect("waited for"))
    }

    /// What came from the life that is over.
    pub(crate) fn of_last_life(&self) -> Vec<(Key, Deliveries)> {
        let state = self.state();
        let of_it = state.deliveries.iter().filter(|(_, one)| one.life == state.lives);
        of_it.map(|(key, one)| (key.clone(), one.clone())).collect()
    }

    /// What came so far.
    pub(crate) fn deliveries(&self) -> HashMap<Key, Deliveries> {
        self.state().deliveries.clone()
    }
}

/// Starts the receiver; its URL. `fails` says which deliveries are answered 500.
pub(crate) fn receive(watch: &Arc<Watch>, fails: fn(&Key, &Deliveries) -> bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let watch = Arc::clone(watch);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let watch = Arc::clone(&watch);
            watch.state().connections += 1;
            std::thread::spawn(move || {
                serve(&stream, &watch, fails);
                watch.state().connections -= 1;
                watch.changed.notify_all();
            });
        }
    });
    url
}

fn serve(stream: &TcpStream, watch: &Watch, fails: fn(&Key, &Deliveries) -> bool) {
    let mut reader = BufReader::new(stream);
    while let Some(seen) = Seen::read(&mut reader) {
        let key: Key = (number(&seen.body).expect("a number"), seen.target);
        let failed = {
            let mut state = watch.state();
            let life = state.lives;
            let one = state.deliveries.entry(key.clone()).or_default();
            one.came += 1;
            one.life = life;
            let failed = fails(&key, one);
            state.open += 1;
            watch.stepped(&mut state, Step::Received);
            failed
        };
        // Some take longer than others, so that some are open whenever the service is killed.
        std::thread::sleep(Duration::from_millis(key.0 as u64 % 4 * 4));
        let status = if failed { 500 } else { 200 };
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        let written = { stream }.write_all(answer.as_bytes()).is_ok();
        let mut state = watch.state();
        state.open -= 1;
        let one = state.deliveries.entry(key).or_default();
        one.answered = Some(Instant::now());
        one.taken += usize::from(!failed);
        watch.stepped(&mut state, Step::Answered);
        if !written {
            return;
        }
    }
}
