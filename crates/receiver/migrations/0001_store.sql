-- The office's store. Columns named *_sealed hold what the application wrapped with the key-encryption key
-- (XChaCha20-Poly1305, associated data = table, id, column, version). Ids, nonces and hashes are their bytes.
-- Numbers that are u64 in the program are stored with the same 64 bits and are never compared in SQL unless they are
-- times or sizes, which stay far below 2^63.
--
-- Rows with much in them stand in tables that are appended to. What has to be found by a random name (a ticket's id, a
-- token's nonce) has an index of short entries: a commit writes a page for each random place that it touches.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ticket (
    number           INTEGER PRIMARY KEY,
    id               BLOB NOT NULL UNIQUE,
    state            INTEGER NOT NULL,         -- 0 live, 1 revoked (its submission was deleted), 2 ended
    not_after        INTEGER NOT NULL,
    minted_at        INTEGER NOT NULL,
    max_bytes        INTEGER NOT NULL,
    last_attempt     INTEGER,                  -- the highest attempt that was refused for good; NULL if none was
    sender_rule      TEXT NOT NULL,
    routes           BLOB,                     -- per token: nonce, inner proxy, 16 bytes each; NULL unless live
    ticket_sealed    BLOB,                     -- the whole ticket with its secret; NULL unless live
    key_sealed       BLOB,                     -- the one-time private key; NULL unless live
    reference_sealed BLOB                      -- the office's own reference; NULL if it gave none, or was deleted
) STRICT;

CREATE INDEX ticket_by_end ON ticket (state, not_after);

-- The live ticket to which a token leads.
CREATE TABLE route (
    nonce  BLOB PRIMARY KEY,
    ticket INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a ticket: the upload that runs, or the submission that it became.
CREATE TABLE submission (
    ticket       INTEGER PRIMARY KEY,
    upload       INTEGER NOT NULL,             -- names the segments of this attempt
    attempt      INTEGER NOT NULL,
    digest       BLOB NOT NULL,                -- SHA-256 of the hello of this attempt
    key_sealed   BLOB NOT NULL,                -- the key of the segments
    stored_at    INTEGER,                      -- this and the rest: once complete
    segments     INTEGER,
    receipt      BLOB,
    last_segment BLOB                          -- the final one as it came
) STRICT;

CREATE INDEX submission_by_time ON submission (stored_at) WHERE stored_at IS NOT NULL;
CREATE INDEX submission_incoming ON submission (upload) WHERE stored_at IS NULL;

-- Verified ciphertext as it came: upload * 2^24 + position. No reference to the submission: what is shredded is cleared
-- away later, in pieces.
CREATE TABLE segment (
    name       INTEGER PRIMARY KEY,
    data_len   INTEGER NOT NULL,
    ciphertext BLOB NOT NULL
) STRICT;

-- Uploads whose key is gone and whose segments wait to be cleared away.
CREATE TABLE garbage (
    upload INTEGER PRIMARY KEY
) STRICT;

-- Submissions into which nobody has looked.
CREATE TABLE unread (
    ticket INTEGER PRIMARY KEY
) STRICT;

-- What was found in a submission: counts and flag codes as JSON; nothing out of the content.
CREATE TABLE finding (
    ticket  INTEGER PRIMARY KEY,
    summary TEXT NOT NULL
) STRICT;
