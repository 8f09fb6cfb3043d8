//! Input from elsewhere: made-up lists as vendors write them, and the configuration files that come with the daemons.

use std::fs;

use schleuse_tests::binaries::workspace;
use schleuse_tests::network::Network;
use schleuse_tests::wait::{SOON, until};

#[test]
fn every_sample_is_sent_read_back_and_understood() {
    let folder = workspace().join("tests/samples");
    let network = Network::of(1, 1, 1, 1).start();
    let office = network.office(0);
    let samples = [
        ("guest-list-30.json", "guest-list", 30),
        ("guest-list-1000.json", "guest-list", 1000),
        ("contacts-and-events.json", "contacts-and-events", 1),
    ];
    for (name, kind, people) in samples {
        let bytes = fs::read(folder.join(name)).unwrap();
        let ticket = office.mint(&[("kind", kind.into())]);
        let sending = network.client(0).send(&ticket, bytes.clone()).patience(SOON);
        network.background().run(async move { sending.await }).unwrap();
        assert!(office.read(&ticket).unwrap() == bytes, "{name}");
        let findings = until("the office has looked at it", SOON, || {
            let findings = office.submission(&ticket).unwrap()["findings"].clone();
            (!findings.is_null()).then_some(findings)
        });
        assert_eq!(findings["readable"], true, "{name}: {findings}");
        assert!(findings["people"].as_u64() >= Some(people), "{name}: {findings}");
    }
    assert_eq!(office.inbox().len(), samples.len());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), samples.len(), "a sample that no test sends");
}

/// The samples name files that are not there: apart from that they are in order.
#[test]
fn every_sample_configuration_is_parsed_by_its_daemon() {
    let deploy = workspace().join("deploy");
    schleuse_outer_proxy::Settings::load(&deploy.join("outer.toml")).unwrap();
    schleuse_inner_proxy::Settings::load(&deploy.join("inner.toml")).unwrap();
    schleuse_receiver::Config::load(&deploy.join("receiver.toml")).map(drop).unwrap();
    let directory = fs::read_to_string(deploy.join("directory.toml")).unwrap();
    schleuse_directory::Directory::from_toml(&directory).unwrap();
    let samples = fs::read_dir(&deploy).unwrap().map(|entry| entry.unwrap().path());
    let tomls: Vec<_> = samples.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
    assert_eq!(tomls.len(), 4, "a sample that no test parses: {tomls:?}");
}
