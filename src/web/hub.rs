//! What changed in the ledger, for every stream of events. The ledger is only looked at while a stream is open.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::live::LiveListener;
use crate::app::context::Context;
use crate::app::inspect::changes::{ChangeWatch, LedgerChanges};
use crate::app::inspect::counters::counters;
use crate::store::{self, Store, StorePlace};

/// Between two looks at the ledger.
const INTERVAL: Duration = Duration::from_millis(200);

/// Between two counts, at least.
const COUNT_EVERY: Duration = Duration::from_secs(2);

/// Counting takes at most this share of the time: one part in so many.
const COUNT_SHARE: u32 = 20;

/// Silence after which a stream says that it is still there. A page that was closed is noticed by that, and its place is free.
const PING: Duration = Duration::from_secs(3);

/// Changed records that a stream which was interrupted can still report.
const REMEMBERED: usize = 1024;

/// Streams at the same time.
const STREAMS: usize = 16;

/// The source of the streams.
pub struct Hub {
    context: Context,
    /// The listener of this process.
    live: Option<Arc<LiveListener>>,
    state: Mutex<HubState>,
    version: watch::Sender<u64>,
    streams: AtomicUsize,
    stop: CancellationToken,
    /// Differs from one process to the next.
    epoch: String,
}

#[derive(Default)]
struct HubState {
    /// Counts every change.
    sequence: u64,
    newest: u64,
    /// Numbers of changed records, each with its place in the sequence.
    changed: VecDeque<(u64, u64)>,
    /// The counters as JSON, and when they changed.
    counters: Option<(u64, String)>,
    /// `ready`, `missing`, or why the ledger cannot be read.
    ledger: String,
}

impl Hub {
    pub fn start(context: &Context, live: Option<Arc<LiveListener>>, stop: CancellationToken) -> Arc<Self> {
        let hub = Arc::new(Self {
            context: context.clone(),
            live,
            state: Mutex::default(),
            version: watch::Sender::new(0),
            streams: AtomicUsize::new(0),
            stop,
            epoch: context.random.text(b"abcdefghijklmnopqrstuvwxyz", 8),
        });
        let weak = Arc::downgrade(&hub);
        // Without a thread the page is not live, and works by loading it again.
        let _ = thread::Builder::new()
            .name("changes".to_owned())
            .spawn(move || look(&weak));
        hub
    }

    /// Reports to every stream that these records changed: what this process itself did.
    pub fn report(&self, numbers: &[u64]) {
        self.add(|state| {
            for number in numbers {
                state.changed.push_back((state.sequence, *number));
            }
        });
    }

    /// Whether no more streams are opened.
    pub fn is_full(&self) -> bool {
        self.streams.load(Ordering::Acquire) >= STREAMS
    }

    /// A stream that goes on after the event of that id. `None`: there are too many.
    pub fn stream(self: &Arc<Self>, last_id: &str) -> Option<mpsc::Receiver<Bytes>> {
        if self.streams.fetch_add(1, Ordering::AcqRel) >= STREAMS {
            self.streams.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        let (sender, pieces) = mpsc::channel(4);
        let (epoch, sequence) = last_id.split_once('.').unwrap_or_default();
        let known = sequence.parse().ok().filter(|_| epoch == self.epoch);
        let hub = Arc::clone(self);
        tokio::spawn(async move {
            hub.run(sender, known).await;
            hub.streams.fetch_sub(1, Ordering::AcqRel);
        });
        Some(pieces)
    }

    async fn run(&self, sender: mpsc::Sender<Bytes>, mut known: Option<u64>) {
        let mut version = self.version.subscribe();
        let (mut counters_seen, mut is_first) = (0, true);
        loop {
            version.borrow_and_update();
            let text = self.events(&mut known, &mut counters_seen, is_first);
            is_first = false;
            if !text.is_empty() && sender.send(text.into()).await.is_err() {
                return;
            }
            let silent = tokio::select! {
                () = self.stop.cancelled() => return,
                () = sender.closed() => return,
                changed = version.changed() => match changed {
                    Ok(()) => false,
                    Err(_) => return,
                },
                () = tokio::time::sleep(PING) => true,
            };
            if silent && sender.send(Bytes::from_static(b":\n\n")).await.is_err() {
                return;
            }
        }
    }

    /// The events after `known`, which moves on.
    fn events(&self, known: &mut Option<u64>, counters_seen: &mut u64, is_first: bool) -> String {
        let state = self.state();
        let mut text = String::new();
        if is_first {
            text.push_str("retry: 1000\n\n");
        }
        if is_first || *known != Some(state.sequence) {
            let oldest = state.changed.front().map_or(0, |(sequence, _)| *sequence);
            let is_complete = known.is_some_and(|known| known + 1 >= oldest || state.changed.len() < REMEMBERED);
            let after = known.unwrap_or(state.sequence);
            let changed = state.changed.iter().filter(|(sequence, _)| *sequence > after);
            let mut numbers: Vec<u64> = changed.map(|(_, number)| *number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let data = json!({
                "newest": state.newest,
                "changed": numbers,
                "ledger": state.ledger,
                "reset": is_first && !is_complete,
            });
            let (epoch, sequence) = (&self.epoch, state.sequence);
            let _ = write!(text, "id: {epoch}.{sequence}\nevent: change\ndata: {data}\n\n");
            *known = Some(state.sequence);
        }
        if let Some((sequence, counters)) = state
            .counters
            .as_ref()
            .filter(|(sequence, _)| *sequence > *counters_seen)
        {
            let _ = write!(text, "event: counters\ndata: {counters}\n\n");
            *counters_seen = *sequence;
        }
        text
    }

    fn add(&self, change: impl FnOnce(&mut HubState)) {
        let mut state = self.state();
        state.sequence += 1;
        change(&mut state);
        while state.changed.len() > REMEMBERED {
            state.changed.pop_front();
        }
        let sequence = state.sequence;
        drop(state);
        self.version.send_replace(sequence);
    }

    fn changed(&self, changes: &LedgerChanges) {
        self.add(|state| {
            state.newest = changes.newest;
            let sequence = state.sequence;
            let numbers = changes.changed.iter().map(|number| (sequence, *number));
            state.changed.extend(numbers);
        });
    }

    fn ledger_is(&self, what: &str) {
        if self.state().ledger != what {
            self.add(|state| what.clone_into(&mut state.ledger));
        }
    }

    fn state(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ledger as the thread has it.
struct Looker {
    place: StorePlace,
    store: Option<Box<dyn Store>>,
    watch: ChangeWatch,
    /// Something changed since the last count.
    is_uncounted: bool,
    count_at: Instant,
}

/// Looks at the ledger until the hub is gone.
fn look(hub: &Weak<Hub>) {
    let Some(place) = hub.upgrade().map(|hub| hub.context.store_place.clone()) else {
        return;
    };
    let mut looker = Looker {
        place,
        store: None,
        watch: ChangeWatch::default(),
        is_uncounted: true,
        count_at: Instant::now(),
    };
    while let Some(hub) = hub.upgrade() {
        if hub.stop.is_cancelled() {
            return;
        }
        let is_read = hub.streams.load(Ordering::Acquire) > 0;
        if is_read {
            looker.turn(&hub);
        }
        drop(hub);
        thread::sleep(INTERVAL);
    }
}

impl Looker {
    fn turn(&mut self, hub: &Hub) {
        if !self.store.as_ref().is_some_and(|store| store.is_current()) {
            self.watch.reset();
            self.is_uncounted = true;
            self.store = match store::open_read_only(&self.place) {
                Ok(store) => Some(store),
                Err(store::StoreError::Missing(_)) => return hub.ledger_is("missing"),
                Err(error) => return hub.ledger_is(&error.to_string()),
            };
        }
        let Some(store) = &self.store else { return };
        match self.watch.look(&**store) {
            Ok(Some(changes)) => {
                self.is_uncounted = true;
                hub.changed(&changes);
            }
            Ok(None) => {}
            Err(error) => return hub.ledger_is(&error.to_string()),
        }
        let facts = hub.live.as_ref().map(|live| live.facts()).unwrap_or_default();
        let trouble = facts.unrecorded.or(facts.trouble);
        hub.ledger_is(trouble.as_deref().unwrap_or("ready"));
        if !self.is_uncounted || Instant::now() < self.count_at {
            return;
        }
        let begun = Instant::now();
        let target = hub.live.as_ref().and_then(|live| live.forward_to.as_deref());
        if let Ok(counters) = counters(&hub.context, &**store, target)
            && let Ok(text) = serde_json::to_string(&counters)
        {
            let is_new = hub.state().counters.as_ref().is_none_or(|(_, before)| *before != text);
            if is_new {
                hub.add(|state| state.counters = Some((state.sequence, text)));
            }
        }
        self.is_uncounted = false;
        self.count_at = begun + COUNT_EVERY.max(begun.elapsed() * COUNT_SHARE);
    }
}
