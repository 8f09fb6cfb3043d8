//! What is wrong with the files of one daemon: each file by itself, in the daemon's words and with its exit codes, and
//! what shows only when they are put together.

use std::fs;
use std::path::Path;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use schleuse_directory::{Directory, RootKeys};
use schleuse_transport::config::values::KeyFiles;
use schleuse_transport::exit::AppError;
use schleuse_transport::secret::{Secret, SecretKey};
use schleuse_transport::tls::{Identity, Roots, TlsFileError};

use crate::cli::output::now;

type Found = Vec<AppError>;

pub(super) fn outer(path: &Path) -> Found {
    let settings = match schleuse_outer_proxy::Settings::load(path) {
        Ok(settings) => settings,
        Err(error) => return vec![error.into()],
    };
    or_together(key_files(&settings.files), || schleuse_outer_proxy::Config::load(path).map(drop))
}

pub(super) fn inner(path: &Path) -> Found {
    let settings = match schleuse_inner_proxy::Settings::load(path) {
        Ok(settings) => settings,
        Err(error) => return vec![error.into()],
    };
    let found = key_files(&settings.files).into_iter().chain(directory(&settings.directory, &settings.root_keys));
    or_together(found, || schleuse_inner_proxy::Config::load(path).map(drop))
}

pub(super) fn receiver(path: &Path) -> Found {
    let config = match schleuse_receiver::Config::load(path) {
        Ok(config) => config,
        Err(error) => return vec![error],
    };
    let files = &config.identity;
    let found = [certificate(&files.certificate), key(&files.key), ca(&files.ca), secret_key(&files.signing_key)];
    let found = found
        .into_iter()
        .chain(schleuse_receiver::check_secrets(&config))
        .chain(directory(&config.directory.file, &config.directory.roots));
    or_together(found, || schleuse_receiver::check(&config))
}

/// What is wrong with single files; if nothing is, the first thing at which the daemon itself would stop.
fn or_together(
    files: impl IntoIterator<Item = Result<(), AppError>>,
    daemon: impl FnOnce() -> Result<(), AppError>,
) -> Found {
    let found: Found = files.into_iter().filter_map(Result::err).collect();
    if found.is_empty() { daemon().err().into_iter().collect() } else { found }
}

fn key_files(files: &KeyFiles) -> [Result<(), AppError>; 4] {
    [certificate(&files.certificate), key(&files.key), ca(&files.ca), secret_key(&files.cluster_secret)]
}

fn certificate(path: &Path) -> Result<(), AppError> {
    let pem = fs::read(path).map_err(|source| TlsFileError::Read { path: path.to_owned(), source })?;
    let unusable = || TlsFileError::NoCertificate { path: path.to_owned() };
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().map_err(|_| unusable())?;
    // The key is looked at by itself.
    let no_key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(Vec::new()));
    Identity::new(chain, no_key).map_err(|_| unusable())?;
    Ok(())
}

fn key(path: &Path) -> Result<(), AppError> {
    let secret = Secret::read(path)?;
    PrivateKeyDer::from_pem_slice(secret.expose()).map_err(|_| TlsFileError::NoKey { path: path.to_owned() })?;
    Ok(())
}

fn ca(path: &Path) -> Result<(), AppError> {
    Roots::load(path)?;
    Ok(())
}

fn secret_key(path: &Path) -> Result<(), AppError> {
    SecretKey::read(path)?;
    Ok(())
}

/// The root keys, and the directory as far as it can be judged without them or with them.
fn directory(path: &Path, root_keys: &Path) -> [Result<(), AppError>; 2] {
    let roots = fs::read_to_string(root_keys)
        .map_err(|error| AppError::unreadable("root keys", root_keys, &error))
        .and_then(|text| RootKeys::parse(&text).map_err(|error| AppError::unacceptable("root keys", root_keys, error)));
    let bytes = fs::read(path).map_err(|error| AppError::unreadable("directory", path, &error));
    let directory = bytes.and_then(|bytes| match &roots {
        Ok(roots) => Directory::verify(&bytes, roots, now(), None)
            .map(drop)
            .map_err(|error| AppError::unacceptable("directory", path, error)),
        Err(_) => Ok(()),
    });
    [roots.map(drop), directory]
}
