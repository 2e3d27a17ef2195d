//! The plan of a replay, made before the first request is sent.

use std::collections::HashMap;

use super::resume::{self, Resumable};
use super::{Editor, Prepared, Replay, Selection, remarks, select};
use crate::app::inspect::select as records;
use crate::engine::Delivery;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::store::StoreError;

/// The plan of a replay.
pub struct ReplayPlan {
    /// Deliveries, or why there are none; absent where there is nothing but other work.
    pub(super) deliveries: Option<Result<PlannedDeliveries>>,
    /// Forwards and commands of `listen`.
    pub(super) work: Option<Resumable>,
}

/// The deliveries of a plan. Bodies are read again when their turn comes: however many records are replayed, few are in
/// memory.
pub(super) struct PlannedDeliveries {
    /// The records, in order.
    pub(super) numbers: Vec<u64>,
    /// Deliveries that were changed in an editor.
    pub(super) changed: HashMap<u64, Delivery>,
    /// Whether any may take more than one attempt.
    pub(super) retries: bool,
    /// Whether they were selected as undelivered: then one that another process repeats meanwhile is not repeated.
    pub(super) undelivered: bool,
    /// The exit code of records that are not sent.
    pub(super) exit: Exit,
}

impl ReplayPlan {
    /// Whether it is a single delivery.
    pub fn is_single(&self) -> bool {
        matches!(&self.deliveries, Some(Ok(planned)) if planned.numbers.len() == 1)
    }

    /// Forwards and commands of `listen` to resume.
    pub fn work(&self) -> Option<&Resumable> {
        self.work.as_ref()
    }
}

impl Replay<'_> {
    /// Prepares every selected record. Notices say which are not sent; an error, when none is.
    pub fn plan(&self, selection: &Selection, editor: Option<Editor<'_>>) -> Result<ReplayPlan> {
        // A mistyped name is said also where there is nothing to sign.
        if let Some(label) = &self.options.provider {
            self.context.registry.get(label)?;
        }
        let numbers = select::select(self.context, self.store, selection, &|owner| self.is_held(owner))?;
        let work = match selection {
            Selection::Abandoned(named) if named.is_empty() => resume::find(self.context, self.store)?,
            _ => None,
        };
        let undelivered = matches!(selection, Selection::Undelivered(..));
        let deliveries = match work {
            // An error about deliveries must not stop other work.
            Some(_) if numbers.is_empty() => None,
            Some(_) => Some(self.plan_deliveries(numbers, undelivered, editor)),
            None => Some(Ok(self.plan_deliveries(numbers, undelivered, editor)?)),
        };
        Ok(ReplayPlan { deliveries, work })
    }

    fn plan_deliveries(
        &self,
        numbers: Vec<u64>,
        undelivered: bool,
        editor: Option<Editor<'_>>,
    ) -> Result<PlannedDeliveries> {
        let mut plan = PlannedDeliveries {
            numbers: Vec::new(),
            changed: HashMap::new(),
            retries: false,
            undelivered,
            exit: Exit::Ok,
        };
        let mut skipped = Vec::new();
        for number in numbers {
            let record = match self.store.get(number) {
                // A damaged record must not stop the others.
                Err(error @ StoreError::Damaged { .. }) => {
                    skipped.push(Error::new(Exit::Store, error.to_string()));
                    continue;
                }
                found => found?.ok_or_else(|| records::gone(number))?,
            };
            match self.prepare(record, editor)? {
                Prepared::Ready(delivery, notices) => {
                    plan.retries |= !delivery.policy.schedule.delays.is_empty();
                    plan.numbers.push(number);
                    if editor.is_some() {
                        self.emit(notices);
                        plan.changed.insert(number, *delivery);
                    }
                }
                Prepared::Skipped(why) => skipped.push(why),
            }
        }
        let last = if plan.numbers.is_empty() { skipped.pop() } else { None };
        for why in skipped {
            plan.exit = plan.exit.worse(why.exit);
            self.emit(remarks(why));
        }
        match last {
            Some(last) => Err(last),
            None if plan.numbers.is_empty() => {
                Err(Error::nothing("nothing in the ledger matches").hint("`hook log` shows what there is"))
            }
            None => Ok(plan),
        }
    }

    /// Shows each delivery as it would be made, and sends nothing.
    pub fn rehearse(&self, plan: ReplayPlan, mut show: impl FnMut(&Delivery) -> Result<()>) -> Result<Exit> {
        let Some(planned) = plan.deliveries else {
            return Ok(Exit::Ok);
        };
        let mut planned = planned?;
        for number in planned.numbers {
            let delivery = match planned.changed.remove(&number) {
                Some(delivery) => Some(delivery),
                None => self.next(number)?.map(|(delivery, _)| delivery),
            };
            delivery.iter().try_for_each(&mut show)?;
        }
        Ok(planned.exit)
    }
}
