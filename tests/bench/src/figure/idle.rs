//! What idle proxies take with the network of a federal state: 110 offices, 50 vendors.

use anyhow::Result;

use super::generator;
use crate::bench::{Bench, run_silent};
use crate::child::Child;
use crate::net::{Network, Size};
use crate::report::{Aim, Row};
use crate::role::{Order, Role};
use crate::stats::Spread;

const OFFICES: usize = 110;
const VENDORS: usize = 50;

pub(super) fn measure(bench: &mut Bench) -> Result<()> {
    let crowd = OFFICES - 1;
    let network = Network::start(&bench.programs, Size { vendors: VENDORS, crowd })?;
    let mut offices =
        Child::start(&Role::OfficeCrowd { root: network.root().to_owned(), target: network.inner_address })?;
    run_silent(&mut offices, &Order::Connect { connections: crowd })?;
    let mut vendors = generator(&network, "directory.json", VENDORS)?;
    run_silent(&mut vendors, &Order::Connect { connections: VENDORS })?;
    for (name, memory) in [("outer", network.outer.memory()?), ("inner", network.inner.memory()?)] {
        let figure = format!("{name} proxy with 110 offices and 50 vendors, peak resident");
        bench.report.rows.push(Row::new(figure, "MiB", Spread::exactly(memory.peak / 1024.0)).aim(Aim::AtMost(20.0)));
    }
    Ok(())
}
