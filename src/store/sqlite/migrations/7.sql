-- When the next attempt of an item's delivery is due, by the clock of the lane's process.
ALTER TABLE work ADD COLUMN due INTEGER;
UPDATE work SET due = (SELECT next_due FROM delivery WHERE delivery.n = work.delivery) WHERE delivery IS NOT NULL;
CREATE INDEX work_due ON work (lane, due) WHERE delivery IS NOT NULL;

-- What the durable service has is in the queue, and is not looked for by owner: two changes of the index less for each event.
DROP INDEX delivery_owned;
CREATE INDEX delivery_owned ON delivery (owner, n) WHERE state = 'pending' AND owner <> 'serve';
