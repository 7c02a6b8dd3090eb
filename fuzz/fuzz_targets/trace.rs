#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    paxos_fuzz::Target::named("trace").expect("it is one of the targets").run(bytes);
});
