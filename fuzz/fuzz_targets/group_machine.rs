#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| centrale_fuzz::group_machine(bytes));
