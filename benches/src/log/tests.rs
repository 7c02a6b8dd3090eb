use super::{Application, CELLS, Load, contenders};

#[test]
fn every_library_orders_all_commands_in_every_cell() {
    for (nodes, payload, in_flight) in CELLS {
        for contender in contenders(payload, in_flight) {
            let load = Load { nodes, payload, in_flight, commands: 3 * in_flight, every_byte: true };
            let outcome = (contender.run)(load, &mut |work| work());
            assert!(outcome.verified, "{} {} {load:?}", contender.library, contender.together);
        }
    }
}

#[test]
fn an_application_sees_what_is_wrong() {
    let load = Load { nodes: 3, payload: 32, in_flight: 1, commands: 1, every_byte: true };
    let command = |number| super::command::written(number, 32);
    let told = |entries: &[Vec<u8>]| {
        let mut application = Application::new(load);
        entries.iter().for_each(|entry| application.apply_joined(entry));
        (application.in_order(), application.applied())
    };
    assert_eq!(told(&[command(0), command(1)]), (true, 2));
    assert_eq!(told(&[[command(0), command(1)].concat()]), (true, 2));
    assert!(!told(&[command(1)]).0, "one is missing");
    assert!(!told(&[command(0), command(0)]).0, "one comes twice");
    assert!(!told(&[command(0), command(2), command(1)]).0, "the order is another");
    assert!(!told(&[command(0)[..31].to_vec()]).0, "one is shortened");
    for at in 0..32 {
        let mut changed = command(0);
        changed[at] ^= 1;
        assert!(!told(&[changed]).0, "byte {at} is another");
    }
}
