CREATE TABLE endpoints (
    id TEXT NOT NULL PRIMARY KEY,
    identity TEXT NOT NULL,
    display_name TEXT,
    node TEXT,
    connection TEXT,
    registered_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX endpoints_by_identity ON endpoints (identity);
CREATE INDEX endpoints_by_node ON endpoints (node);
CREATE TABLE calls (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_code BIGINT,
    end_sub_code BIGINT,
    caller TEXT NOT NULL,
    targets TEXT NOT NULL,
    snapshot TEXT
);
CREATE INDEX calls_by_start ON calls (started_at);
CREATE INDEX calls_by_owner ON calls (owner, ended_at);
CREATE TABLE call_legs (
    call_id TEXT NOT NULL,
    leg BIGINT NOT NULL,
    identity TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    participant_id TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT,
    PRIMARY KEY (call_id, leg)
);
CREATE INDEX call_legs_by_endpoint ON call_legs (endpoint, until);
CREATE INDEX call_legs_by_identity ON call_legs (identity, since);
