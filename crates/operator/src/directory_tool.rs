//! Work on a directory's files: the source that people edit, the signed file, the root keys.

use std::path::Path;
use std::time::Duration;

use schleuse_directory::{Directory, DirectoryError, Member, RootKeys, SignedDirectory, VerifiedDirectory};
use schleuse_protocol::time::UnixSeconds;
use schleuse_seal::keys::SigningKey;
use schleuse_seal::system_rng;
use schleuse_transport::config;
use schleuse_transport::exit::{self, AppError};
use schleuse_transport::secret::SecretKey;
use serde::de::DeserializeOwned;

use crate::files::{self, Access};
use crate::pki::key_text;

/// A file that holds a directory in one of its two forms.
#[derive(Debug)]
pub enum Document {
    /// The TOML or JSON that people edit.
    Source(Directory),
    /// The signed file; nothing is verified.
    Signed(SignedDirectory),
}

/// Reads either form.
///
/// # Errors
/// The file cannot be read, or is neither.
pub fn load(path: &Path) -> Result<Document, AppError> {
    let text = files::read_text(path)?;
    if !text.trim_start().starts_with('{') {
        return Directory::from_toml(&text).map(Document::Source).map_err(at(path));
    }
    if text.contains("\"signatures\"") {
        return SignedDirectory::from_bytes(text.as_bytes()).map(Document::Signed).map_err(at(path));
    }
    Directory::from_json(text.as_bytes()).map(Document::Source).map_err(at(path))
}

/// Reads the form that people edit.
///
/// # Errors
/// As [`load`], or it is the signed form.
pub fn load_source(path: &Path) -> Result<Directory, AppError> {
    match load(path)? {
        Document::Source(directory) => Ok(directory),
        Document::Signed(_) => Err(AppError::new(
            exit::CONFIG,
            format_args!("{}: is a signed directory, the source is needed here (a TOML file)", path.display()),
        )),
    }
}

/// Reads the signed form.
///
/// # Errors
/// As [`load`], or it is the form that people edit.
pub fn load_signed(path: &Path) -> Result<SignedDirectory, AppError> {
    match load(path)? {
        Document::Signed(signed) => Ok(signed),
        Document::Source(_) => Err(AppError::new(
            exit::CONFIG,
            format_args!("{}: is not signed; make a signed file with 'schleuse directory sign'", path.display()),
        )),
    }
}

/// Reads the pinned root keys.
///
/// # Errors
/// The file cannot be read or is none.
pub fn load_root_keys(path: &Path) -> Result<RootKeys, AppError> {
    RootKeys::parse(&files::read_text(path)?).map_err(at(path))
}

/// Reads and verifies a signed directory as of `now`.
///
/// # Errors
/// A file cannot be read, or the directory is not valid.
pub fn load_verified(path: &Path, root_keys: &Path, now: UnixSeconds) -> Result<VerifiedDirectory, AppError> {
    let roots = load_root_keys(root_keys)?;
    Directory::verify(&files::read(path)?, &roots, now, None).map_err(at(path))
}

/// An empty directory, version 0: not yet one that can be signed.
pub fn empty(now: UnixSeconds) -> Directory {
    Directory { version: 0, issued: now, expires: now, members: Vec::new(), permissions: Vec::new() }
}

/// The next version, issued now and valid for so many days.
pub fn renew(directory: &mut Directory, now: UnixSeconds, days: u32) {
    directory.version += 1;
    directory.issued = now;
    directory.expires = now.after(Duration::from_secs(u64::from(days) * 86_400));
}

/// Reads the entry of one member, as `schleuse pki issue` writes it.
///
/// # Errors
/// The file cannot be read or is none.
pub fn load_member(path: &Path) -> Result<Member, AppError> {
    parse_toml(path, &files::read_text(path)?)
}

/// Writes the form that people edit, in one step.
///
/// # Errors
/// A rule of the directory is broken, or the file cannot be written.
pub fn write_source(path: &Path, directory: &Directory) -> Result<(), AppError> {
    directory.check().map_err(at(path))?;
    let text = directory.to_toml().map_err(at(path))?;
    Ok(files::replace(path, text.as_bytes())?)
}

/// Writes the signed form, in one step.
///
/// # Errors
/// The file cannot be written.
pub fn write_signed(path: &Path, signed: &SignedDirectory) -> Result<(), AppError> {
    Ok(files::replace(path, &signed.to_bytes().map_err(at(path))?)?)
}

/// Makes a root key and writes it to a new file with mode 0600.
///
/// # Errors
/// The file exists or cannot be written.
pub fn new_root_key(path: &Path) -> Result<SigningKey, AppError> {
    let key = SigningKey::generate(&mut system_rng());
    files::write_new(path, key_text(&key.to_bytes()).as_bytes(), Access::Secret)?;
    Ok(key)
}

/// Reads a signing key from its file, which only its owner may read.
///
/// # Errors
/// The file cannot be read, is open to others, or holds no key.
pub fn load_signing_key(path: &Path) -> Result<SigningKey, AppError> {
    Ok(SigningKey::from_bytes(SecretKey::read(path)?.expose()))
}

/// Parses a TOML text that came from `path`.
pub(crate) fn parse_toml<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, AppError> {
    config::parse(path, text).map(|(parsed, _)| parsed).map_err(AppError::from)
}

/// Puts the file's name in front of what is wrong with its content.
pub(crate) fn at(path: &Path) -> impl Fn(DirectoryError) -> AppError {
    let path = path.to_owned();
    move |error| AppError::new(exit::CONFIG, format_args!("{}: {error}", path.display()))
}
