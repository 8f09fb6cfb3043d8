//! One daemon as a process: started, stopped, killed, and looked at from outside.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::until;

/// A daemon and how to start it again. Killed when dropped.
pub struct Daemon {
    name: String,
    program: PathBuf,
    /// The network namespace in which it runs; none is the test's own.
    namespace: Option<String>,
    arguments: Vec<OsString>,
    environment: Mutex<Vec<(OsString, OsString)>>,
    log: PathBuf,
    /// Where the log of this life begins.
    born: AtomicU64,
    child: Mutex<Option<Child>>,
}

impl Daemon {
    /// Knows how to start `program`; what it says goes to `log`.
    pub fn new(name: &str, program: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>, log: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            namespace: None,
            arguments: arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect(),
            environment: Mutex::default(),
            log: log.to_owned(),
            born: AtomicU64::new(0),
            child: Mutex::default(),
        }
    }

    /// Runs in a network namespace of this name, if there is one.
    pub fn within(mut self, namespace: Option<String>) -> Self {
        self.namespace = namespace;
        self
    }

    /// Sets an environment variable for the next starts; an empty value removes it.
    pub fn set_env(&self, name: &str, value: &str) {
        let mut environment = lock(&self.environment);
        environment.retain(|(key, _)| key != name);
        if !value.is_empty() {
            environment.push((name.into(), value.into()));
        }
    }

    /// Starts the process. The log goes on at its end.
    ///
    /// # Panics
    /// It runs already, or cannot be started.
    pub fn start(&self) {
        let mut child = lock(&self.child);
        assert!(child.is_none(), "{} runs already", self.name);
        let log = File::options().create(true).append(true).open(&self.log).expect("the log can be written");
        self.born.store(log.metadata().map_or(0, |log| log.len()), Ordering::Relaxed);
        let mut command = match &self.namespace {
            None => Command::new(&self.program),
            Some(namespace) => {
                // It becomes the program, so the process id is the daemon's.
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(&self.program);
                command
            }
        };
        command.args(&self.arguments).envs(lock(&self.environment).iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        *child = Some(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.program.display())));
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&self) {
        if let Some(mut child) = lock(&self.child).take() {
            // Fails only if it has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends SIGTERM and returns at once.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends a signal and returns at once.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("the process is there");
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// It runs on.
    pub fn wait(&self, deadline: Duration) -> ExitStatus {
        let status = until(&format!("{} ends", self.name), deadline, || {
            let mut child = lock(&self.child);
            child.as_mut().expect("it was started").try_wait().expect("a child can be asked")
        });
        *lock(&self.child) = None;
        status
    }

    /// Whether it was started and has not ended.
    pub fn is_running(&self) -> bool {
        lock(&self.child).as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// The process id.
    ///
    /// # Panics
    /// It was not started.
    pub fn pid(&self) -> u32 {
        lock(&self.child).as_ref().unwrap_or_else(|| panic!("{} does not run", self.name)).id()
    }

    /// Its name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything that it has said so far, in all its lives.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// What it has said since it was last started.
    pub fn log_of_this_life(&self) -> String {
        let all = fs::read(&self.log).unwrap_or_default();
        let born = usize::try_from(self.born.load(Ordering::Relaxed)).unwrap_or(0).min(all.len());
        String::from_utf8_lossy(&all[born..]).into_owned()
    }

    /// Resident memory now, in KiB.
    pub fn resident(&self) -> u64 {
        self.status_field("VmRSS:")
    }

    /// The most resident memory that it ever had, in KiB.
    pub fn peak_resident(&self) -> u64 {
        self.status_field("VmHWM:")
    }

    fn status_field(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux says it");
        line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
    }

    /// Shows every readable piece of its memory to `look`, in pieces that overlap by `overlap` bytes.
    ///
    /// # Panics
    /// The memory cannot be read: needs root, or a system that lets parents trace their children.
    pub fn memory(&self, overlap: usize, mut look: impl FnMut(&[u8])) {
        const PIECE: usize = 4 * 1024 * 1024;
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.pid())).expect("the maps of a child can be read");
        let mut memory = File::open(format!("/proc/{}/mem", self.pid())).expect("the memory of a child can be read");
        let mut seen = 0;
        for (start, end) in maps.lines().filter_map(readable_range) {
            let mut at = start;
            while at < end {
                let length = PIECE.min(usize::try_from(end - at).expect("a mapping fits into memory"));
                let mut piece = vec![0; length];
                // Guard pages and device mappings say no.
                if memory.seek(SeekFrom::Start(at)).and_then(|_| memory.read_exact(&mut piece)).is_ok() {
                    seen += length;
                    look(&piece);
                }
                at += length as u64;
                if at < end {
                    at -= overlap as u64;
                }
            }
        }
        assert!(seen > 1024 * 1024, "only {seen} bytes of {}'s memory could be read", self.name);
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `start-end perms …` of `/proc/PID/maps`; not the program's own file, which holds no data of anybody.
fn readable_range(line: &str) -> Option<(u64, u64)> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let readable = fields.next()?.starts_with('r');
    let special = line.ends_with("[vvar]") || line.ends_with("[vvar_vclock]") || line.ends_with("[vsyscall]");
    let parse = |text| u64::from_str_radix(text, 16).ok();
    (readable && !special).then_some((parse(start)?, parse(end)?))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
