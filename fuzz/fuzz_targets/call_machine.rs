#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| centrale_fuzz::call_machine(bytes));
