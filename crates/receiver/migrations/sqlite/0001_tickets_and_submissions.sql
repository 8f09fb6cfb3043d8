-- The office's store. Columns named *_sealed hold what the application wrapped with the key-encryption key
-- (XChaCha20-Poly1305, associated data = table, id, column, version). Ids, nonces and hashes are lower-case hex.
-- Numbers that are u64 in the program are stored with the same 64 bits and are never compared in SQL unless they are
-- times or sizes, which stay far below 2^63.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
);

CREATE TABLE ticket (
    id               TEXT PRIMARY KEY NOT NULL,
    state            BIGINT NOT NULL,          -- 0 live, 1 revoked (its submission was deleted), 2 ended
    ticket_sealed    BLOB,                     -- the whole ticket with its secret; NULL unless live
    key_sealed       BLOB,                     -- the one-time private key; NULL unless live
    reference_sealed BLOB,                     -- the office's own reference; NULL if it gave none, or was deleted
    not_after        BIGINT NOT NULL,
    minted_at        BIGINT NOT NULL,
    max_bytes        BIGINT NOT NULL,
    sender_rule      TEXT NOT NULL,
    last_attempt     BIGINT                    -- the highest attempt that was refused for good; NULL if none was
);

CREATE INDEX ticket_by_end ON ticket (state, not_after);

CREATE TABLE ticket_route (
    nonce       TEXT PRIMARY KEY NOT NULL,
    ticket      TEXT NOT NULL REFERENCES ticket (id) ON DELETE CASCADE,
    inner_proxy TEXT NOT NULL
);

CREATE INDEX ticket_route_by_ticket ON ticket_route (ticket);

-- One row a ticket: the upload that runs, or the submission that it became.
CREATE TABLE submission (
    ticket        TEXT PRIMARY KEY NOT NULL REFERENCES ticket (id),
    state         BIGINT NOT NULL,             -- 0 incoming, 1 complete
    upload        TEXT NOT NULL,               -- names the segments of this attempt
    attempt       BIGINT NOT NULL,
    digest        BLOB NOT NULL,               -- SHA-256 of the hello of this attempt
    kind          TEXT NOT NULL,
    sender        TEXT,
    key_sealed    BLOB NOT NULL,               -- the key of the segments
    next_position BIGINT NOT NULL,
    begun_at      BIGINT NOT NULL,
    length        BIGINT,                      -- this and the rest: once complete
    content_hash  BLOB,
    receipt       BLOB,
    stored_at     BIGINT,
    summary       TEXT                         -- counts and flag codes as JSON; nothing out of the content
);

CREATE INDEX submission_by_time ON submission (state, stored_at, ticket);

-- Verified ciphertext as it came. No reference to the submission: what is shredded is cleared away later, in pieces.
CREATE TABLE segment (
    upload     TEXT NOT NULL,
    position   BIGINT NOT NULL,
    data_len   BIGINT NOT NULL,
    ciphertext BLOB NOT NULL,
    PRIMARY KEY (upload, position)
);

-- Uploads whose key is gone and whose segments wait to be cleared away.
CREATE TABLE garbage (
    upload TEXT PRIMARY KEY NOT NULL
);
