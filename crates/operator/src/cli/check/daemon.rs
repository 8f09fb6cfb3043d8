//! What is wrong with the files of one daemon: each file by itself, in the daemon's words and with its exit codes, and
//! what shows only when they are put together.

use std::path::Path;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use schleuse_directory::{Directory, RootKeys};
use schleuse_transport::config::NamedFile;
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

fn certificate(file: &NamedFile) -> Result<(), AppError> {
    let pem = file.read("certificate file")?;
    let unusable = || file.blame(TlsFileError::NoCertificate { path: file.to_path_buf() });
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().map_err(|_| unusable())?;
    // The key is looked at by itself.
    let no_key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(Vec::new()));
    Identity::new(chain, no_key).map_err(|_| unusable())?;
    Ok(())
}

fn key(file: &NamedFile) -> Result<(), AppError> {
    let secret = Secret::read(file).map_err(|error| file.blame(error))?;
    let no_key = |_| file.blame(TlsFileError::NoKey { path: file.to_path_buf() });
    PrivateKeyDer::from_pem_slice(secret.expose()).map_err(no_key)?;
    Ok(())
}

fn ca(file: &NamedFile) -> Result<(), AppError> {
    Roots::load(file).map(drop).map_err(|error| file.blame(error))
}

fn secret_key(file: &NamedFile) -> Result<(), AppError> {
    SecretKey::read(file).map(drop).map_err(|error| file.blame(error))
}

/// The root keys, and the directory as far as it can be judged without them or with them.
fn directory(file: &NamedFile, root_keys: &NamedFile) -> [Result<(), AppError>; 2] {
    let roots = root_keys
        .read_text("root keys")
        .and_then(|text| RootKeys::parse(&text).map_err(|error| root_keys.unacceptable("root keys", error)));
    let directory = file.read("directory").and_then(|bytes| match &roots {
        Ok(roots) => Directory::verify(&bytes, roots, now(), None)
            .map(drop)
            .map_err(|error| file.unacceptable("directory", error)),
        Err(_) => Ok(()),
    });
    [roots.map(drop), directory]
}
