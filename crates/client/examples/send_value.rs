//! Sends a value of the program's own, and decides by the error what to do: `send_value FOLDER TICKET`. It sends without
//! identity, so the ticket must be one that anybody may use.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use schleuse_client::{Client, Content, Roots, Ticket, load_directory};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GuestList {
    start_date: &'static str,
    end_date: &'static str,
    guests: Vec<Guest>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Guest {
    first_name: &'static str,
    last_name: &'static str,
    phone: &'static str,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("usage: send_value FOLDER TICKET")?;
    let ticket: Ticket = arguments.next().context("usage: send_value FOLDER TICKET")?.parse()?;
    let folder = Path::new(&folder);
    // No identity: sent anonymously, as a citizen's device would.
    let client = Client::builder(load_directory(folder.join("directory.json"), folder.join("root-keys.toml"))?)
        .roots(Roots::load(&folder.join("ca.pem"))?)
        .build()?;

    let list = GuestList {
        start_date: "2026-11-20T18:00:00Z",
        end_date: "2026-11-20T23:00:00Z",
        guests: vec![Guest { first_name: "Mara", last_name: "O'Brien", phone: "+49 221 0000" }],
    };
    loop {
        match client.send(&ticket, Content::json(&list)?).kind("guest-list").await {
            Ok(receipt) => break println!("{receipt}"),
            // Repeating is safe: the office stores it once, whatever happened to the first try.
            Err(error) if error.may_retry() => eprintln!("in a minute again: {error}"),
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    client.close().await;
    Ok(())
}
