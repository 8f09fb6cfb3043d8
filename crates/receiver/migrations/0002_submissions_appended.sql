-- Tickets come back in any order, and a commit writes a page for each random place that it touches. So a submission, its
-- place in the queue and what was found in it are named by the upload, whose number rises: these tables are appended to,
-- and only an index of short entries leads there from the ticket.

CREATE TABLE appended_submission (
    upload       INTEGER PRIMARY KEY,          -- names the segments of this attempt
    ticket       INTEGER NOT NULL UNIQUE,
    attempt      INTEGER NOT NULL,
    digest       BLOB NOT NULL,                -- SHA-256 of the hello of this attempt
    key_sealed   BLOB NOT NULL,                -- the key of the segments
    stored_at    INTEGER,                      -- this and the rest: once complete
    segments     INTEGER,
    receipt      BLOB,
    last_segment BLOB                          -- the final one as it came
) STRICT;

INSERT INTO appended_submission
    SELECT upload, ticket, attempt, digest, key_sealed, stored_at, segments, receipt, last_segment
    FROM submission ORDER BY upload;

CREATE TABLE appended_unread (
    upload INTEGER PRIMARY KEY
) STRICT;

INSERT INTO appended_unread
    SELECT s.upload FROM unread JOIN submission s USING (ticket) ORDER BY s.upload;

CREATE TABLE appended_finding (
    upload  INTEGER PRIMARY KEY,
    summary TEXT NOT NULL
) STRICT;

INSERT INTO appended_finding
    SELECT s.upload, f.summary FROM finding f JOIN submission s USING (ticket) ORDER BY s.upload;

DROP TABLE submission;
DROP TABLE unread;
DROP TABLE finding;
ALTER TABLE appended_submission RENAME TO submission;
ALTER TABLE appended_unread RENAME TO unread;
ALTER TABLE appended_finding RENAME TO finding;

CREATE INDEX submission_by_time ON submission (stored_at, ticket) WHERE stored_at IS NOT NULL;
CREATE INDEX submission_incoming ON submission (ticket) WHERE stored_at IS NULL;
