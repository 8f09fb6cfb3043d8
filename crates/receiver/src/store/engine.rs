//! What is peculiar to the database file: its pragmas, its layout, its checkpoint.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::{StoreError, describe};

/// A database file and how to open it.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    /// The file.
    pub(super) path: PathBuf,
    /// The file grows to at most so many bytes; `None` leaves it to the disk.
    pub(super) max_bytes: Option<u64>,
}

/// Page size in bytes, set when the file is made.
const PAGE: u64 = 8192;
/// Layout of the file that this program writes, as `user_version`.
const LAYOUT: i64 = 4;
/// Every layout's steps, from the one before it.
const STEPS: [&str; 4] = [
    include_str!("../../migrations/0001_store.sql"),
    include_str!("../../migrations/0002_submissions_appended.sql"),
    include_str!("../../migrations/0003_attestation.sql"),
    include_str!("../../migrations/0004_store_id.sql"),
];
/// Statements that a connection keeps prepared: all there are.
const STATEMENTS: usize = 64;

impl Engine {
    /// A connection for the writer.
    pub(super) fn writer(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect(WRITER)?;
        // The number cannot be anything but a number.
        let pages = self.max_bytes.map_or(u64::from(u32::MAX - 1), |bytes| (bytes / PAGE).max(64));
        connection.execute_batch(&format!("PRAGMA max_page_count = {pages}"))?;
        Ok(connection)
    }

    /// A connection for the reader, to a file that is there.
    pub(super) fn reader(&self) -> rusqlite::Result<Connection> {
        self.connect(READER)
    }

    fn connect(&self, cache: &str) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // Without it a statement is compiled again whenever a value is bound that an index could be chosen by.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.execute_batch(PRAGMAS)?;
        connection.execute_batch(cache)?;
        Ok(connection)
    }
}

/// * WAL with `synchronous = FULL`: a commit is on the disk before it returns.
/// * `secure_delete`: freed bytes are overwritten with zeros, so that a deleted key is not left on a free page.
/// * `wal_autocheckpoint` in pages: often enough that the log stays small, seldom enough that pages which many commits
///   write, above all the last of each table, are copied once. `journal_size_limit` is above it: the log's blocks are
///   written again instead of being given back.
/// * `mmap_size = 0` keeps the file out of resident memory.
const PRAGMAS: &str = "PRAGMA page_size = 8192; PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; \
    PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 33554432;";
/// Memory of the pages that are kept, in KiB.
const WRITER: &str = "PRAGMA cache_size = -8192;";
const READER: &str = "PRAGMA cache_size = -1024;";

/// Makes the tables in a new file, and brings those of an older one up to date.
pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let open = |reason: String| StoreError::Open { path: path.to_owned(), reason: reason.into() };
    let engine = |error: rusqlite::Error| open(describe(&error));
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(engine);
    let layout = number("PRAGMA user_version")?;
    let is_empty = number("SELECT COUNT(*) FROM sqlite_schema")? == 0;
    if layout > LAYOUT || (layout == 0 && !is_empty) {
        return Err(open(format!(
            "it has layout {layout}, this program writes layout {LAYOUT}: it was made by another version, or is the \
             database of something else"
        )));
    }
    for (step, sql) in STEPS.iter().enumerate().skip(usize::try_from(layout).unwrap_or(0)) {
        let version = step + 1;
        let batch = format!("BEGIN IMMEDIATE; {sql}; PRAGMA user_version = {version}; COMMIT;");
        connection.execute_batch(&batch).map_err(engine)?;
    }
    Ok(())
}

/// Copies the write-ahead log into the file and cuts it to nothing, so that deleted bytes are in neither. Returns
/// false if a reader stood in the way; the caller tries again later.
pub(super) fn truncate_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pragmas_hold_and_odd_paths_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ein Ordner?#%");
        std::fs::create_dir(&path).unwrap();
        let engine = Engine { path: path.join("büro.sqlite"), max_bytes: Some(1024 * 1024) };
        let connection = engine.writer().unwrap();
        for (pragma, expected) in [
            ("synchronous", 2),
            ("secure_delete", 1),
            ("page_size", i64::try_from(PAGE).unwrap()),
            ("max_page_count", 128),
        ] {
            let value = connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!(value, expected, "{pragma}");
        }
        let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(mode, "wal");
        assert!(truncate_log(&connection).unwrap());
        assert!(path.join("büro.sqlite").exists());
    }

    #[test]
    fn another_layout_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for (name, made_by) in [("newer", "PRAGMA user_version = 5"), ("foreign", "CREATE TABLE notes (text)")] {
            let engine = Engine { path: folder.path().join(name), max_bytes: None };
            let connection = engine.writer().unwrap();
            connection.execute_batch(made_by).unwrap();
            let error = migrate(&connection, &engine.path).unwrap_err().to_string();
            assert!(error.contains("another version") && error.contains(name), "{error}");
        }
    }

    #[test]
    fn bringing_up_to_date_twice_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine { path: folder.path().join("office.sqlite"), max_bytes: None };
        for _ in 0..2 {
            migrate(&engine.writer().unwrap(), &engine.path).unwrap();
        }
    }
}
