//! Scripts with which a fuzzer begins: honest senders in all situations of protocol.md 8, and one for each way to be refused.

use super::script::{ContentStep, FinalStep, HelloStep, SegmentStep, Setting, Step, flags, segments, write};

const AT_ONCE: Setting = Setting { ticket: 0, time: 0, cut: 0, store: 0 };
const READS_AT_ONCE: Setting = Setting { store: 1, ..AT_ONCE };
const WHEN_TOLD: Setting = Setting { store: 2, ..AT_ONCE };
const WITH_PURPOSE: Setting = Setting { ticket: 1, ..AT_ONCE };

fn hello(attempt: u8) -> HelloStep {
    HelloStep { attempt, ..HelloStep::default() }
}

/// A stream on which a hello is said.
fn stream(place: u8, hello: HelloStep) -> Vec<Step> {
    vec![Step::Open(place), Step::Hello(hello)]
}

fn signed(attempt: u8) -> HelloStep {
    HelloStep { sender: 1, ..hello(attempt) }
}

/// So many full segments of data.
fn long(count: u8) -> Step {
    let (high, low) = segments(count);
    Step::Content(ContentStep { high, low, fill: 7 })
}

/// A content of one segment.
fn short(length: u8) -> Step {
    Step::Content(ContentStep { high: 0, low: length, fill: 7 })
}

fn full_segment() -> Step {
    let (data_high, data_low) = segments(1);
    Step::Segment(SegmentStep { data_high, data_low, ..SegmentStep::default() })
}

/// A submission of a few bytes that is complete.
fn complete() -> Vec<Step> {
    [vec![Step::Open(0), short(40), Step::Hello(hello(1)), Step::Honest(0)]].concat()
}

/// All scripts, with their names.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let all = [delivered(), repeated(), refused(), hostile()].concat();
    all.into_iter().map(|(name, setting, steps)| (name, write(setting, &steps))).collect()
}

type Seed = (&'static str, Setting, Vec<Step>);

/// Submissions that arrive.
fn delivered() -> Vec<Seed> {
    let purpose = [stream(0, signed(1)), vec![Step::Honest(0)]].concat();
    let announced = HelloStep { announce: 1, language: 1, ..signed(9) };
    let late: Vec<Step> = [
        vec![Step::Open(0), long(3), Step::Hello(announced), Step::Commit(1), Step::Commit(0), Step::Honest(2)],
        vec![Step::Commit(2), Step::Honest(0), Step::Commit(0), Step::Commit(0)],
    ]
    .concat();
    let crowd = vec![Step::Open(0), long(34), Step::Hello(hello(1)), Step::Honest(0), Step::Commit(0), Step::Commit(3)];
    vec![
        ("complete", AT_ONCE, complete()),
        ("with-purpose", WITH_PURPOSE, purpose),
        ("cut", Setting { cut: 1, ..AT_ONCE }, complete()),
        ("late-store", WHEN_TOLD, late),
        ("back-pressure", READS_AT_ONCE, crowd),
    ]
}

/// Several streams under one ticket.
fn repeated() -> Vec<Seed> {
    let half = |setting, rest: Vec<Step>| {
        let begin = vec![Step::Open(0), long(2), Step::Hello(hello(5)), Step::Honest(2), Step::Commit(0)];
        (setting, [begin, rest].concat())
    };
    let again = vec![Step::Open(1), long(2), Step::Hello(hello(5)), Step::Seek(0), Step::Honest(0), Step::Commit(0)];
    let higher = vec![Step::Open(1), short(90), Step::Hello(hello(6)), Step::Honest(0), Step::Commit(0)];
    let lower = [vec![Step::Lose], stream(1, hello(4)), stream(2, hello(5))].concat();
    let key = HelloStep { key: 1, ..hello(5) };
    let after = |hello, content, end| {
        let rest = vec![Step::Open(1), content, Step::Hello(hello), Step::Honest(1), end];
        [complete(), rest].concat()
    };
    let undecided = [
        vec![Step::Open(0), short(40), Step::Open(1), short(90), Step::Open(2), short(40), Step::Commit(0)],
        vec![Step::Select(0), Step::Hello(hello(5)), Step::Commit(0), Step::Honest(0)],
        vec![Step::Select(1), Step::Hello(hello(6)), Step::Select(2), Step::Hello(hello(5)), Step::Commit(0)],
        vec![Step::Select(1), Step::Honest(0), Step::Open(2), Step::Commit(0), Step::Hello(hello(5)), Step::Commit(0)],
    ];
    let named = |name, (setting, steps)| (name, setting, steps);
    let same = short(40);
    vec![
        named("resume", half(READS_AT_ONCE, [vec![Step::Lose], again.clone()].concat())),
        named("resume-takes-over", half(AT_ONCE, again.clone())),
        named("resume-after-crash", half(READS_AT_ONCE, [vec![Step::Honest(1), Step::Crash], again.clone()].concat())),
        named("resume-damaged", half(READS_AT_ONCE, [vec![Step::Lose, Step::Damage(3)], again].concat())),
        named("supersede", half(READS_AT_ONCE, higher)),
        named("superseded", half(READS_AT_ONCE, lower)),
        named("running", half(READS_AT_ONCE, [stream(1, hello(4)), stream(2, key)].concat())),
        ("undecided", WHEN_TOLD, undecided.concat()),
        ("receipt-again", AT_ONCE, [complete(), stream(1, hello(1))].concat()),
        ("compared-same", AT_ONCE, after(hello(2), same, Step::Honest(1))),
        ("compared-other", AT_ONCE, after(hello(2), short(39), Step::Honest(1))),
        ("compared-longer", AT_ONCE, after(hello(2), short(41), Step::End)),
        (
            "compared-unsigned",
            AT_ONCE,
            after(signed(2), same, Step::Final(FinalStep { identity: 1, ..FinalStep::default() })),
        ),
        ("compared-announced", AT_ONCE, after(HelloStep { announce: 2, ..hello(2) }, short(39), Step::Honest(1))),
        ("other-length", AT_ONCE, after(HelloStep { announce: 2, ..hello(2) }, same, Step::End)),
        ("deleted", AT_ONCE, [complete(), vec![Step::Delete], stream(1, hello(1))].concat()),
        ("deleted-meanwhile", READS_AT_ONCE, [complete(), vec![Step::Delete, Step::Commit(0)]].concat()),
        ("store-fails", READS_AT_ONCE, [vec![Step::Fail], complete(), vec![Step::Commit(0)]].concat()),
    ]
}

/// Hellos that are not welcome.
fn refused() -> Vec<Seed> {
    let at = |time| Setting { time, ..AT_ONCE };
    let one = |hello: HelloStep| [stream(0, hello), vec![Step::Honest(0)]].concat();
    vec![
        ("not-yet-valid", at(1), [one(hello(1)), vec![Step::Wait(6)], one(hello(1))].concat()),
        (
            "valid-meanwhile",
            Setting { time: 1, ..WHEN_TOLD },
            [
                vec![Step::Open(0), Step::Commit(1), Step::Hello(hello(1)), Step::Honest(0), Step::Wait(6)],
                vec![Step::Commit(0)],
            ]
            .concat(),
        ),
        ("expires", at(2), [one(hello(1)), vec![Step::Wait(6)], stream(1, hello(1)), stream(2, hello(2))].concat()),
        ("expired", at(3), one(hello(1))),
        (
            "wrong-kind",
            AT_ONCE,
            [one(HelloStep { kind: 3, ..hello(1) }), one(HelloStep { kind: 2, ..signed(1) })].concat(),
        ),
        ("sender-required", AT_ONCE, one(HelloStep { kind: 2, ..hello(1) })),
        ("not-permitted", AT_ONCE, one(HelloStep { sender: 2, ..hello(1) })),
        ("not-for-this-ticket", WITH_PURPOSE, [one(hello(1)), one(HelloStep { kind: 1, ..signed(2) })].concat()),
        ("announced-too-large", AT_ONCE, one(HelloStep { announce: 3, ..hello(1) })),
        ("far-future", AT_ONCE, [one(hello(0xff)), one(hello(0xf5)), one(hello(0xf4))].concat()),
        ("no-intro", AT_ONCE, one(HelloStep { at: 127, xor: 1, ..hello(1) })),
        ("timeout", AT_ONCE, vec![Step::Open(0), Step::Wait(11), Step::Open(1), Step::Hello(hello(1)), Step::Wait(31)]),
        ("ends-early", AT_ONCE, [stream(0, hello(1)), vec![Step::End], stream(1, hello(1))].concat()),
    ]
}

/// Contents that break the rules, each followed by an honest attempt.
fn hostile() -> Vec<Seed> {
    let segment = SegmentStep { data_low: 100, ..SegmentStep::default() };
    let padded = SegmentStep { padding_high: 3, padding_low: 156, ..segment };
    let end = FinalStep::default();
    let honest = || [stream(1, hello(2)), vec![Step::Honest(0)]].concat();
    let bad = |steps: Vec<Step>| [stream(0, hello(1)), steps, honest()].concat();
    let bad_final = |end| bad(vec![Step::Honest(1), Step::Final(end)]);
    let identity = |identity| {
        [stream(0, signed(1)), vec![Step::Honest(1), Step::Final(FinalStep { identity, ..end })], honest()].concat()
    };
    let said = FinalStep { length: 1, hash: 1, ..end };
    let small = HelloStep { kind: 1, ..hello(1) };
    vec![
        ("own-content", AT_ONCE, bad(vec![Step::Segment(padded), Step::Final(said)])),
        ("too-large", AT_ONCE, [stream(0, small), vec![full_segment(), full_segment()], honest()].concat()),
        ("another-hash", AT_ONCE, bad_final(FinalStep { hash: 2, ..end })),
        ("another-length", AT_ONCE, bad_final(FinalStep { length: 2, ..end })),
        ("dirty-trailer", AT_ONCE, bad_final(FinalStep { at: 255, xor: 1, ..end })),
        ("short-trailer", AT_ONCE, bad_final(FinalStep { short: 1, ..end })),
        ("no-identity", AT_ONCE, identity(1)),
        ("foreign-identity", AT_ONCE, identity(3)),
        ("foreign-key", AT_ONCE, identity(4)),
        ("false-signature", AT_ONCE, identity(7)),
        ("unasked-identity", AT_ONCE, bad_final(FinalStep { identity: 2, ..end })),
        ("too-little-padding", AT_ONCE, bad(vec![Step::Segment(segment), Step::Final(said)])),
        ("two-short", AT_ONCE, bad(vec![Step::Segment(segment), Step::Segment(segment)])),
        ("dirty-padding", AT_ONCE, bad(vec![Step::Segment(SegmentStep { dirty: 1, ..padded })])),
        ("too-much-claimed", AT_ONCE, bad(vec![Step::Segment(SegmentStep { claim: 1, ..segment })])),
        ("half-a-length", AT_ONCE, bad(vec![Step::Segment(SegmentStep { claim: 7, ..segment })])),
        ("left-out", AT_ONCE, bad(vec![Step::Segment(SegmentStep { position: 1, sealed: 1, ..padded })])),
        ("wrong-position", AT_ONCE, bad(vec![Step::Segment(SegmentStep { position: 1, ..padded })])),
        ("repeated", AT_ONCE, bad(vec![full_segment(), Step::Repeat(0)])),
        ("wrong-last", AT_ONCE, bad(vec![Step::Segment(SegmentStep { flags: flags::LAST, ..padded })])),
        ("final-as-segment", AT_ONCE, bad_final(FinalStep { flags: flags::TYPE | flags::LAST, ..end })),
        ("two-hellos", AT_ONCE, bad(vec![Step::Repeat(0)])),
        ("swapped", AT_ONCE, bad(vec![long(3), Step::Honest(1), Step::Seek(3), Step::Honest(1)])),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::script::read;
    use super::*;

    #[test]
    fn every_script_is_read_as_it_was_written() {
        for (name, bytes) in seeds() {
            let (setting, steps) = read(&bytes);
            assert_eq!(write(setting, &steps), bytes, "{name}");
        }
    }
}
