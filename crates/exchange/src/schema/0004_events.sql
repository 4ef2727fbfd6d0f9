CREATE TABLE streams (
    name TEXT NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL,
    forgotten BIGINT NOT NULL
);
CREATE TABLE events (
    stream TEXT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    endpoint TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (stream, number)
);
CREATE INDEX events_by_age ON events (at);
