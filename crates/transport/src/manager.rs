//! What a daemon tells the service manager (systemd, sd_notify(3)): that it is ready, reads its files again, stops, what state
//! it is in, and that it is alive. Without a service manager nothing is said.

use std::env;
use std::ffi::OsString;
use std::time::Duration;

/// The way to the service manager.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    /// Where it listens: a path, or a name in the abstract namespace after an `@`.
    socket: Option<OsString>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// As the environment names it: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` unless `WATCHDOG_PID` means another process.
    pub fn from_env() -> Self {
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        let is_meant = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|micros| is_meant && *micros > 0);
        Self {
            socket: env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()),
            watchdog: watchdog.map(Duration::from_micros),
        }
    }

    /// How often [`alive`](Self::alive) is to be called: half of the time after which the manager takes us for dead.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog.map(|timeout| timeout / 2)
    }

    /// The daemon serves.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// It reads its files again; [`ready`](Self::ready) follows.
    pub fn reloading(&self) {
        self.tell("RELOADING=1\nSTATUS=reading its files again");
    }

    /// It drains.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=draining: running streams may finish");
    }

    /// What it is doing, in one line, shown by `systemctl status`.
    pub fn status(&self, status: &str) {
        self.tell(&format!("STATUS={status}"));
    }

    /// It is alive.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, message: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket, message.as_bytes()) {
            tracing::debug!(%error, "the service manager does not listen");
        }
    }
}

#[cfg(unix)]
fn send(to: &OsString, message: &[u8]) -> std::io::Result<()> {
    use std::os::unix::net::UnixDatagram;
    let socket = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::ffi::OsStrExt as _;
        if let Some(name) = to.as_bytes().strip_prefix(b"@") {
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            return socket.send_to_addr(message, &address).map(drop);
        }
    }
    socket.send_to(message, to).map(drop)
}

#[cfg(not(unix))]
fn send(_to: &OsString, _message: &[u8]) -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn what_is_told_arrives_as_one_datagram_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let manager = Manager { socket: Some(path.into()), watchdog: Some(Duration::from_secs(30)) };
        assert_eq!(manager.watchdog_interval(), Some(Duration::from_secs(15)));
        let heard = || {
            let mut bytes = [0; 256];
            let length = listener.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..length].to_vec()).unwrap()
        };
        manager.ready("2 of 2 links");
        assert_eq!(heard(), "READY=1\nSTATUS=2 of 2 links");
        manager.reloading();
        assert!(heard().starts_with("RELOADING=1\n"));
        manager.alive();
        assert_eq!(heard(), "WATCHDOG=1");
        manager.stopping();
        assert!(heard().starts_with("STOPPING=1\n"));
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        Manager::default().ready("ready");
        Manager { socket: Some("/nonexistent/notify".into()), watchdog: None }.alive();
    }
}
