//! An office against a hostile holder of a valid ticket, with the real seal. The input is a script (`script`): what such a
//! sender does on several streams, everything sealed with the ticket's keys, and when the store answers.
//!
//! Beside each of the office's machines runs a `reference`, which is protocol.md 8 written a second time without regard for
//! speed or memory; both must do the same after every event. What does not follow from one stream alone, above all that a
//! receipt is for what is durable and that there is one per ticket, is checked by the `office` and its `store`.
//!
//! Not played: what proxies do to a stream, which is the target `office` and the simulation.

use std::time::Duration;

mod deed;
mod known;
mod office;
mod reference;
mod rules;
mod script;
mod seal;
mod seeds;
mod sender;
mod store;
mod stream;
mod tally;

use schleuse_protocol::time::UnixSeconds;

use self::known::{BEGIN, END, TICKETS};
use self::office::{Office, Pace};
use self::reference::Hellos;
use self::script::{PLACES, Setting, Step};
pub use self::seeds::seeds;
use self::sender::{Sender, Voice};
pub use self::tally::Tally;

/// Most bytes that a script says, and most pieces into which they are cut.
const MOST_BYTES: usize = 3 * 1024 * 1024;
const MOST_PIECES: usize = 4 * 1024;

/// Plays a script to its end.
pub fn run(input: &[u8]) {
    play(input);
}

/// Plays a script to its end, and says what it has reached.
pub fn play(input: &[u8]) -> Tally {
    let (setting, steps) = script::read(input);
    let mut scene = Scene::new(setting);
    for step in steps {
        scene.step(step);
        scene.office.go_on();
    }
    scene.office.close();
    scene.office.tally
}

/// Everybody who takes part.
struct Scene {
    sender: Sender,
    office: Office,
    /// The stream that the next step is about.
    place: usize,
    voices: [Voice; PLACES as usize],
}

impl Scene {
    fn new(setting: Setting) -> Self {
        let known = &TICKETS[usize::from(setting.ticket) % TICKETS.len()];
        let time = match setting.time % 4 {
            0 => BEGIN.after(Duration::from_secs(10)),
            1 => UnixSeconds(BEGIN.0 - 5),
            2 => UnixSeconds(END.0 - 5),
            _ => UnixSeconds(END.0 + 1),
        };
        let piece = match usize::from(setting.cut) {
            0 => 64 * 1024,
            root => root * root,
        };
        let pace = match setting.store % 3 {
            0 => Pace::AtOnce,
            1 => Pace::ReadsAtOnce,
            _ => Pace::WhenTold,
        };
        let hellos = Hellos::default();
        let sender = Sender::new(known, hellos.clone(), MOST_BYTES.min(MOST_PIECES * piece));
        Self { sender, office: Office::new(known, hellos, time, piece, pace), place: 0, voices: Default::default() }
    }

    fn step(&mut self, step: Step) {
        let voice = &mut self.voices[self.place];
        let said = match step {
            Step::Hello(hello) => self.sender.hello(voice, hello),
            Step::Segment(segment) => self.sender.segment(voice, segment),
            Step::Final(end) => self.sender.last(voice, end),
            Step::Repeat(which) => self.sender.repeat(which),
            Step::Raw(raw) => self.sender.raw(raw),
            Step::Honest(count) => {
                let most = if count == 0 { usize::MAX } else { count.into() };
                std::iter::from_fn(|| self.sender.honest(voice)).take(most).flatten().collect()
            }
            Step::Content(content) => return voice.choose(content),
            Step::Seek(0) => return voice.position = self.office.accepted(self.place),
            Step::Seek(position) => return voice.position = u32::from(position) - 1,
            other => return self.happen(other),
        };
        self.office.send(self.place, &said);
    }

    /// What is not said by the sender.
    fn happen(&mut self, step: Step) {
        match step {
            Step::Open(place) => {
                self.place = usize::from(place % PLACES);
                self.voices[self.place].position = 0;
                self.office.open(self.place);
            }
            Step::Select(place) => self.place = usize::from(place % PLACES),
            Step::End => self.office.end(self.place),
            Step::Lose => self.office.lose(self.place),
            Step::Commit(count) => self.office.commit(count.into()),
            Step::Fail => self.office.fail(),
            Step::Wait(time @ 0..0xf0) => self.office.wait(Duration::from_secs(time.into())),
            Step::Wait(time) => self.office.wait(Duration::from_secs(3600 * u64::from(time - 0xef))),
            Step::Damage(position) => self.office.damage(usize::from(position / 2), position.is_multiple_of(2)),
            Step::Delete => self.office.delete(),
            Step::Crash => self.office.crash(),
            _ => unreachable!("said by the sender"),
        }
    }
}
