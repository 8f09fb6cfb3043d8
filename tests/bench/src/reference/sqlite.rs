//! What a durable commit costs in plain SQLite, with the durability that the receiver asks for, through the same library:
//! one table, one prepared statement.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::Connection;

use crate::stats::{Latencies, Spread};
use crate::usage::cpu_time;

/// Bytes of a row: the content of a submission.
const ROW: usize = 2048;
/// Rows of a grouped commit: the submissions in flight.
pub(crate) const GROUP: usize = 128;

/// What was measured.
pub(crate) struct Commits {
    /// One row a commit; times of each.
    pub(crate) single: Latencies,
    pub(crate) single_per_second: Spread,
    /// Rows per second with [`GROUP`] rows a commit, one value per repetition.
    pub(crate) grouped_per_second: Vec<f64>,
    /// CPU time of a row's share of a grouped commit, in microseconds.
    pub(crate) share_cpu: Spread,
}

/// Both ways, several times.
pub(crate) fn measure(folder: &Path, repetitions: usize, window: Duration) -> Result<Commits> {
    let plain = Plain::open(&folder.join("plain.sqlite"))?;
    let mut single = Latencies::default();
    let (mut singles, mut groups, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..repetitions {
        singles.push(plain.rate(1, window, Some(&mut single))?);
        let before = cpu_time(std::process::id())?;
        let per_second = plain.rate(GROUP, window, None)?;
        let used = cpu_time(std::process::id())?.saturating_sub(before);
        shares.push(used.as_secs_f64() * 1e6 / (per_second * window.as_secs_f64()));
        groups.push(per_second);
    }
    Ok(Commits {
        single,
        single_per_second: Spread::of(singles).context("no repetition")?,
        grouped_per_second: groups,
        share_cpu: Spread::of(shares).context("no repetition")?,
    })
}

/// A database with one table of contents.
pub(crate) struct Plain {
    database: Connection,
}

impl Plain {
    /// A new file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let database = Connection::open(path)?;
        database.execute_batch(
            "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             CREATE TABLE item (id INTEGER PRIMARY KEY, content BLOB NOT NULL)",
        )?;
        Ok(Self { database })
    }

    /// Rows per second with so many rows a commit.
    fn rate(&self, group: usize, window: Duration, mut latencies: Option<&mut Latencies>) -> Result<f64> {
        let (since, mut rows) = (Instant::now(), 0_u32);
        while since.elapsed() < window {
            let begun = Instant::now();
            self.commit(group)?;
            rows += u32::try_from(group)?;
            if let Some(latencies) = &mut latencies {
                latencies.add(begun.elapsed());
            }
        }
        Ok(f64::from(rows) / since.elapsed().as_secs_f64())
    }

    /// One durable commit of so many rows.
    pub(crate) fn commit(&self, rows: usize) -> Result<()> {
        let content = [0xa5; ROW];
        self.database.execute_batch("BEGIN IMMEDIATE")?;
        let mut insert = self.database.prepare_cached("INSERT INTO item (content) VALUES (?1)")?;
        for _ in 0..rows {
            insert.execute([&content[..]])?;
        }
        self.database.execute_batch("COMMIT")?;
        Ok(())
    }
}
