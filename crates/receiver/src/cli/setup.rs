//! Commands of the administrator: run, init, check.

use schleuse_transport::exit::{self, AppError};
use schleuse_transport::telemetry;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::Voice;
use super::args::ConfigPlace;
use crate::config::Config;
use crate::keys::{Vault, create_key_file, key_file};
use crate::receiver::{self, Receiver, lock_database, open_store};
use crate::texts::Text;

/// The daemon: until a signal.
pub(super) async fn run(place: &ConfigPlace) -> Result<(), AppError> {
    let config = Config::load(&place.config)?;
    telemetry::init(config.log.format, &config.log.level);
    let mut hangup =
        signal(SignalKind::hangup()).map_err(|error| AppError::new(exit::FAILURE, format!("no signals: {error}")))?;
    let handle = Receiver::start(config).await?;
    tracing::info!(office = %handle.office(), version = env!("CARGO_PKG_VERSION"), "started");
    let signals = handle.signal().clone();
    let on_signals = tokio::spawn(async move { signals.on_signals().await });
    loop {
        tokio::select! {
            () = handle.signal().draining() => break,
            Some(()) = hangup.recv() => match handle.reload_directory().await {
                Ok(version) => tracing::info!(version, "directory reloaded"),
                Err(error) => tracing::error!("the directory was not reloaded, the old one stays in use: {error}"),
            },
        }
    }
    handle.shutdown().await;
    on_signals.abort();
    tracing::info!("stopped");
    Ok(())
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
