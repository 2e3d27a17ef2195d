-- When the next attempt of an item's delivery is due, by the clock of the lane's process.
ALTER TABLE work ADD COLUMN due INTEGER;
UPDATE work SET due = (SELECT next_due FROM delivery WHERE delivery.n = work.delivery) WHERE delivery IS NOT NULL;
CREATE INDEX work_due ON work (lane, due) WHERE delivery IS NOT NULL;
