//! Deliveries that wait for their turn: one queue per target, served round-robin, so that a slow target delays no other.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::waiting::QueuedDelivery;
use super::{Delivery, Label, Limits};

/// A target: an endpoint, or the origin of a URL.
pub(super) type TargetKey = Arc<str>;

/// All deliveries that are not in flight.
pub(super) struct Queue {
    limits: Limits,
    targets: HashMap<TargetKey, TargetQueue>,
    /// Targets with a ready delivery and room for it.
    servable: VecDeque<TargetKey>,
    /// Deliveries that wait for a moment; the number keeps the order of equal moments.
    later: BTreeMap<(Instant, u64), (TargetKey, QueuedDelivery)>,
    counter: u64,
    in_flight: usize,
    ready: usize,
    held: usize,
}

#[derive(Default)]
struct TargetQueue {
    in_flight: usize,
    /// Deliveries with an attempt behind them, which come first.
    again: VecDeque<QueuedDelivery>,
    first: VecDeque<QueuedDelivery>,
    is_servable: bool,
}

impl TargetQueue {
    fn has_ready(&self) -> bool {
        !(self.again.is_empty() && self.first.is_empty())
    }
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

    /// The queue of a delivery.
    pub(super) fn target(delivery: &Delivery) -> TargetKey {
        match &delivery.label.endpoint {
            Some(endpoint) => format!("endpoint {endpoint}").into(),
            None => delivery.url.origin().ascii_serialization().into(),
        }
    }

    /// Deliveries that wait for room.
    pub(super) fn ready(&self) -> usize {
        self.ready
    }

    /// Those of them that have their content in memory.
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

    /// Moves due deliveries to the queues of their targets.
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
    pub(super) fn take(&mut self) -> Option<(TargetKey, QueuedDelivery)> {
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
        Some((target, waiting))
    }

    /// One that was in flight is not any more.
    pub(super) fn landed(&mut self, target: &TargetKey) {
        self.in_flight -= 1;
        if let Some(queue) = self.targets.get_mut(target) {
            queue.in_flight -= 1;
            if queue.in_flight == 0 && !queue.has_ready() {
                self.targets.remove(target);
                return;
            }
        }
        self.serve(target);
    }

    /// Schedules a target with a ready delivery and room for it.
    fn serve(&mut self, target: &TargetKey) {
        let most = self.limits.concurrency.max(1);
        if let Some(queue) = self.targets.get_mut(target)
            && !queue.is_servable
            && queue.in_flight < most
            && queue.has_ready()
        {
            queue.is_servable = true;
            self.servable.push_back(Arc::clone(target));
        }
    }

    /// Takes out the deliveries that wait for a moment, the next one first.
    pub(super) fn take_later(&mut self) -> Vec<QueuedDelivery> {
        let later = std::mem::take(&mut self.later);
        later.into_values().map(|(_, waiting)| waiting).collect()
    }

    /// The labels of what waits, one for each endpoint.
    pub(super) fn endpoints(&self) -> Vec<Arc<Label>> {
        let queues = self.targets.values();
        let ready = queues.flat_map(|queue| queue.again.iter().chain(&queue.first));
        let later = self.later.values().map(|(_, waiting)| waiting);
        let mut labels = BTreeMap::new();
        for label in ready.chain(later).map(|waiting| &waiting.delivery.label) {
            if let Some(endpoint) = &label.endpoint {
                labels.entry(endpoint.clone()).or_insert_with(|| Arc::clone(label));
            }
        }
        labels.into_values().collect()
    }

    /// Takes out what is wanted: what is ready, then what waits for a moment.
    pub(super) fn take_where(&mut self, wanted: impl Fn(&QueuedDelivery) -> bool) -> Vec<QueuedDelivery> {
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
        let targets = &mut self.targets;
        self.servable.retain(|target| match targets.get_mut(target) {
            Some(queue) => {
                queue.is_servable = queue.has_ready();
                queue.is_servable
            }
            None => false,
        });
        targets.retain(|_, queue| queue.in_flight > 0 || queue.has_ready());
        let later = std::mem::take(&mut self.later).into_iter();
        let (out, stay): (BTreeMap<_, _>, _) = later.partition(|(_, (_, waiting))| wanted(waiting));
        self.later = stay;
        taken.extend(out.into_values().map(|(_, waiting)| waiting));
        taken
    }
}
