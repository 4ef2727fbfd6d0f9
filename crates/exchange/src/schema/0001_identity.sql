-- What the exchange is: its resource id.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- The access keys, "primary" and "secondary". A token names the key and generation it was made under.
CREATE TABLE access_key (
    name TEXT PRIMARY KEY,
    generation BIGINT NOT NULL,
    secret TEXT NOT NULL,
    created BIGINT NOT NULL
);

-- Key pairs that sign user tokens. The public half is published until every token it signed is over.
CREATE TABLE signing_key (
    number BIGINT PRIMARY KEY,
    kid TEXT NOT NULL,
    pkcs8 BLOB NOT NULL,
    signs_from BIGINT NOT NULL,
    signs_until BIGINT NOT NULL
);

-- Users. A token names the generation it was made under; revoking adds one.
CREATE TABLE user_account (
    id TEXT PRIMARY KEY,
    generation BIGINT NOT NULL,
    created BIGINT NOT NULL
);
