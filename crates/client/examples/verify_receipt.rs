//! Checks a kept receipt without a network: `verify_receipt FOLDER TICKET RECEIPT.json`.

use std::path::Path;

use anyhow::Context;
use schleuse_client::{Receipt, Ticket, load_directory, verify_receipt};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, ticket, file] = &arguments[..] else {
        anyhow::bail!("usage: verify_receipt FOLDER TICKET RECEIPT.json");
    };
    let folder = Path::new(folder);
    let directory = load_directory(folder.join("directory.json"), folder.join("root-keys.toml"))?;
    let ticket: Ticket = ticket.parse()?;
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let receipt = Receipt::from_json(&text)?;
    verify_receipt(&receipt, &ticket, &directory)?;
    println!("genuine: {receipt}");
    Ok(())
}
