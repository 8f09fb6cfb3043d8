//! What is peculiar to SQLite: where the file is, its pragmas, its checkpoint. All other SQL is portable.

use std::path::{Path, PathBuf};

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, Connection, Row};

/// How a transaction of the writer begins: the write lock at once, so that it cannot fail half-way.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Every migration, embedded.
pub(super) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// A database file and how to open it.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    /// The file.
    pub(super) path: PathBuf,
    /// The file grows to at most so many bytes; `None` leaves it to the disk.
    pub(super) max_bytes: Option<u64>,
}

impl Engine {
    /// Options for connections to the file.
    pub(super) fn options(&self) -> Result<AnyConnectOptions, sqlx::Error> {
        sqlx::any::install_default_drivers();
        url(&self.path).parse()
    }

    /// A connection for the writer.
    pub(super) async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        let mut connection = AnyConnection::connect_with(&self.options()?).await?;
        prepare(&mut connection).await?;
        // sqlx takes only constant SQL as safe; the number cannot be anything but a number.
        let pages = self.max_bytes.map_or(u64::from(u32::MAX - 1), |bytes| (bytes / PAGE).max(64));
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::raw_sql(limit).execute(&mut connection).await?;
        Ok(connection)
    }
}

/// SQLite's page size in bytes, set when the file is made.
const PAGE: u64 = 8192;

/// Settings of one connection.
///
/// * WAL with `synchronous = FULL`: a commit is fsynced before it returns.
/// * `secure_delete`: freed bytes are overwritten with zeros, so that a deleted key is not left on a free page.
/// * `cache_size` in KiB keeps a connection's memory small; `mmap_size = 0` keeps the file out of resident memory.
pub(super) async fn prepare(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(
        "PRAGMA page_size = 8192; PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; PRAGMA cache_size = -1024; PRAGMA mmap_size = 0; \
         PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 500; PRAGMA journal_size_limit = 8388608;",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Copies the write-ahead log into the file and cuts it to nothing, so that deleted bytes are in neither. Returns
/// false if a reader stood in the way; the caller tries again later.
pub(super) async fn truncate_log(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await?;
    Ok(row.try_get::<i64, _>(0)? == 0)
}

fn url(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut url = String::from("sqlite://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => url.push(char::from(*byte)),
            other => {
                let _ = write!(url, "%{other:02X}");
            }
        }
    }
    url.push_str("?mode=rwc");
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_pragmas_hold_and_odd_paths_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ein Ordner?#%");
        std::fs::create_dir(&path).unwrap();
        let engine = Engine { path: path.join("büro.sqlite"), max_bytes: Some(1024 * 1024) };
        let mut connection = engine.connect().await.unwrap();
        for (pragma, expected) in [
            ("PRAGMA synchronous", 2),
            ("PRAGMA secure_delete", 1),
            ("PRAGMA foreign_keys", 1),
            ("PRAGMA max_page_count", 128),
        ] {
            let row = sqlx::query(pragma).fetch_one(&mut connection).await.unwrap();
            assert_eq!(row.try_get::<i64, _>(0).unwrap(), expected, "{pragma}");
        }
        let row = sqlx::query("PRAGMA journal_mode").fetch_one(&mut connection).await.unwrap();
        assert_eq!(row.try_get::<String, _>(0).unwrap(), "wal");
        assert!(truncate_log(&mut connection).await.unwrap());
        assert!(path.join("büro.sqlite").exists());
    }
}
