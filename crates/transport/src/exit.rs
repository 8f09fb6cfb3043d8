//! How a daemon ends: an exit code that scripts can rely on, and one line that a person can act on.
//!
//! This is the bottom of the crate: each other module says beside its own errors what they are as an [`AppError`].

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use schleuse_protocol::wire::ticket::text::without_tickets;

/// Something failed while running.
pub const FAILURE: u8 = 1;
/// The command line is wrong (clap's own code).
pub const USAGE: u8 = 2;
/// Something that must be there is not, such as a free port (sysexits: EX_UNAVAILABLE).
pub const UNAVAILABLE: u8 = 69;
/// A disk or file failed (sysexits: EX_IOERR).
pub const IO: u8 = 74;
/// A right is missing or, on a key file, too generous (sysexits: EX_NOPERM).
pub const NO_PERMISSION: u8 = 77;
/// The configuration is wrong (sysexits: EX_CONFIG).
pub const CONFIG: u8 = 78;

/// Why a daemon ends: what failed, where, and what to do, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppError {
    code: u8,
    message: String,
}

impl AppError {
    /// An error with one of this module's codes.
    pub fn new(code: u8, message: impl fmt::Display) -> Self {
        Self { code, message: shown(&message.to_string()) }
    }

    /// A file that a configuration names, such as "root keys", cannot be read.
    pub fn unreadable(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::of_file(error, format_args!("cannot read the {what} {}: {error}", path.display()))
    }

    /// `message` says which file; the code comes from what the operating system said.
    pub(crate) fn of_file(error: &io::Error, message: impl fmt::Display) -> Self {
        let code = file_code(error);
        if code == NO_PERMISSION {
            let remedy = "give the file to the user that this program runs as (chown), or run it as the file's owner";
            return Self::new(code, format_args!("{message}: {remedy}"));
        }
        Self::new(code, message)
    }

    /// A file that a configuration names was read, and is not accepted.
    pub fn unacceptable(what: &str, path: &Path, error: impl fmt::Display) -> Self {
        Self::new(CONFIG, format_args!("the {what} {}: {error}", path.display()))
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// The same with its place or purpose in front, as in `outer proxy: …`.
    #[must_use]
    pub fn context(self, context: impl fmt::Display) -> Self {
        Self { message: shown(&format!("{context}: {}", self.message)), ..self }
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AppError {}

/// The whole `main`: runs the program, prints the line of an error, and turns it into the exit code.
pub fn main_with(run: impl FnOnce() -> Result<(), AppError>) -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.code)
        }
    }
}

/// A file that a configuration names: absent, a folder or no text is a mistake in the configuration, forbidden one in the
/// permissions.
fn file_code(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::InvalidData => CONFIG,
        io::ErrorKind::PermissionDenied => NO_PERMISSION,
        _ => IO,
    }
}

/// One line. A ticket that somebody typed where it does not belong must not end up in a log.
fn shown(text: &str) -> String {
    without_tickets(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::config::ConfigError;
    use crate::endpoint::BindError;
    use crate::secret::{Secret, SecretError};
    use crate::tls::TlsFileError;

    #[test]
    fn each_failure_has_its_code() {
        let address = SocketAddr::from(([127, 0, 0, 1], 4433));
        assert_eq!(AppError::from(BindError::InUse(address)).code(), 69);
        assert_eq!(AppError::from(BindError::Forbidden(address)).code(), 77);
        let absent = Secret::read(Path::new("/nonexistent/key")).err().unwrap();
        assert_eq!(AppError::from(absent).code(), 78);
        let forbidden = SecretError::OpenToOthers { path: "/etc/schleuse/key".into(), mode: 0o644 };
        let error = AppError::from(TlsFileError::from(forbidden));
        assert_eq!(error.code(), 77);
        assert_eq!(
            error.to_string(),
            "the key file /etc/schleuse/key is accessible to others (mode 644): chmod 600 /etc/schleuse/key"
        );
    }

    #[test]
    fn a_file_that_cannot_be_mended_by_trying_again_is_a_mistake_in_the_configuration() {
        let code = |kind: io::ErrorKind| AppError::unreadable("directory", Path::new("/x"), &kind.into()).code();
        assert_eq!(code(io::ErrorKind::NotFound), CONFIG);
        assert_eq!(code(io::ErrorKind::IsADirectory), CONFIG);
        assert_eq!(code(io::ErrorKind::InvalidData), CONFIG);
        assert_eq!(code(io::ErrorKind::PermissionDenied), NO_PERMISSION);
        assert_eq!(code(io::ErrorKind::Other), IO);
    }

    #[test]
    fn whoever_may_not_read_a_file_is_told_what_to_do() {
        let (path, denied) = (|| "/etc/schleuse/x".into(), || io::ErrorKind::PermissionDenied.into());
        let secret = || SecretError::Read { path: path(), source: denied() };
        for error in [
            AppError::unreadable("directory", &path(), &denied()),
            AppError::from(secret()),
            AppError::from(TlsFileError::from(secret())),
            AppError::from(TlsFileError::Read { path: path(), source: denied() }),
            AppError::from(ConfigError::Read { path: path(), source: denied() }),
        ] {
            assert_eq!(error.code(), NO_PERMISSION);
            let text = error.to_string();
            assert!(text.contains("/etc/schleuse/x: permission denied") && text.contains("chown"), "{text}");
        }
    }

    #[test]
    fn a_message_is_one_line_with_its_place_in_front() {
        let error = AppError::new(FAILURE, "disk\n  is\tfull").context("inbox");
        assert_eq!(error.to_string(), "inbox: disk is full");
    }

    #[test]
    fn a_ticket_that_somebody_typed_is_not_repeated() {
        let ticket = format!("SCHLEUSE:{}", "AEB4".repeat(100));
        let error = AppError::new(FAILURE, format_args!("cannot read {ticket}: no such file")).context(&ticket);
        assert_eq!(error.to_string(), "SCHLEUSE:<ticket>: cannot read SCHLEUSE:<ticket>: no such file");
    }
}
