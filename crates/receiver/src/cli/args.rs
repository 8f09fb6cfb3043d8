//! Arguments of the command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::mint::MAX_COUNT;

/// Receives submissions for an office: daemon and tool for the staff.
#[derive(Debug, Parser)]
#[command(name = "schleuse-receiver", version, disable_help_subcommand = true)]
pub(super) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Language of the texts; default: that of the environment.
    #[arg(long, global = true, value_enum)]
    pub(super) lang: Option<Lang>,
}

/// Languages.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Lang {
    /// Deutsch
    De,
    /// English
    En,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the daemon.
    Run(ConfigPlace),
    /// Make the key-encryption key and the database.
    Init(ConfigPlace),
    /// Check configuration, keys and directory without starting anything.
    Check(ConfigPlace),
    /// Mint a ticket, or many of them.
    Mint(Mint),
    /// List what has come in.
    ///
    /// People and flags are counted a moment after a submission came; while uploads run without a pause, for at most 256
    /// submissions a second, and for the rest once it is calm.
    Inbox(Inbox),
    /// Show or save one submission.
    Read(Read),
    /// Save the proof of who sent a submission, which anybody can verify with 'schleuse receipt prove'.
    Prove(Prove),
    /// Delete one submission for good, or revoke an unused ticket.
    Delete(Delete),
    /// Show links, tokens and counts.
    Status(Place),
}

/// Where the configuration is.
#[derive(ClapArgs, Debug)]
pub(super) struct ConfigPlace {
    /// The configuration file.
    #[arg(short, long, env = "SCHLEUSE_RECEIVER_CONFIG", default_value = "/etc/schleuse/receiver.toml")]
    pub(super) config: PathBuf,
}

/// Where the running daemon is.
#[derive(ClapArgs, Debug)]
pub(super) struct Place {
    /// The configuration file, from which the socket is taken.
    #[arg(short, long, env = "SCHLEUSE_RECEIVER_CONFIG", default_value = "/etc/schleuse/receiver.toml")]
    pub(super) config: PathBuf,
    /// The socket itself; the configuration is then not read.
    #[arg(long, env = "SCHLEUSE_RECEIVER_SOCKET")]
    pub(super) socket: Option<PathBuf>,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Mint {
    #[command(flatten)]
    pub(super) place: Place,
    /// How many tickets, such as for a batch of letters; each on a line of its own. All of them are minted or none.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=MAX_COUNT as i64))]
    pub(super) count: u16,
    /// 1 fits into a QR code, 2 is post-quantum and travels as a file.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(super) suite: u8,
    /// Validity in hours; default: as configured.
    #[arg(long)]
    pub(super) hours: Option<u64>,
    /// The only payload kind that is accepted, such as guest-list.
    #[arg(long)]
    pub(super) kind: Option<String>,
    /// Who may send: anyone, any-member or member:ID.
    #[arg(long)]
    pub(super) sender: Option<String>,
    /// The office's reference; the sender sees it.
    #[arg(long)]
    pub(super) reference: Option<String>,
    /// First moment of the period asked for, RFC 3339.
    #[arg(long, requires = "to")]
    pub(super) from: Option<String>,
    /// Last moment.
    #[arg(long, requires = "from")]
    pub(super) to: Option<String>,
    /// Text for a person.
    #[arg(long)]
    pub(super) text: Option<String>,
    /// Longest content in bytes; default: as configured.
    #[arg(long)]
    pub(super) max_bytes: Option<u64>,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Inbox {
    #[command(flatten)]
    pub(super) place: Place,
    /// Most submissions to list.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(super) limit: u32,
    /// Go on where an earlier page ended.
    #[arg(long)]
    pub(super) after: Option<String>,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Read {
    #[command(flatten)]
    pub(super) place: Place,
    /// The submission's number.
    pub(super) id: String,
    /// Write the original bytes to this new file, readable by this user only.
    #[arg(short, long)]
    pub(super) output: Option<PathBuf>,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Prove {
    #[command(flatten)]
    pub(super) place: Place,
    /// The submission's number.
    pub(super) id: String,
    /// Write the proof to this new file, readable by this user only.
    #[arg(short, long)]
    pub(super) output: PathBuf,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Delete {
    #[command(flatten)]
    pub(super) place: Place,
    /// The submission's number.
    pub(super) id: String,
}
