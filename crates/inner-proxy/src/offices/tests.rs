use super::*;

const KOELN: &str = "ga-koeln";

fn office(name: &str) -> MemberId {
    name.parse().unwrap()
}

fn receiver(store: u8, run: u8) -> Receiver {
    Receiver { store: StoreId([store; 8]), run: RunId([run; 8]) }
}

/// Joins at once, whoever else is there.
fn join(offices: &Arc<Offices<usize>>, name: &str, receiver: Receiver, connection: usize) -> (Presence<usize>, Rivals) {
    let (presence, rivals, _) = offices.announce(office(name), receiver, connection);
    assert_eq!(presence.join(), None);
    (presence, rivals)
}

fn of_store(offices: &Arc<Offices<usize>>, name: &str, store: u8) -> Vec<usize> {
    offices.connections(&office(name), StoreId([store; 8]))
}

#[test]
fn a_stream_goes_to_the_newest_connection_of_its_store() {
    let offices = Offices::new();
    let _first = join(&offices, KOELN, receiver(1, 1), 1);
    let second = join(&offices, KOELN, receiver(1, 1), 2);
    let _standby = join(&offices, KOELN, receiver(2, 2), 3);
    let _other = join(&offices, "ga-bonn", receiver(1, 3), 4);
    assert_eq!(of_store(&offices, KOELN, 1), [2, 1]);
    assert_eq!(of_store(&offices, KOELN, 2), [3], "another receiver gets its own");
    drop(second);
    assert_eq!(of_store(&offices, KOELN, 1), [1], "an older connection serves on");
    assert_eq!(of_store(&offices, KOELN, 3), [0; 0]);
    assert_eq!(of_store(&offices, "ga-aachen", 1), [0; 0]);
}

#[test]
fn an_office_without_connections_leaves_nothing_behind() {
    let offices = Offices::new();
    let (announced, _rivals, _) = offices.announce(office(KOELN), receiver(1, 1), 1);
    assert_eq!(*offices.connected().borrow(), 0);
    assert!(of_store(&offices, KOELN, 1).is_empty(), "it has not joined");
    announced.join();
    assert_eq!(*offices.connected().borrow(), 1);
    drop(announced);
    assert_eq!(*offices.connected().borrow(), 0);
    assert!(offices.lock().links.is_empty());
}

#[test]
fn the_oldest_connection_goes_when_there_are_too_many_and_never_that_of_another_receiver() {
    let offices = Offices::new();
    let _standby = join(&offices, KOELN, receiver(2, 2), 100);
    let mut present: Vec<_> =
        (1..MAX_CONNECTIONS_PER_OFFICE).map(|n| join(&offices, KOELN, receiver(1, 1), n)).collect();
    let (newest, _rivals, _) = offices.announce(office(KOELN), receiver(1, 1), 99);
    assert_eq!(newest.join(), Some(1));
    drop(present.remove(0));
    let left = of_store(&offices, KOELN, 1);
    assert_eq!((left.len(), left[0]), (MAX_CONNECTIONS_PER_OFFICE - 1, 99), "leaving late takes nobody else out");
    assert_eq!(of_store(&offices, KOELN, 2), [100]);
}

#[test]
fn a_copy_is_found_out_and_the_one_that_was_first_keeps_its_streams() {
    let offices = Offices::new();
    let (_first, mut first) = join(&offices, KOELN, receiver(1, 1), 1);
    let (copy, mut rivals, is_contested) = offices.announce(office(KOELN), receiver(1, 2), 2);
    assert!(is_contested);
    assert_eq!(first.contested.try_recv(), Ok(RunId([2; 8])));
    offices.disown(&office(KOELN), receiver(1, 1), RunId([2; 8]));
    assert_eq!(rivals.disowned.try_recv(), Ok(RunId([1; 8])));
    drop(copy);
    assert_eq!(of_store(&offices, KOELN, 1), [1]);
}

#[test]
fn an_answer_that_comes_late_still_ends_the_copy() {
    let offices = Offices::new();
    let _first = join(&offices, KOELN, receiver(1, 1), 1);
    let (_copy, mut rivals) = join(&offices, KOELN, receiver(1, 2), 2);
    assert_eq!(of_store(&offices, KOELN, 1), [2, 1], "the first was silent");
    offices.disown(&office(KOELN), receiver(1, 1), RunId([2; 8]));
    assert_eq!(of_store(&offices, KOELN, 1), [1]);
    assert_eq!(rivals.disowned.try_recv(), Ok(RunId([1; 8])));
}

#[test]
fn the_same_run_and_another_store_are_no_rivals() {
    let offices = Offices::new();
    let (_first, mut first) = join(&offices, KOELN, receiver(1, 1), 1);
    for other in [receiver(1, 1), receiver(2, 2)] {
        let (_presence, _rivals, is_contested) = offices.announce(office(KOELN), other, 2);
        assert!(!is_contested);
    }
    assert!(first.contested.try_recv().is_err());
    // Nobody disowns runs of another store, or of another office.
    let (_second, mut second) = join(&offices, KOELN, receiver(2, 2), 2);
    offices.disown(&office(KOELN), receiver(1, 1), RunId([2; 8]));
    offices.disown(&office("ga-bonn"), receiver(2, 9), RunId([2; 8]));
    assert!(second.disowned.try_recv().is_err());
    assert_eq!(of_store(&offices, KOELN, 2), [2]);
}
