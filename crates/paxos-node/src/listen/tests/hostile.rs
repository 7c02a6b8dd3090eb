//! Who means harm: a man in the middle who says again what he has heard, frames that are too long, noise; and beside each of
//! them a client that behaves, and is served.

use paxos_codec::FRAME_HEADER;

use super::*;

/// A reception that listens, and a client of it whose requests arrive.
async fn behaves(reception: &Arc<Reception<Mute, Silent>>, key: Option<&Key>, taken: &mut Taken<'_>, ask: u8) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listening = tokio::spawn(Arc::clone(reception).run(listener));
    let deadline = Instant::now() + PATIENCE;
    let client = crate::Connection::<u8, u8>::connect(address, "test", key, deadline).await.unwrap();
    let _waits = client.ask(&ask);
    until("a client that behaves is heard", || taken.asks().contains(&ask)).await;
    listening.abort();
}

/// What clients ask, taken out as a process does it that lives: it keeps the way to each.
struct Taken<'a>(&'a Inbox<Mute, Silent>, Vec<Input<Mute, Silent>>);

impl Taken<'_> {
    /// Since the last time.
    fn asks(&mut self) -> Vec<u8> {
        let before = self.1.len();
        self.1.extend(inputs(self.0));
        let asks = |input: &Input<_, Silent>| match input {
            Input::Asks { asks, .. } => asks.iter().map(|asked| asked.ask).collect(),
            _ => Vec::new(),
        };
        self.1[before..].iter().flat_map(asks).collect()
    }
}

#[test]
fn what_was_said_on_one_connection_means_nothing_on_another() {
    let key = Key::from_bytes([1; 32]);
    let (reception, inbox) = reception(Some(key.clone()), PATIENCE);
    let mut taken = Taken(&inbox, Vec::new());
    runtime().block_on(async {
        // A client whose every byte is written down.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, from) = listener.accept().await.unwrap();
        let serving = tokio::spawn(Arc::clone(&reception).receive(accepted, from));
        let (calling, mut inbound) = (Calling::new("test", Some(&key), Who::Client).unwrap(), Inbound::new());
        let Ok(reached) = call(&calling, &mut stream, &mut inbound).await else { panic!("it is turned away") };
        let (proof, mut out) = (reached.proof.unwrap(), Outbound::new(reached.says));
        out.push(&(5_u64, 77_u8)).unwrap();
        let frames = out.unwritten().to_vec();
        stream.write_all(&frames).await.unwrap();
        until("it is heard", || taken.asks().contains(&77)).await;

        // Said again, on a connection of its own, and on the same one.
        let told = answered(&reception, &[calling.hello(), &proof, &frames].concat()).await;
        assert!(told.contains("it does not hold this cluster's key"), "{told:?}");
        stream.write_all(&frames).await.unwrap();
        let mut told = Vec::new();
        stream.read_to_end(&mut told).await.unwrap();
        let told = String::from_utf8_lossy(&told);
        assert!(told.contains("a frame does not carry the tag of this connection"), "{told:?}");
        serving.await.unwrap();
        assert_eq!(taken.asks(), [0; 0], "what is said again is not asked again");
        behaves(&reception, Some(&key), &mut taken, 9).await;
    });
}

#[test]
fn frames_that_are_too_long_and_noise_end_their_connection_and_no_other() {
    let (reception, inbox) = reception(None, PATIENCE);
    let mut taken = Taken(&inbox, Vec::new());
    let mut long = framed(&7_u8).unwrap();
    long[4..8].copy_from_slice(&(2 * MAX_PAYLOAD as u32).to_le_bytes());
    let checksum = crc32fast::hash(&long[..12]);
    long[12..FRAME_HEADER].copy_from_slice(&checksum.to_le_bytes());
    runtime().block_on(async {
        for (says, reason) in [(&long[..], "the limit is"), (&[0x5a; 400], "frame"), (&[0; 70_000], "frame")] {
            let told = told(&reception, says).await;
            assert!(told.contains(reason), "{told:?}");
            behaves(&reception, None, &mut taken, 9).await;
        }
    });
    assert_eq!(taken.asks(), [0; 0]);
}

#[test]
fn whoever_comes_when_all_places_are_taken_is_told_so_and_who_has_one_is_served() {
    let (mut reception, inbox) = reception(None, 10 * PATIENCE);
    Arc::get_mut(&mut reception).unwrap().clients = Arc::new(Semaphore::new(3));
    let mut taken = Taken(&inbox, Vec::new());
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening = tokio::spawn(Arc::clone(&reception).run(listener));
        let connect = || crate::Connection::<u8, u8>::connect(address, "test", None, Instant::now() + PATIENCE);
        let early = connect().await.unwrap();
        let mut others = vec![connect().await.unwrap(), connect().await.unwrap()];
        for nth in 0..200 {
            match connect().await {
                Err(crate::ClientError::Refused(reason)) => assert!(reason.contains("clients already"), "{reason}"),
                other => panic!("{:?}", other.map(drop)),
            }
            let _waits = early.ask(&nth);
            until("who has a place is heard", || taken.asks().contains(&nth)).await;
        }
        assert!(!early.is_over() && others.iter().all(|other| !other.is_over()), "nobody lost his place");
        others.pop();
        until("a place is given back", || reception.clients.available_permits() == 1).await;
        connect().await.unwrap();
        listening.abort();
    });
    assert_eq!(reception.stats.counts().strangers_refused, 200);
}

#[test]
fn who_looks_after_a_node_has_a_place_when_clients_have_none() {
    let (mut reception, inbox) = reception(None, PATIENCE);
    Arc::get_mut(&mut reception).unwrap().clients = Arc::new(Semaphore::new(0));
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening = tokio::spawn(Arc::clone(&reception).run(listener));
        let deadline = Instant::now() + PATIENCE;
        let client = crate::Connection::<u8, u8>::connect(address, "test", None, deadline).await;
        assert!(matches!(client, Err(crate::ClientError::Refused(_))));
        let operate = || async move {
            let operate = move || crate::Client::<u8, u8>::operate(address, "test", None, deadline);
            tokio::task::spawn_blocking(operate).await.unwrap()
        };
        let mut operators = Vec::new();
        for _ in 0..OPERATORS {
            operators.push(operate().await.expect("there is a place"));
        }
        match operate().await {
            Err(crate::ClientError::Refused(reason)) => assert!(reason.contains("16 operators already"), "{reason}"),
            other => panic!("{:?}", other.map(drop)),
        }
        assert_eq!(reception.stats.counts().clients, 0, "they are no clients");
        operators.pop();
        until("a place is given back", || reception.operators.available_permits() == 1).await;
        operate().await.expect("there is a place");
        listening.abort();
    });
    let operates = |input: &Input<_, Silent>| matches!(input, Input::Connected { operates: true, .. });
    assert_eq!(inputs(&inbox).iter().filter(|input| operates(input)).count(), OPERATORS + 1);
}

#[test]
fn a_peer_that_does_not_read_costs_a_queue_and_no_more() {
    let (peer, other) = (NodeId(2), NodeId(3));
    let address = "127.0.0.1:1".parse().unwrap();
    let stats = Stats::new([peer, other]);
    let (mut links, mut queues) = Links::new(&BTreeMap::from([(peer, address), (other, address)]), stats.clone());
    let long = "x".repeat(1 << 19);
    let mut read = 0;
    for _ in 0..100 {
        links.send(NodeSet::only(peer).with(other), &long);
        links.flush();
        // The other one reads.
        while let Ok(parcel) = queues[1].1.try_recv() {
            stats.unqueued(other, parcel.cost());
            read += 1;
        }
    }
    let counts = stats.counts();
    assert!(counts.peers[&peer].queued_bytes <= 16 << 20, "{counts:?}");
    assert!(counts.dropped > 60 && read == 100, "{counts:?}, {read} are read");
}
