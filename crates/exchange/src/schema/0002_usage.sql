-- What was metered. Rows are only ever added.
CREATE TABLE usage_record (
    record_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    unit TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    identity TEXT NOT NULL,
    call_id TEXT,
    participant_id TEXT,
    transport TEXT,
    direction TEXT,
    started BIGINT NOT NULL,
    ended BIGINT NOT NULL
);

CREATE INDEX usage_record_by_end ON usage_record (ended, record_id);
CREATE INDEX usage_record_by_identity ON usage_record (identity, ended);
CREATE INDEX usage_record_by_call ON usage_record (call_id);
