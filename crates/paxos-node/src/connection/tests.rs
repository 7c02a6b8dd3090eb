//! A connection to a node that says what a test lets it say: nothing, as a rule.

use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    task::yield_now,
    time::timeout,
};

use super::*;
use crate::seal::Seal;

/// Far more than anything here takes: a test that meets it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_io().enable_time().build().unwrap()
}

/// A connection without a key, and the node's end of it.
async fn connected() -> (Connection<u32, u32>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (node, _) = listener.accept().await.unwrap();
    let mut inbound = Inbound::new();
    inbound.admit(Seal::none());
    (Connection::begin(stream, inbound, NodeId(1), Outbound::new(Seal::none())), node)
}

async fn answer(node: &mut TcpStream, id: u64, output: u32) {
    let mut out = Outbound::new(Seal::none());
    out.push(&Answer::Reply(id, output)).unwrap();
    node.write_all(out.unwritten()).await.unwrap();
}

#[test]
fn who_has_stopped_waiting_takes_no_place() {
    runtime().block_on(async {
        let (connection, mut node) = connected().await;
        for _ in 0..=IN_FLIGHT {
            drop(connection.ask(&0));
        }
        let mut asked: Vec<_> = (0..IN_FLIGHT).map(|_| connection.ask(&0)).collect();
        let full = timeout(PATIENCE, connection.ask(&0)).await.unwrap();
        assert!(matches!(full, Err(ClientError::Busy)), "{full:?}");
        // It makes no difference whether somebody had begun to look for the answer.
        let mut polled = Box::pin(asked.pop().unwrap());
        select! {
            biased;
            answer = &mut polled => panic!("{answer:?}"),
            () = yield_now() => drop(polled),
        }
        let last = connection.ask(&0);
        answer(&mut node, 0, 5).await; // nobody waits for this one
        answer(&mut node, 2 * IN_FLIGHT as u64 + 1, 6).await;
        assert_eq!(timeout(PATIENCE, last).await.unwrap().unwrap(), 6);
        drop(asked);
        assert_eq!(connection.line.lock().waiting.len(), 0);
    });
}

#[test]
fn a_connection_whose_runtime_ends_is_over() {
    for has_begun in [false, true] {
        let runtime_of_it = runtime();
        let (connection, _node) = runtime_of_it.block_on(connected());
        let asked = connection.ask(&0);
        if has_begun {
            runtime_of_it.block_on(yield_now());
        }
        drop(runtime_of_it);
        assert!(connection.is_over());
        runtime().block_on(async {
            let error = timeout(PATIENCE, asked).await.unwrap().unwrap_err();
            assert!(error.is_unknown() && error.to_string().contains("runtime"), "{error}");
            let error = timeout(PATIENCE, connection.ask(&0)).await.unwrap().unwrap_err();
            assert!(!error.is_unknown(), "it was never sent: {error}");
        });
    }
}

#[test]
fn what_is_heard_shows_whether_anybody_is_there() {
    runtime().block_on(async {
        let (connection, mut node) = connected().await;
        let first = connection.ask(&0);
        let mut request = [0; 1];
        node.read_exact(&mut request).await.unwrap(); // so the task has run
        assert_eq!(connection.heard(), 0);
        answer(&mut node, 0, 5).await;
        assert_eq!(timeout(PATIENCE, first).await.unwrap().unwrap(), 5);
        let heard = connection.heard();
        assert!(0 < heard);
        drop(connection.ask(&0));
        node.read_exact(&mut request).await.unwrap();
        assert_eq!(connection.heard(), heard, "asking is not hearing");
        let (other, _) = connected().await;
        assert!(connection.is_same(&connection.clone()) && !connection.is_same(&other));
    });
}
