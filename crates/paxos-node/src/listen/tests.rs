//! The reception with a short patience, in front of a process that never answers.

use std::sync::mpsc::{Receiver, sync_channel};

use paxos_process::{EffectsOf, EventOf};
use tokio::runtime::Builder;

use super::*;

/// A process that nobody runs: what is asked of it stays in its inbox.
enum Mute {}

impl Process for Mute {
    type Message = u8;
    type Record = u8;
    type Timer = ();
    type Request = u8;
    type Output = u8;

    fn step(&mut self, _: EventOf<Self>, _: &mut EffectsOf<Self>) {
        match *self {}
    }

    fn replay(&mut self, _: u8) {
        match *self {}
    }

    fn checkpoint(&self) -> Vec<u8> {
        match *self {}
    }
}

fn reception() -> (Arc<Reception<Mute>>, Receiver<Input<Mute>>) {
    let own = Identity { node: NodeId(1), cluster: "test".into(), membership: "{n1} 1 of 1".into() };
    let (inputs, inbox) = sync_channel(10);
    let mut reception = Reception::new(own, NodeSet::EMPTY, inputs, Arc::default());
    Arc::get_mut(&mut reception).unwrap().idle = Duration::from_millis(20);
    (reception, inbox)
}

/// What a client that says this after its hello is told, up to the end of the connection, which it leaves to the node.
async fn told(reception: &Arc<Reception<Mute>>, says: &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, from) = listener.accept().await.unwrap();
    let place = Arc::clone(&reception.strangers).acquire_owned().await.unwrap();
    let serving = tokio::spawn(Arc::clone(reception).receive(stream, from, place));
    client.write_all(&framed(&Hello::new("test", Who::Client)).unwrap()).await.unwrap();
    client.write_all(says).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    drop(client);
    serving.await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn no_client_keeps_its_place_for_ever() {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build().unwrap();
    let (reception, inbox) = reception();
    runtime.block_on(async {
        let reason = told(&reception, &[]).await;
        assert!(reason.contains("silent for 20ms"), "{reason:?}");
        let reason = told(&reception, &framed(&7_u8).unwrap()).await;
        assert!(reason.contains("no answer for 20ms"), "{reason:?}");
    });
    let Ok(Input::Request { request: 7, reply: Some(reply) }) = inbox.try_recv() else { panic!("it was not asked") };
    assert!(reply.is_closed(), "and nobody waits for the answer any more");
    assert_eq!((reception.clients.available_permits(), reception.strangers.available_permits()), (CLIENTS, STRANGERS));
}
