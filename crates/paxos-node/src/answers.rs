//! What clients ask and hear, and which output answers whom: the driver cannot know, the application says.
//!
//! What a client sends is not yet a request, and what the process tells is not yet an answer. Between them stands an
//! [`Answers`], on the thread of the process. So a client can ask only what the application lets it ask, and never
//! what is a request of the process for itself.

use paxos_process::Process;
use serde::{Serialize, de::DeserializeOwned};

/// Turns what clients ask into requests of a process, and outputs of the process into answers.
///
/// Whoever asks is known by a *token*, a number that the node makes for each ask and never again in its life. It means
/// nothing in another life or on another node: do not put it into a record or a message.
pub trait Answers<P: Process> {
    /// What a client may ask.
    type Ask: DeserializeOwned + Send + 'static;
    /// What a client may hear.
    type Reply: Serialize + Send + 'static;

    /// Whether this concerns the node and not what it is there for, such as how it is: then operators may ask it, for whom
    /// there is room when there is none for clients. Nobody else asks as an operator, so it should cost little.
    fn concerns_node(&self, ask: &Self::Ask) -> bool {
        let _ = ask;
        false
    }

    /// The request that comes of it when the client with this token asks.
    fn ask(&mut self, token: u64, ask: Self::Ask) -> P::Request;

    /// Calls `tell` with each token that `output` answers, and the answer. A token is answered once: telling it again,
    /// or one whose client has left, does nothing.
    fn answered(&mut self, output: P::Output, tell: &mut dyn FnMut(u64, Self::Reply));

    /// The client with this token has left. Forget what you keep for it.
    fn forget(&mut self, token: u64) {
        let _ = token;
    }
}

/// Clients ask requests and hear outputs, and a predicate says whether an output answers a request. One output may
/// answer many clients. Looks at every waiting request for each output, so it is for a process that tells little.
pub struct Matching<P: Process> {
    answers: fn(&P::Request, &P::Output) -> bool,
    waiting: Vec<(u64, P::Request)>,
}

impl<P: Process> Matching<P> {
    /// A client waits until an output answers its request, as `answers` says.
    #[must_use]
    pub const fn new(answers: fn(&P::Request, &P::Output) -> bool) -> Self {
        Self { answers, waiting: Vec::new() }
    }
}

impl<P> Answers<P> for Matching<P>
where
    P: Process<Request: DeserializeOwned + Send + 'static, Output: Serialize + Send + 'static>,
{
    type Ask = P::Request;
    type Reply = P::Output;

    fn ask(&mut self, token: u64, request: P::Request) -> P::Request {
        self.waiting.push((token, request.clone()));
        request
    }

    fn answered(&mut self, output: P::Output, tell: &mut dyn FnMut(u64, P::Output)) {
        for (token, _) in self.waiting.extract_if(.., |(_, request)| (self.answers)(request, &output)) {
            tell(token, output.clone());
        }
    }

    fn forget(&mut self, token: u64) {
        self.waiting.retain(|(waiting, _)| *waiting != token);
    }
}

/// The process carries the token: into a request by one function, out of an output by the other. Costs the same
/// however many clients wait.
pub struct Carried<P: Process, Q, R> {
    ask: fn(u64, Q) -> P::Request,
    answer: fn(P::Output) -> Option<(u64, R)>,
}

impl<P: Process, Q, R> Carried<P, Q, R> {
    /// `ask` puts a token into a request, and `answer` finds it in an output, if that is an answer at all.
    #[must_use]
    pub const fn new(ask: fn(u64, Q) -> P::Request, answer: fn(P::Output) -> Option<(u64, R)>) -> Self {
        Self { ask, answer }
    }
}

impl<P, Q, R> Answers<P> for Carried<P, Q, R>
where
    P: Process,
    Q: DeserializeOwned + Send + 'static,
    R: Serialize + Send + 'static,
{
    type Ask = Q;
    type Reply = R;

    fn ask(&mut self, token: u64, ask: Q) -> P::Request {
        (self.ask)(token, ask)
    }

    fn answered(&mut self, output: P::Output, tell: &mut dyn FnMut(u64, R)) {
        if let Some((token, reply)) = (self.answer)(output) {
            tell(token, reply);
        }
    }
}
