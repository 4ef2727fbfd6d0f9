-- Who owns a named thing, and until when.
CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    term BIGINT NOT NULL,
    ends BIGINT NOT NULL
);
