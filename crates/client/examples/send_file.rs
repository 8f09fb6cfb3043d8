//! Sends a file: `send_file FOLDER TICKET FILE MEMBER`.
//!
//! FOLDER holds what the network's operator gave out: `directory.json`, `root-keys.toml`, `ca.pem`, and, in a folder
//! with the member's name, `signing.key`. The demo (`cargo run --release` at the root) makes such a folder.

use std::path::Path;

use anyhow::Context;
use schleuse_client::{Client, Content, Roots, SecretKey, SigningKey, Ticket, load_directory};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| {
        arguments.next().with_context(|| format!("usage: send_file FOLDER TICKET FILE MEMBER; {name} is missing"))
    };
    let (folder, ticket, file, member) = (next("FOLDER")?, next("TICKET")?, next("FILE")?, next("MEMBER")?);
    let folder = Path::new(&folder);

    let ticket: Ticket = ticket.parse()?;
    let key = SecretKey::read(&folder.join(&member).join("signing.key"))?;
    let client = Client::builder(load_directory(folder.join("directory.json"), folder.join("root-keys.toml"))?)
        .roots(Roots::load(&folder.join("ca.pem"))?)
        .identity(member.parse()?, SigningKey::from_bytes(key.expose()))
        .build()?;

    let receipt = client
        .send(&ticket, Content::file(&file)?)
        .kind("guest-list")
        .on_progress(|progress| eprintln!("{} bytes stored", progress.stored))
        .await?;
    println!("{}", receipt.to_json());
    client.close().await;
    Ok(())
}
