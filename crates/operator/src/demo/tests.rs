use super::*;

fn args(submissions: u32) -> DemoArgs {
    DemoArgs { once: true, file: None, offices: 3, vendors: 4, submissions, dir: None }
}

/// The whole demo without its printing.
async fn played(submissions: u32) -> (Report, String) {
    let plan = Arc::new(Plan::new(args(submissions)).unwrap());
    let mut ground = Ground::prepare(&plan).unwrap();
    let mut network = Network::start(&plan, &mut ground).await.unwrap();
    let traffic = traffic::run(&plan, &ground, network.offices(), false).await.unwrap();
    let audit = audit::run(&traffic, network.offices()).await.unwrap();
    let report = Report::new(&plan, &traffic, &audit, &network.records(audit.receipts).await);
    let page = paint::page(&network, &traffic, &report, Ink::for_stdout());
    network.stop().await.unwrap();
    (report, page)
}

/// The same on a machine that does not stand still for seconds: otherwise sendings are tried again, which makes more
/// streams, though not more lists, and the demo does not wait for the last records.
fn played_undisturbed(submissions: u32) -> (Report, String) {
    let mut plays = 0;
    loop {
        plays += 1;
        let (report, page) = current_thread().unwrap().block_on(played(submissions));
        assert!(report.is_flawless(), "{}", serde_json::to_string_pretty(&report).unwrap());
        let report::Observed { outer, office, .. } = &report.observed;
        let streams: usize = outer.iter().map(|party| party.count).sum();
        let counted = office.iter().all(|office| office.records.iter().all(|record| record.guests.is_some()));
        if plays == 3 || (streams == submissions as usize && counted) {
            return (report, page);
        }
    }
}

#[test]
fn every_list_arrives_once_and_every_party_records_its_part() {
    let (report, page) = played_undisturbed(24);
    assert_eq!((report.receipts, report.offices_used, report.vendors_used), (24, 3, 4));
    let observed = &report.observed;
    assert_eq!(observed.outer.iter().map(|party| party.count).sum::<usize>(), 24);
    assert_eq!(observed.inner.iter().map(|party| party.count).sum::<usize>(), 24);
    assert_eq!(observed.office.iter().map(|party| party.count).sum::<usize>(), 24);
    assert!(observed.office.iter().all(|office| office.records[0].guests == Some(30)));
    assert!(observed.outer.iter().flat_map(|outer| &outer.records).all(|record| record.ending == "finished"));
    assert!(page.lines().all(|line| line.chars().count() <= 100), "{page}");
}

#[test]
fn no_proxy_records_what_it_must_not_know() {
    let (report, _) = current_thread().unwrap().block_on(played(1));
    let outer = serde_json::to_string(&report.observed.outer).unwrap();
    let inner = serde_json::to_string(&report.observed.inner).unwrap();
    assert!(outer.contains("127.0.0.1") && !outer.contains("office") && !outer.contains("vendor"), "{outer}");
    assert!(inner.contains("office-1") && !inner.contains("vendor") && !inner.contains("127.0.0.1"), "{inner}");
}
