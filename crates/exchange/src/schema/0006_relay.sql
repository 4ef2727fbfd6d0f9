-- What relays refused to users, for the stories of their calls.
CREATE TABLE relay_refusal (
    record_id TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    transport TEXT NOT NULL,
    reason TEXT NOT NULL,
    times BIGINT NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT NOT NULL
);

CREATE INDEX relay_refusal_by_identity ON relay_refusal (identity, ended);
CREATE INDEX relay_refusal_by_end ON relay_refusal (ended);

-- Users who were deleted while relay credentials of theirs may still be good.
CREATE TABLE deleted_user (
    id TEXT PRIMARY KEY,
    deleted BIGINT NOT NULL
);

CREATE INDEX deleted_user_by_time ON deleted_user (deleted, id);
