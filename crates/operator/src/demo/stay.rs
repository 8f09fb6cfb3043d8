//! Staying up after the sending: a ticket and a command to try, and a line for every list that comes in.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Context;
use schleuse_protocol::wire::name::MemberId;
use schleuse_protocol::wire::ticket::TicketId;
use schleuse_transport::shutdown::Shutdown;

use super::audit::Audit;
use super::ground::Ground;
use super::network::Network;
use super::offices::Line;
use super::paint::{Ink, thousands};
use super::plan::Plan;
use super::traffic::request;
use crate::files;

/// Runs until `interrupted`. Prints to standard output, or to standard error if that carries JSON.
pub(super) async fn until(
    interrupted: &Shutdown,
    ground: &Ground,
    plan: &Plan,
    network: &mut Network,
    audit: &Audit,
    json: bool,
) -> anyhow::Result<()> {
    let say = |text: String| if json { eprintln!("{text}") } else { println!("{text}") };
    let ink = if json { Ink::none() } else { Ink::for_stdout() };
    let invitation = Invitation::new(ground, plan, ink)?;
    let mut known: HashSet<TicketId> = audit.inboxes.iter().flat_map(|(_, lines)| lines).map(|line| line.id).collect();
    say(invitation.offer(network).await?);
    while let Some(record) = interrupted.unless_draining(network.next_carried()).await {
        let Some(desk) = record.to.and_then(|office| network.offices().desk(&office)) else { continue };
        let mut lines = desk.settled_inbox().await?;
        lines.retain(|line| known.insert(line.id));
        if !lines.is_empty() {
            lines.iter().for_each(|line| say(arrived(&desk.office, line)));
            say(invitation.offer(network).await?);
        }
    }
    say("\nstopping: the offices finish what they have begun".to_owned());
    Ok(())
}

fn arrived(office: &MemberId, line: &Line) -> String {
    let sender = line.sender.map_or("somebody".to_owned(), |sender| sender.to_string());
    let found =
        line.findings.as_ref().filter(|found| found.readable).map_or("not readable as a list".to_owned(), |found| {
            format!("{} guests, {} flags", found.people, found.flags)
        });
    format!("\n{office} has received: {} from {sender}, {found}, {} bytes", line.kind, thousands(line.length))
}

/// What a visitor needs to send a list.
struct Invitation<'a> {
    ground: &'a Ground,
    vendor: MemberId,
    office: MemberId,
    ink: Ink,
}

impl<'a> Invitation<'a> {
    /// Also writes a list to send.
    fn new(ground: &'a Ground, plan: &Plan, ink: Ink) -> anyhow::Result<Self> {
        let (vendor, office) = (plan.vendors.first().context("no vendor")?, plan.offices.first().context("no office")?);
        files::replace(&list_file(ground), &plan.content(plan.submissions))?;
        Ok(Self { ground, vendor: *vendor, office: *office, ink })
    }

    /// Mints a ticket and says how to use it.
    async fn offer(&self, network: &Network) -> anyhow::Result<String> {
        let desk = network.offices().desk(&self.office).context("the office has stopped")?;
        let ticket = desk.mint(request(self.vendor)?).await?;
        let file = self.ground.path().join("ticket.txt");
        files::replace(&file, ticket.to_uri().as_bytes())?;
        let program = std::env::current_exe().unwrap_or_else(|_| "schleuse".into());
        let shown = |path: &Path| quoted(&path.display().to_string());
        Ok(format!(
            "\n{}\n\n  {} send {} \\\n    --ticket {} \\\n    --directory {} \\\n    --root-keys {} \\\n    --ca {} \\\n    \
             --identity {}\n\n{}",
            self.ink.bold(format_args!("Try it yourself: a ticket of {} for {} is ready", self.office, self.vendor)),
            shown(&program),
            shown(&list_file(self.ground)),
            shown(&file),
            shown(&self.ground.directory()),
            shown(&self.ground.root_keys()),
            shown(&self.ground.ca()),
            shown(&self.ground.of(&self.vendor)),
            self.ink.dim(format_args!(
                "The ticket itself:\n{}\n\nCtrl-C ends the network{}.",
                ticket.to_uri(),
                self.fate()
            )),
        ))
    }

    fn fate(&self) -> &'static str {
        if self.ground.is_temporary() { " and deletes its files" } else { "; its files stay" }
    }
}

fn list_file(ground: &Ground) -> std::path::PathBuf {
    ground.path().join("guest-list.json")
}

/// For a shell.
fn quoted(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._-+:".contains(char);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_be_pasted() {
        assert_eq!(quoted("/tmp/schleuse-demo-x1/ticket.txt"), "/tmp/schleuse-demo-x1/ticket.txt");
        assert_eq!(quoted("/tmp/it's here"), r"'/tmp/it'\''s here'");
    }
}
