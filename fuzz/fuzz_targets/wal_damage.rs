#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    paxos_fuzz::Target::named("wal_damage").expect("it is one of the targets").run(bytes);
});
