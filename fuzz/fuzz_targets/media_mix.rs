#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| centrale_fuzz::media_mix(bytes));
