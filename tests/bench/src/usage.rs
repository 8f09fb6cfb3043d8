//! What a process has used, as the operating system accounts it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// `USER_HZ`: what Linux counts CPU time in for user space, on all architectures that this runs on.
const TICKS_PER_SECOND: u64 = 100;

/// User and system time of all threads of a process, also of those that have ended.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("{path}: has the process ended?"))?;
    let ticks = ticks(&stat).with_context(|| format!("{path} has another form than Linux gives it"))?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// proc_pid_stat(5): fields 14 and 15. The second field, the program's name, may contain spaces and parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// Resident memory of a process now and at its highest, in KiB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    pub(crate) peak: f64,
}

/// `VmRSS` and `VmHWM`.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("{path}: has the process ended?"))?;
    let field = |name| kib(&status, name).with_context(|| format!("{path} has no {name}"));
    Ok(Memory { now: field("VmRSS:")?, peak: field("VmHWM:")? })
}

fn kib(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_program_name() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 120 30 0 0 20 0 1 0 12345";
        assert_eq!(ticks(&format!("42 (a) b (c) {rest}")), Some(150));
        assert_eq!(ticks("42 (a) S 1"), None);
        assert_eq!(kib("Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n", "VmRSS:"), Some(1024.0));
        assert_eq!(kib("Name:\tx\n", "VmRSS:"), None);
    }

    #[test]
    fn this_process_has_memory_and_can_be_asked() {
        let me = std::process::id();
        let memory = memory(me).unwrap();
        assert!(memory.now > 100.0 && memory.peak >= memory.now);
        assert!(cpu_time(me).is_ok());
        assert!(cpu_time(u32::MAX).is_err());
    }
}
