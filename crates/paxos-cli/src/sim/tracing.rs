//! Who watches a simulation: what is written of it while it runs.

use std::{fs::File, io::BufWriter};

use paxos_sim::{Happening, Scriptable, Trace, Watch};
use paxos_trace::Recorder;
use serde::Serialize;

/// A trace and a record, if they are wanted.
pub(super) struct Tracing<'a>(
    pub(super) Option<&'a mut Trace<BufWriter<File>>>,
    pub(super) Option<&'a mut Recorder<BufWriter<File>>>,
);

impl<P: Scriptable<Message: Serialize>> Watch<P> for Tracing<'_> {
    fn see(&mut self, happening: Happening<'_, P>) {
        let Self(trace, recorder) = self;
        if let Some(recorder) = recorder {
            Watch::<P>::see(*recorder, happening);
        }
        if let Some(trace) = trace {
            trace.see(happening);
        }
    }
}
