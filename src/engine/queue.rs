//! What waits for its turn: one queue a target, served in turn, so that a slow target holds up no other.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::waiting::QueuedDelivery;
use super::{Delivery, Label, Limits};

/// A target: an endpoint, or the origin of a URL.
pub(super) type TargetKey = Arc<str>;

/// What is about to be tried.
pub(super) struct Turn {
    pub(super) target: TargetKey,
    pub(super) waiting: QueuedDelivery,
}

/// Everything that is not in flight.
pub(super) struct Queue {
    limits: Limits,
    targets: HashMap<TargetKey, TargetQueue>,
    /// Targets with something ready and room for it.
    servable: VecDeque<TargetKey>,
    /// What waits for a moment, numbered so that equal moments keep their order.
    later: BTreeMap<(Instant, u64), (TargetKey, QueuedDelivery)>,
    counter: u64,
    in_flight: usize,
    ready: usize,
    held: usize,
}

#[derive(Default)]
struct TargetQueue {
    in_flight: usize,
    /// What was tried before: its turn comes before that of what is new.
    again: VecDeque<QueuedDelivery>,
    first: VecDeque<QueuedDelivery>,
    is_servable: bool,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            targets: HashMap::new(),
            servable: VecDeque::new(),
            later: BTreeMap::new(),
            counter: 0,
            in_flight: 0,
            ready: 0,
            held: 0,
        }
    }

    /// Which queue a delivery stands in.
    pub(super) fn target(delivery: &Delivery) -> TargetKey {
        match &delivery.label.endpoint {
            Some(endpoint) => format!("endpoint {endpoint}").into(),
            None => delivery.url.origin().ascii_serialization().into(),
        }
    }

    /// How many wait for room.
    pub(super) fn ready(&self) -> usize {
        self.ready
    }

    /// How many of them have their content in memory.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready == 0 && self.later.is_empty()
    }

    /// Puts one at the end of its target's queue.
    pub(super) fn push(&mut self, target: &TargetKey, waiting: QueuedDelivery) {
        self.ready += 1;
        self.held += usize::from(waiting.is_in_memory());
        let queue = self.targets.entry(Arc::clone(target)).or_default();
        match waiting.progress.attempts {
            0 => queue.first.push_back(waiting),
            _ => queue.again.push_back(waiting),
        }
        self.serve(target);
    }

    /// Puts one aside until a moment.
    pub(super) fn push_later(&mut self, target: TargetKey, waiting: QueuedDelivery, due: Instant) {
        self.counter += 1;
        self.later.insert((due, self.counter), (target, waiting));
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((due, _), _)| *due)
    }

    /// Moves what is due to the queue of its target.
    pub(super) fn wake(&mut self, now: Instant) {
        while self.next_due().is_some_and(|due| due <= now)
            && let Some((_, (target, waiting))) = self.later.pop_first()
        {
            self.push(&target, waiting);
        }
    }

    /// Whether one may begin now.
    pub(super) fn has_turn(&self) -> bool {
        let total = self.limits.total.unwrap_or(self.limits.concurrency).max(1);
        self.in_flight < total && !self.servable.is_empty()
    }

    /// The next one, which is in flight until [`Queue::landed`].
    pub(super) fn take(&mut self) -> Option<Turn> {
        if !self.has_turn() {
            return None;
        }
        let target = self.servable.pop_front()?;
        let queue = self.targets.get_mut(&target)?;
        queue.is_servable = false;
        let waiting = queue.again.pop_front().or_else(|| queue.first.pop_front())?;
        queue.in_flight += 1;
        self.in_flight += 1;
        self.ready -= 1;
        self.held -= usize::from(waiting.is_in_memory());
        self.serve(&target);
        Some(Turn { target, waiting })
    }

    /// One that was in flight is not any more.
    pub(super) fn landed(&mut self, target: &TargetKey) {
        self.in_flight -= 1;
        if let Some(queue) = self.targets.get_mut(target) {
            queue.in_flight -= 1;
            if queue.in_flight == 0 && queue.again.is_empty() && queue.first.is_empty() {
                self.targets.remove(target);
                return;
            }
        }
        self.serve(target);
    }

    /// Enters a target among those that are served next, where it has something ready and room for it.
    fn serve(&mut self, target: &TargetKey) {
        let most = self.limits.concurrency.max(1);
        if let Some(queue) = self.targets.get_mut(target)
            && !queue.is_servable
            && queue.in_flight < most
            && !(queue.again.is_empty() && queue.first.is_empty())
        {
            queue.is_servable = true;
            self.servable.push_back(Arc::clone(target));
        }
    }

    /// Takes everything out that waits for a moment, in order of the moments.
    pub(super) fn take_later(&mut self) -> Vec<QueuedDelivery> {
        let later = std::mem::take(&mut self.later).into_values();
        later.map(|(_, waiting)| waiting).collect()
    }

    /// Takes everything out: what is ready, then what waits for a moment.
    pub(super) fn take_all(&mut self) -> Vec<QueuedDelivery> {
        let ready = self.take_ready(|_| true);
        ready.into_iter().chain(self.take_later()).collect()
    }

    /// The labels of what waits, one for each endpoint.
    pub(super) fn endpoints(&self) -> Vec<Arc<Label>> {
        let ready = self
            .targets
            .values()
            .flat_map(|queue| queue.again.iter().chain(&queue.first));
        let later = self.later.values().map(|(_, waiting)| waiting);
        let mut labels = BTreeMap::new();
        for label in ready.chain(later).map(QueuedDelivery::label) {
            if let Some(endpoint) = &label.endpoint {
                labels.entry(endpoint.clone()).or_insert_with(|| Arc::clone(label));
            }
        }
        labels.into_values().collect()
    }

    /// Takes out what waits for that endpoint.
    pub(super) fn take_endpoint(&mut self, endpoint: &str) -> Vec<QueuedDelivery> {
        let is_it = |waiting: &QueuedDelivery| waiting.label().endpoint.as_deref() == Some(endpoint);
        let mut taken = self.take_ready(is_it);
        let later = std::mem::take(&mut self.later).into_iter();
        let (out, stay): (BTreeMap<_, _>, _) = later.partition(|(_, (_, waiting))| is_it(waiting));
        self.later = stay;
        taken.extend(out.into_values().map(|(_, waiting)| waiting));
        taken
    }

    fn take_ready(&mut self, wanted: impl Fn(&QueuedDelivery) -> bool) -> Vec<QueuedDelivery> {
        let mut taken = Vec::new();
        for queue in self.targets.values_mut() {
            for list in [&mut queue.again, &mut queue.first] {
                let (out, stay): (VecDeque<_>, VecDeque<_>) = std::mem::take(list).into_iter().partition(&wanted);
                *list = stay;
                taken.extend(out);
            }
        }
        self.ready -= taken.len();
        self.held -= taken.iter().filter(|waiting| waiting.is_in_memory()).count();
        // Targets with nothing ready by now are passed over when their turn comes.
        let targets = &mut self.targets;
        self.servable.retain(|target| match targets.get_mut(target) {
            Some(queue) if queue.again.is_empty() && queue.first.is_empty() => {
                queue.is_servable = false;
                false
            }
            Some(_) => true,
            None => false,
        });
        targets.retain(|_, queue| queue.in_flight > 0 || !queue.again.is_empty() || !queue.first.is_empty());
        taken
    }
}
