//! A path between a host and the router that takes time, loses packets and changes their order.
//!
//! The kernel's own `netem` is not in every kernel, so packets pass through this process: the router sends what comes from
//! or goes to the host into a TUN device, and routes what comes out of it as if it had just arrived.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tun_rs::{DeviceBuilder, SyncDevice};

use super::enter::move_into;
use super::shell::run;

/// Larger than any packet of the router's interfaces.
const LARGEST: usize = 1 << 16;
/// How many packets the kernel holds for us while this process does not run.
const QUEUE: usize = 10_000;

/// What a path does to packets, in each direction.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conditions {
    /// How long a packet takes one way.
    pub delay: Duration,
    /// Of a hundred packets, so many are lost.
    pub loss_percent: f64,
    /// Of a hundred packets, so many come later than those sent behind them.
    pub late_percent: f64,
    /// How much later.
    pub late_by: Duration,
    /// Bits per second; 0 is without limit.
    pub rate: u64,
    /// With a limit: how long a packet may wait for its turn before it is dropped.
    pub buffer: Duration,
}

impl Conditions {
    /// When a packet of this length has passed a line that is `free` from then on; none if too much waits before it.
    fn pass_line(&self, free: &mut Instant, now: Instant, length: usize) -> Option<Instant> {
        let Some(nanos) = (length as u64 * 8_000_000_000).checked_div(self.rate) else { return Some(now) };
        let begins = now.max(*free);
        if begins - now > self.buffer {
            return None;
        }
        *free = begins + Duration::from_nanos(nanos);
        Some(*free)
    }
}

/// A path in use. It is taken away when this is dropped.
pub struct Path {
    conditions: Arc<Mutex<Conditions>>,
    threads: Vec<JoinHandle<()>>,
    remove: String,
}

impl Path {
    /// For the host of this number.
    pub(super) fn lay(router: &str, number: u8, conditions: Conditions) -> Self {
        let device = format!("path{number}");
        let conditions = Arc::new(Mutex::new(conditions));
        let (outside, seen) = (router.to_owned(), conditions.clone());
        let (name, opened) = (device.clone(), mpsc::channel());
        let opener = std::thread::spawn(move || {
            move_into(&outside);
            let device = DeviceBuilder::new().name(&name).tx_queue_len(QUEUE as u32).mtu(9000).build_sync();
            opened.0.send(Arc::new(device.expect("root may make a TUN device"))).expect("the maker waits");
        });
        let tun = opened.1.recv().expect("the device opens");
        opener.join().expect("it has opened the device");
        let (sender, packets) = mpsc::channel();
        let reader = tun.clone();
        let threads = vec![
            std::thread::spawn(move || read(&reader, number, &seen, &sender)),
            std::thread::spawn(move || deliver(&tun, &packets)),
        ];
        let rules = |verb: &str| rules(router, number, &device, verb);
        let script = format!("ip -n {router} link set {device} up\n{}", rules("add"));
        run(&script).unwrap_or_else(|error| panic!("the path cannot be laid: {error}"));
        Self { conditions, threads, remove: format!("ip -n {router} link del {device}\n{}", rules("del")) }
    }

    /// Other conditions from now on.
    pub fn change(&self, conditions: Conditions) {
        *self.conditions.lock().unwrap_or_else(PoisonError::into_inner) = conditions;
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        // If the lab is gone already, so is this. A device without its name gives the reader an error, which ends it.
        let _ = run(&self.remove);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A packet that was on one path does not take another. What comes out of the device goes its usual way; before it, what comes from or goes to the host goes into it.
fn rules(router: &str, number: u8, device: &str, verb: &str) -> String {
    let table = 100 + u32::from(number);
    let way = if verb == "add" {
        format!("ip -n {router} VERSION route add default dev {device} table {table}")
    } else {
        String::new()
    };
    let script = format!(
        "{way}
         ip -n {router} VERSION rule {verb} iif {device} lookup main pref {number}
         ip -n {router} VERSION rule {verb} from NET lookup {table} pref {table}
         ip -n {router} VERSION rule {verb} to NET lookup {table} pref {table}"
    );
    let four = script.replace("VERSION", "-4").replace("NET", &format!("10.77.{number}.0/24"));
    let six = script.replace("VERSION", "-6").replace("NET", &format!("2001:db8:{number:x}::/64"));
    format!("{four}\n{six}")
}

struct Packet {
    due: Instant,
    /// In the order in which they came.
    number: u64,
    bytes: Vec<u8>,
}

impl PartialEq for Packet {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Packet {}

impl PartialOrd for Packet {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Packet {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

/// Decides what becomes of each packet.
fn read(device: &SyncDevice, host: u8, conditions: &Mutex<Conditions>, packets: &mpsc::Sender<Packet>) {
    let mut random = ChaCha8Rng::seed_from_u64(u64::from(host));
    let mut buffer = vec![0; LARGEST];
    // When the line is free again, for packets to the host and from it.
    let mut free = [Instant::now(); 2];
    for number in 0.. {
        let Ok(length) = device.recv(&mut buffer) else { return };
        let (bytes, now) = (&buffer[..length], Instant::now());
        let conditions = *conditions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut happens = |percent: f64| random.random_bool(percent / 100.0);
        if happens(conditions.loss_percent) {
            continue;
        }
        let free = &mut free[usize::from(is_from(bytes, host))];
        let Some(sent) = conditions.pass_line(free, now, length) else { continue };
        let mut due = sent + conditions.delay;
        if happens(conditions.late_percent) {
            due += conditions.late_by;
        }
        if packets.send(Packet { due, number, bytes: bytes.to_vec() }).is_err() {
            return;
        }
    }
}

/// Whether the host of this number sent the packet; the addresses are those of the lab.
fn is_from(packet: &[u8], host: u8) -> bool {
    let (version, network) = (packet.first().map(|first| first >> 4), [packet.get(14), packet.get(13)]);
    network[usize::from(version == Some(6))] == Some(&host)
}

/// Gives each packet back to the router when its time has come.
fn deliver(device: &SyncDevice, packets: &mpsc::Receiver<Packet>) {
    let mut waiting: BinaryHeap<Reverse<Packet>> = BinaryHeap::new();
    loop {
        let next = waiting.peek().map(|Reverse(packet)| packet.due.saturating_duration_since(Instant::now()));
        let come = match next {
            Some(wait) => packets.recv_timeout(wait),
            None => packets.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match come {
            Ok(packet) => waiting.push(Reverse(packet)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        waiting.extend(packets.try_iter().map(Reverse));
        let now = Instant::now();
        while waiting.peek().is_some_and(|Reverse(packet)| packet.due <= now) {
            if let Some(Reverse(packet)) = waiting.pop() {
                // The router may be gone; a path may lose packets.
                let _ = device.send(&packet.bytes);
            }
        }
    }
}
