//! `schleuse directory sign`.

use std::path::{Path, PathBuf};

use clap::Args;
use schleuse_directory::{Directory, SignedDirectory};
use schleuse_seal::keys::SigningKey;
use schleuse_transport::exit::{self, AppError};
use serde_json::json;

use super::super::output::{Output, hex, shown};
use crate::directory_tool::{Document, at, load, load_signed, load_signing_key, write_signed};

#[derive(Debug, Args)]
pub(in crate::cli) struct Sign {
    /// The source, or a directory that others have signed.
    file: PathBuf,
    /// File of a root key; several are possible.
    #[arg(long, required = true, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// The signed file. An older version is replaced, the same or a newer one is not. If absent, a signed FILE is
    /// replaced, and a source gets directory.json beside it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Sign {
    pub(super) fn run(self) -> Result<Output, AppError> {
        let keys = self.key.iter().map(|path| load_signing_key(path)).collect::<Result<Vec<_>, _>>()?;
        let (signed, out) = match load(&self.file)? {
            Document::Source(directory) => {
                let out = self.out.unwrap_or_else(|| self.file.with_file_name("directory.json"));
                (sign_source(&self.file, &directory, &keys, &out)?, out)
            }
            Document::Signed(mut signed) => {
                keys.iter().try_for_each(|key| signed.add_signature(key)).map_err(at(&self.file))?;
                (signed, self.out.unwrap_or(self.file))
            }
        };
        write_signed(&out, &signed)?;
        report(&signed, &out)
    }
}

fn sign_source(
    source: &Path,
    directory: &Directory,
    keys: &[SigningKey],
    out: &Path,
) -> Result<SignedDirectory, AppError> {
    if out.exists() {
        let before = load_signed(out)?.unverified().map_err(at(out))?.version;
        if directory.version <= before {
            let (source, out) = (source.display(), out.display());
            let message = format!(
                "{source}: has version {}, and {out} has version {before}: raise 'version' in the source ('schleuse \
                 directory add {source}' does), or add a signature with 'schleuse directory sign {out} --key …'",
                directory.version
            );
            return Err(AppError::new(exit::FAILURE, message));
        }
    }
    SignedDirectory::sign(directory, &keys.iter().collect::<Vec<_>>()).map_err(at(source))
}

fn report(signed: &SignedDirectory, out: &Path) -> Result<Output, AppError> {
    let version = signed.unverified().map_err(at(out))?.version;
    let signers: Vec<String> = signed.signatures().iter().map(|signature| hex(&signature.key.0)).collect();
    let text = format!("{}: version {version}, signed by\n  {}", shown(out), signers.join("\n  "));
    Ok(Output::new(text, json!({ "file": shown(out), "version": version, "signed_by": signers })))
}
