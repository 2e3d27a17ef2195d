-- Everything is in the schema `hook`. Times are microseconds since the epoch, durations nanoseconds, texts are compared by their
-- bytes. Captures and deliveries share the numbers `n`; a number can be missing, and a smaller one can be committed after a larger.
--
-- Tables with a `day` are partitioned by it (UTC): of an event, all of its rows have the day of the event, so that old days can
-- be dropped as a whole. Every table that a day is made of is in `day_table`; no other table is ever dropped.
CREATE TABLE day_table (
    name    text PRIMARY KEY,
    parent  text NOT NULL,
    day     date NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX day_table_day ON day_table (day);

CREATE SEQUENCE record_number;
CREATE SEQUENCE event_number;
CREATE SEQUENCE notice_number;

-- `sealed` is a JSON list of the secrets that were left out. `cause` and what follows is the diagnosis of a refused capture.
CREATE TABLE capture (
    n                bigint NOT NULL,
    day              date   NOT NULL,
    id               uuid   NOT NULL,
    at               bigint NOT NULL,
    method           text   NOT NULL COLLATE "C",
    target           text   NOT NULL COLLATE "C",
    remote           text   NOT NULL COLLATE "C",
    provider         text   COLLATE "C",
    event            text   COLLATE "C",
    event_id         text   COLLATE "C",
    verdict          text   NOT NULL COLLATE "C",
    reason           text   COLLATE "C",
    detail           text   COLLATE "C",
    secret           text   COLLATE "C",
    status           int    NOT NULL,
    size             bigint NOT NULL,
    weight           bigint NOT NULL,
    dedupe           bigint,
    dedupe_key       text   COLLATE "C",
    duplicate_of     bigint,
    forwarded_to     text   COLLATE "C",
    forwarded_sealed text,
    workflow         text   COLLATE "C",
    sealed           text,
    cause            text   COLLATE "C",
    cause_text       text   COLLATE "C",
    cause_hint       text   COLLATE "C",
    headers          bytea  NOT NULL,
    body             bytea  NOT NULL,
    PRIMARY KEY (n, day)
) PARTITION BY RANGE (day);
CREATE INDEX capture_id ON capture (id);
CREATE INDEX capture_dedupe ON capture (dedupe, n) WHERE dedupe IS NOT NULL;
CREATE INDEX capture_unverified ON capture (n, weight) WHERE verdict IN ('refused', 'unsigned');
CREATE INDEX capture_workflow ON capture (workflow, n) WHERE workflow IS NOT NULL;

-- `key` is a digest of the whole message: a message is there once for all deliveries of a day that carry it.
CREATE TABLE message (
    key          uuid   NOT NULL,
    day          date   NOT NULL,
    id           uuid   NOT NULL,
    wire_id      text   NOT NULL COLLATE "C",
    event        text   NOT NULL COLLATE "C",
    time         bigint NOT NULL,
    mode         text   NOT NULL COLLATE "C",
    content_type text   NOT NULL COLLATE "C",
    body         bytea  NOT NULL,
    PRIMARY KEY (key, day)
) PARTITION BY RANGE (day);
CREATE INDEX message_id ON message (id);

-- `is_queued`: services work it off by the queue, so that an attempt counts only when the process holds it. `crashes`: moments at
-- which a process died during an attempt. `attempts`, `status`, `reason` and `took` repeat what the last attempt says.
CREATE TABLE delivery (
    n             bigint  NOT NULL,
    day           date    NOT NULL,
    id            uuid    NOT NULL,
    at            bigint  NOT NULL,
    message       uuid    NOT NULL,
    event         text    COLLATE "C",
    provider      text    COLLATE "C",
    endpoint      text    COLLATE "C",
    tenant        text    COLLATE "C",
    url           text    NOT NULL COLLATE "C",
    method        text    NOT NULL COLLATE "C",
    headers       bytea   NOT NULL,
    signing       text    NOT NULL COLLATE "C",
    secret        text    COLLATE "C",
    policy        uuid,
    addresses     text    COLLATE "C",
    source        text    NOT NULL COLLATE "C",
    origin        bigint,
    workflow      text    COLLATE "C",
    note          text    COLLATE "C",
    secret_header text    COLLATE "C",
    delays        text    NOT NULL,
    owner         text    COLLATE "C",
    state         text    NOT NULL COLLATE "C",
    next_due      bigint,
    size          bigint  NOT NULL,
    attempts      int     NOT NULL,
    status        int,
    reason        text    COLLATE "C",
    took          bigint,
    is_queued     boolean NOT NULL,
    is_again      boolean NOT NULL DEFAULT false,
    crashes       bigint[],
    sealed        text,
    PRIMARY KEY (n, day)
) PARTITION BY RANGE (day);
CREATE INDEX delivery_id ON delivery (id);
CREATE INDEX delivery_message ON delivery (message);
CREATE INDEX delivery_failed ON delivery (n) WHERE state = 'failed';
CREATE INDEX delivery_origin ON delivery (origin) WHERE origin IS NOT NULL;
CREATE INDEX delivery_tenant ON delivery (tenant, n) WHERE tenant IS NOT NULL;
CREATE INDEX delivery_workflow ON delivery (workflow, n) WHERE workflow IS NOT NULL;
-- What services have is in the queue: only the others are looked for by their state and owner.
CREATE INDEX delivery_owned ON delivery (owner, n) WHERE state = 'pending' AND NOT is_queued;

-- Either `status` with what was answered, or `error` with `text`. `fence` is 0; an attempt of a process that had lost its lease by
-- then has a higher one: it did not change the delivery.
CREATE TABLE attempt (
    n            bigint NOT NULL,
    day          date   NOT NULL,
    seq          int    NOT NULL,
    fence        int    NOT NULL DEFAULT 0,
    at           bigint NOT NULL,
    took         bigint NOT NULL,
    request      bytea  NOT NULL,
    request_body bytea,
    status       int,
    headers      bytea,
    truncated    boolean,
    body         bytea,
    error        text   COLLATE "C",
    text         text   COLLATE "C",
    sealed       text,
    PRIMARY KEY (n, day, seq, fence)
) PARTITION BY RANGE (day);

-- What was handed to a service. Its deliveries have the numbers from `first` on; `data` is kept where there are none.
CREATE TABLE event (
    e          bigint NOT NULL,
    day        date   NOT NULL,
    id         text   NOT NULL COLLATE "C",
    at         bigint NOT NULL,
    name       text   NOT NULL COLLATE "C",
    mode       text   NOT NULL COLLATE "C",
    first      bigint NOT NULL,
    deliveries bigint NOT NULL,
    data       bytea,
    tenant     text   COLLATE "C",
    PRIMARY KEY (e, day)
) PARTITION BY RANGE (day);
CREATE INDEX event_id ON event (id);
CREATE INDEX event_tenant ON event (tenant, e) WHERE tenant IS NOT NULL;

-- The unfinished deliveries that services work off, in narrow rows that are deleted when the delivery is finished. `class` is 0
-- before the first attempt, 1 before a later one, 2 after two crashes. `state` is 0 while it waits, 1 while the process with that
-- `token` has it, 2 while it is parked, with the reason in `parked`.
CREATE TABLE queue (
    n      bigint   PRIMARY KEY,
    day    date     NOT NULL,
    owner  text     NOT NULL COLLATE "C",
    lane   text     NOT NULL COLLATE "C",
    class  smallint NOT NULL,
    due    bigint   NOT NULL,
    state  smallint NOT NULL,
    size   bigint   NOT NULL,
    parked text     COLLATE "C",
    token  uuid
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_due ON queue (owner, lane, class, due, n) WHERE state = 0;
CREATE INDEX queue_taken ON queue (token, n) WHERE state = 1;
CREATE INDEX queue_parked ON queue (parked, lane, n) WHERE state = 2;
CREATE INDEX queue_day ON queue (day);

-- How many rows each owner has waiting and parked, so that no reader has to count them: the sum over all slots. A connection
-- counts in a slot of its own, so that processes do not wait for each other.
CREATE TABLE queue_count (
    owner text     NOT NULL COLLATE "C",
    state smallint NOT NULL,
    slot  int      NOT NULL,
    count bigint   NOT NULL,
    PRIMARY KEY (owner, state, slot)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- Functions name the schema: a statement by hand may come with another search path, and with tables of the same names.
CREATE FUNCTION count_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO hook.queue_count (owner, state, slot, count)
            SELECT owner, state, pg_backend_pid(), count(*) FROM added WHERE state <> 1 GROUP BY owner, state
            ON CONFLICT (owner, state, slot) DO UPDATE SET count = queue_count.count + excluded.count;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO hook.queue_count (owner, state, slot, count)
            SELECT owner, state, pg_backend_pid(), -count(*) FROM removed WHERE state <> 1 GROUP BY owner, state
            ON CONFLICT (owner, state, slot) DO UPDATE SET count = queue_count.count + excluded.count;
    ELSE
        INSERT INTO hook.queue_count (owner, state, slot, count)
            SELECT owner, state, pg_backend_pid(), sum(step) FROM (
                SELECT owner, state, 1 AS step FROM added WHERE state <> 1
                UNION ALL SELECT owner, state, -1 FROM removed WHERE state <> 1
            ) AS steps GROUP BY owner, state HAVING sum(step) <> 0
            ON CONFLICT (owner, state, slot) DO UPDATE SET count = queue_count.count + excluded.count;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER queue_inserted AFTER INSERT ON queue REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_queue();
CREATE TRIGGER queue_updated AFTER UPDATE ON queue REFERENCING NEW TABLE AS added OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_queue();
CREATE TRIGGER queue_deleted AFTER DELETE ON queue REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_queue();

-- Processes that work off queues, each with a random token that it proves itself by; and the lanes that each of them holds.
CREATE TABLE worker (
    token      uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX worker_expires ON worker (expires_at);
CREATE TABLE lane (
    name  text PRIMARY KEY COLLATE "C",
    token uuid NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX lane_token ON lane (token);

-- One row for each transaction of the last minutes: whether it was committed when the answer to COMMIT was lost.
CREATE TABLE commit_log (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX commit_log_at ON commit_log (at);

CREATE TABLE idempotency (
    key    bytea  PRIMARY KEY,
    at     bigint NOT NULL,
    body   bytea  NOT NULL,
    answer text   NOT NULL COLLATE "C"
);
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE policy (
    key  uuid PRIMARY KEY,
    text text NOT NULL COLLATE "C"
);

CREATE TABLE processing (
    n        bigint NOT NULL,
    day      date   NOT NULL,
    command  text   NOT NULL COLLATE "C",
    tries    int    NOT NULL,
    first_at bigint NOT NULL,
    last_at  bigint NOT NULL,
    error    text   NOT NULL COLLATE "C",
    owner    text   COLLATE "C",
    mended   bigint,
    PRIMARY KEY (n, command)
);
CREATE INDEX processing_failed ON processing (n) WHERE mended IS NULL;
CREATE INDEX processing_day ON processing (day);

CREATE TABLE work_lane (
    lane   uuid PRIMARY KEY,
    kind   text NOT NULL COLLATE "C",
    target text NOT NULL COLLATE "C",
    folder text NOT NULL COLLATE "C",
    trust  text COLLATE "C",
    policy text NOT NULL COLLATE "C",
    owner  text COLLATE "C"
);
CREATE TABLE work (
    lane     uuid   NOT NULL,
    seq      bigint NOT NULL,
    n        bigint NOT NULL,
    day      date   NOT NULL,
    at       bigint NOT NULL,
    size     bigint NOT NULL,
    delivery bigint,
    due      bigint,
    PRIMARY KEY (lane, seq)
);
CREATE INDEX work_capture ON work (n);
CREATE INDEX work_day ON work (day);
CREATE INDEX work_delivery ON work (delivery) WHERE delivery IS NOT NULL;
CREATE INDEX work_due ON work (lane, due) WHERE delivery IS NOT NULL;

CREATE TABLE endpoint_health (
    endpoint      text PRIMARY KEY COLLATE "C",
    failed        bigint NOT NULL DEFAULT 0,
    failing_since bigint,
    succeeded_at  bigint,
    enabled_at    bigint,
    disabled      text COLLATE "C",
    disabled_at   bigint,
    detail        text COLLATE "C",
    paused_at     bigint,
    warned_at     bigint
) WITH (fillfactor = 50);

CREATE TABLE notice (
    i        bigint PRIMARY KEY,
    at       bigint NOT NULL,
    endpoint text   NOT NULL COLLATE "C",
    kind     text   NOT NULL COLLATE "C",
    json     text   NOT NULL COLLATE "C"
);
CREATE INDEX notice_endpoint ON notice (endpoint, i);
CREATE TABLE notice_task (
    channel text   NOT NULL COLLATE "C",
    i       bigint NOT NULL,
    tries   int    NOT NULL DEFAULT 0,
    due     bigint NOT NULL,
    PRIMARY KEY (channel, i)
);
CREATE INDEX notice_task_notice ON notice_task (i);
CREATE TABLE notice_mail (
    endpoint text   NOT NULL COLLATE "C",
    reason   text   NOT NULL COLLATE "C",
    at       bigint NOT NULL,
    PRIMARY KEY (endpoint, reason)
);

CREATE TABLE api_key (
    id      text    PRIMARY KEY COLLATE "C",
    name    text    NOT NULL UNIQUE COLLATE "C",
    digest  bytea   NOT NULL,
    reads   boolean NOT NULL,
    mode    text    NOT NULL COLLATE "C",
    tenant  text    COLLATE "C",
    created bigint  NOT NULL
);

-- Documents that are kept beside the ledger: `kind` is `endpoint` or `secret`. Every change increments `kept_generation`, whose row
-- keeps changes apart, and gives its number to the documents that it writes.
CREATE TABLE kept (
    kind     text   NOT NULL COLLATE "C",
    key      text   NOT NULL COLLATE "C",
    text     text   NOT NULL,
    version  bigint NOT NULL,
    position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (kind, key)
);
CREATE TABLE kept_generation (n bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO kept_generation VALUES (0);

-- The database's clock.
CREATE FUNCTION now_us() RETURNS bigint LANGUAGE sql VOLATILE AS
    $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

-- Begins a group of changes: notes its id, and draws numbers that follow each other. The shared lock is held until the end of the
-- transaction: as long as it is, some numbers that were drawn are not to be seen yet. The other lock makes drawing several numbers
-- one step; it is given back at once, so that no transaction waits for the end of another.
CREATE FUNCTION begin_group(group_id uuid, records int, events int, asks_book boolean, OUT first_n bigint, OUT first_e bigint, OUT book bigint)
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hook.commit_log (id) VALUES (group_id);
    IF records > 0 OR events > 0 THEN
        PERFORM pg_advisory_xact_lock_shared(1752133483, 1);
    END IF;
    IF records + events > 0 THEN
        PERFORM pg_advisory_lock(1752133483, 2);
        IF records > 0 THEN
            first_n := nextval('hook.record_number');
            IF records > 1 THEN PERFORM setval('hook.record_number', first_n + records - 1); END IF;
        END IF;
        IF events > 0 THEN
            first_e := nextval('hook.event_number');
            IF events > 1 THEN PERFORM setval('hook.event_number', first_e + events - 1); END IF;
        END IF;
        PERFORM pg_advisory_unlock(1752133483, 2);
    END IF;
    IF asks_book THEN
        SELECT n INTO book FROM kept_generation;
    END IF;
END $$;

-- Makes the partitions of a day. They are made apart and then attached: that waits for no reader and no writer.
CREATE FUNCTION make_day(wanted date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent_name text;
    part_name   text;
    settings    text;
BEGIN
    PERFORM pg_advisory_xact_lock(1752133483, 4);
    FOREACH parent_name IN ARRAY ARRAY['capture', 'message', 'delivery', 'attempt', 'event'] LOOP
        part_name := parent_name || to_char(wanted, '_YYYY_MM_DD');
        -- One that was dropped by hand is made again.
        CONTINUE WHEN EXISTS (SELECT 1 FROM hook.day_table WHERE name = part_name)
            AND to_regclass(format('hook.%I', part_name)) IS NOT NULL;
        settings := CASE parent_name
            WHEN 'delivery' THEN 'WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.2)'
            ELSE ''
        END;
        EXECUTE format('CREATE TABLE hook.%I (LIKE hook.%I INCLUDING ALL) %s', part_name, parent_name, settings);
        EXECUTE format('ALTER TABLE hook.%I ATTACH PARTITION hook.%I FOR VALUES FROM (%L) TO (%L)',
            parent_name, part_name, wanted, wanted + 1);
        INSERT INTO hook.day_table (name, parent, day) VALUES (part_name, parent_name, wanted)
            ON CONFLICT (name) DO NOTHING;
    END LOOP;
END $$;
