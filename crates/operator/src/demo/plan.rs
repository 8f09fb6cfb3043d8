//! What the command line asks for, checked: how large the network is and who sends what to whom.

use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::Bytes;
use schleuse_payload::{GUEST_LIST, Limits, generate, parse};
use schleuse_protocol::wire::name::MemberId;
use schleuse_transport::exit::AppError;

use super::DemoArgs;
use crate::files;

/// Guests in a generated list.
const GUESTS: u32 = 30;
/// Sendings that are under way at a time, over all vendors.
const PARALLEL: usize = 48;
/// Proxies of each kind.
const PROXIES: u32 = 2;

/// A network and its traffic.
pub(super) struct Plan {
    pub(super) outers: Vec<MemberId>,
    pub(super) inners: Vec<MemberId>,
    pub(super) offices: Vec<MemberId>,
    pub(super) vendors: Vec<MemberId>,
    pub(super) submissions: usize,
    /// The list of `--file`, sent with every submission; otherwise each one has a list of its own.
    file: Option<Bytes>,
    /// Where the network's files go; a temporary folder if not given.
    pub(super) folder: Option<PathBuf>,
    /// Whether to end after the sending.
    pub(super) once: bool,
}

impl Plan {
    pub(super) fn new(args: DemoArgs) -> anyhow::Result<Self> {
        Ok(Self {
            outers: members("outer", PROXIES)?,
            inners: members("inner", PROXIES)?,
            offices: members("office", args.offices)?,
            vendors: members("vendor", args.vendors)?,
            submissions: usize::try_from(args.submissions)?,
            file: args.file.as_deref().map(read_list).transpose()?,
            folder: args.dir,
            once: args.once,
        })
    }

    /// Index of the vendor of a submission: everybody has its turn.
    pub(super) fn vendor_of(&self, submission: usize) -> usize {
        submission % self.vendors.len()
    }

    /// Index of the office of a submission: everybody has its turn, and each vendor meets different ones.
    pub(super) fn office_of(&self, submission: usize) -> usize {
        submission % self.offices.len()
    }

    /// The content of a submission.
    pub(super) fn content(&self, submission: usize) -> Bytes {
        let generated = || generate::guest_list_json(GUESTS, submission as u64).into();
        self.file.clone().unwrap_or_else(generated)
    }

    /// Sendings that one vendor has under way at a time.
    pub(super) fn parallel_per_vendor(&self) -> usize {
        PARALLEL.div_ceil(self.vendors.len())
    }
}

fn members(prefix: &str, count: u32) -> anyhow::Result<Vec<MemberId>> {
    (1..=count).map(|number| Ok(format!("{prefix}-{number}").parse()?)).collect()
}

/// Reads a list and refuses early what no office could read.
fn read_list(path: &Path) -> anyhow::Result<Bytes> {
    let bytes = files::read(path).map_err(AppError::from)?;
    parse(GUEST_LIST, &bytes, &Limits::default()).with_context(|| format!("{} is not a guest list", path.display()))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn args(offices: u32, vendors: u32, submissions: u32) -> DemoArgs {
        DemoArgs { offices, vendors, submissions, file: None, dir: None, once: true }
    }

    #[test]
    fn every_office_and_vendor_has_its_turn() {
        let plan = Plan::new(args(110, 50, 5000)).unwrap();
        let offices: HashSet<_> = (0..5000).map(|submission| plan.office_of(submission)).collect();
        let vendors: HashSet<_> = (0..5000).map(|submission| plan.vendor_of(submission)).collect();
        assert_eq!((offices.len(), vendors.len()), (110, 50));
    }

    #[test]
    fn generated_contents_differ_and_are_guest_lists() {
        let plan = Plan::new(args(3, 5, 2)).unwrap();
        assert_ne!(plan.content(0), plan.content(1));
        let parsed = parse(GUEST_LIST, &plan.content(0), &Limits::default()).unwrap();
        assert_eq!(parsed.summary().people, GUESTS);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told() {
        let absent = DemoArgs { file: Some("/nonexistent/list.json".into()), ..args(1, 1, 1) };
        assert!(Plan::new(absent).is_err_and(|error| error.to_string().contains("/nonexistent/list.json")));
    }
}
