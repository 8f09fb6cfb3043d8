#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| schleuse_tests::fuzz::sender::run(input));
