//! Commands of the administrator: run, init, check.

use schleuse_transport::exit::{self, AppError};
use schleuse_transport::supervise::{Daemon, supervise};
use schleuse_transport::telemetry;
use serde_json::json;

use super::Voice;
use super::args::ConfigPlace;
use crate::config::Config;
use crate::keys::{Vault, create_key_file, key_file};
use crate::receiver::{self, Handle, Receiver, lock_database, open_store};
use crate::texts::Text;

/// The daemon: until a signal.
pub(super) async fn run(place: &ConfigPlace) -> Result<(), AppError> {
    let config = Config::load(&place.config)?;
    telemetry::init(config.log.format, &config.log.level);
    let handle = Receiver::start(config).await?;
    tracing::info!(office = %handle.office(), version = env!("CARGO_PKG_VERSION"), "started");
    let shutdown = handle.signal().clone();
    let ended = async {
        let drained = handle.until_drain().await;
        handle.finish().await;
        drained
    };
    // One thread runs everything here, this as well: it is its own pulse.
    supervise(&Running { handle: &handle, place }, &shutdown, None, ended).await?;
    tracing::info!("stopped");
    Ok(())
}

struct Running<'a> {
    handle: &'a Handle,
    place: &'a ConfigPlace,
}

impl Daemon for Running<'_> {
    async fn reload(&self) -> Result<String, AppError> {
        let version = self.handle.reload(&Config::load(&self.place.config)?).await?;
        Ok(format!("certificate, CA, root keys, directory of version {version}"))
    }

    fn status(&self) -> String {
        self.handle.summary()
    }
}

/// Makes what is not there yet.
pub(super) async fn init(place: &ConfigPlace, voice: Voice) -> Result<(), AppError> {
    let config = Config::load(&place.config)?;
    let key = key_file(config.key_encryption_key.as_ref())?;
    let made_key = !key.exists();
    if made_key {
        if config.database.exists() {
            let what = format!(
                "the database {} exists, but not its key-encryption key {}: restore the key from its copy",
                config.database.display(),
                key.display()
            );
            return Err(AppError::new(exit::CONFIG, what));
        }
        create_key_file(&key)?;
    }
    let made_database = !config.database.exists();
    let _lock = lock_database(&config)?;
    let store = open_store(&config).await?;
    let checked = Vault::load(&key)?.check(&store).await;
    store.close().await;
    checked.map_err(|error| config.database.blame(error))?;
    let (key, database) = (key.display().to_string(), config.database.display().to_string());
    if voice.json {
        println!(
            "{}",
            json!({ "key": key, "key_made": made_key, "database": database, "database_made": made_database })
        );
        return Ok(());
    }
    if made_key {
        println!("{}", Text::KeyCreated.fill(voice.language, &[&key]));
    }
    let text = if made_database { Text::DatabaseCreated } else { Text::ConfigFine };
    println!("{}", text.fill(voice.language, &[&database]));
    Ok(())
}

pub(super) fn check(place: &ConfigPlace, voice: Voice) -> Result<(), AppError> {
    let config = Config::load(&place.config)?;
    receiver::check(&config)?;
    let file = place.config.display().to_string();
    if voice.json {
        println!("{}", json!({ "config": file, "ok": true }));
    } else {
        println!("{}", Text::ConfigFine.fill(voice.language, &[&file]));
    }
    Ok(())
}
