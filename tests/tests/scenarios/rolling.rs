//! Two instances of one proxy are replaced one after the other, under load: nobody notices.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use schleuse_tests::daemon::Daemon;
use schleuse_tests::network::Network;
use schleuse_tests::wait::{SOON, until_true};

/// How many sends are under way at a time.
const AT_ONCE: usize = 8;
/// How many have to come through with each state of the instances.
const BETWEEN: usize = 30;

/// The second instance of an outer proxy: the same keys and the same configuration, at another address.
fn second_instance(network: &Network) -> (Daemon, std::net::SocketAddr) {
    let outer = network.outer(0);
    let mut address = outer.address;
    address.set_port(outer.address.port() + 100);
    let text = fs::read_to_string(outer.member.file("proxy.toml")).unwrap();
    let config = outer.member.file("second.toml");
    fs::write(&config, text.replace(&outer.address.to_string(), &address.to_string())).unwrap();
    let program = &schleuse_tests::binaries::binaries().outer;
    let arguments = ["--config".as_ref(), config.as_os_str()];
    (Daemon::new("outer-1, second instance", program, arguments, &outer.member.file("second.log")), address)
}

#[test]
fn instances_are_rolled_under_load_and_no_sender_sees_an_error() {
    let network = Network::of(1, 1, 1, 1).grace(60).build();
    let (second, address) = second_instance(&network);
    network.publish(|directory| {
        let outer = directory.members.iter_mut().find(|entry| entry.id.as_str() == "outer-1").unwrap();
        outer.addresses.push(address.to_string());
    });
    network.start();
    second.start();
    let linked = |daemon: &Daemon| {
        until_true("it is linked", SOON, || daemon.log_of_this_life().matches("linked to an inner proxy").count() >= 2);
    };
    linked(&second);

    let office = network.office(0);
    let (sent, stop, errors) = (Arc::new(AtomicUsize::new(0)), AtomicBool::new(false), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    match network.send(0, &office.mint(&[]), "under load") {
                        Ok(_) => drop(sent.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => errors.lock().unwrap().push(error.to_string()),
                    }
                }
            });
        }
        let more = |state: &str| {
            let before = sent.load(Ordering::Relaxed);
            until_true(&format!("sends come through: {state}"), SOON, || {
                sent.load(Ordering::Relaxed) >= before + BETWEEN
            });
        };
        more("both instances");
        for daemon in [&network.outer(0).daemon, &second] {
            daemon.terminate();
            more("one of them drains or is gone");
            assert!(daemon.wait(SOON).success(), "{}", daemon.log());
            more("one of them is gone");
            daemon.start();
            linked(daemon);
            more("both are there again");
        }
        stop.store(true, Ordering::Relaxed);
    });
    let errors = errors.into_inner().unwrap();
    assert!(errors.is_empty(), "{} of {}: {errors:?}", errors.len(), sent.load(Ordering::Relaxed));
    assert_eq!(office.inbox().len(), sent.load(Ordering::Relaxed), "nothing is lost, nothing twice");
}
