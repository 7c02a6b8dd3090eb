//! A child process that does not outlive its guard.

use std::{
    io,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;

/// A child. Dropping it kills it, by its process id, and waits until it is dead.
pub(crate) struct Guarded(Child);

impl Guarded {
    /// Starts `command` in a process group of its own: Ctrl-C in a terminal reaches the whole foreground group, and it
    /// is for this process to end the others.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub(crate) fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self(child))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its standard input, once.
    ///
    /// # Panics
    ///
    /// When that is no pipe, or was taken.
    pub(crate) const fn take_stdin(&mut self) -> ChildStdin {
        self.0.stdin.take().expect("stdin is a pipe")
    }

    /// Its standard output, once.
    ///
    /// # Panics
    ///
    /// When that is no pipe, or was taken.
    pub(crate) const fn take_stdout(&mut self) -> ChildStdout {
        self.0.stdout.take().expect("stdout is a pipe")
    }

    /// Its standard error, once.
    ///
    /// # Panics
    ///
    /// When that is no pipe, or was taken.
    pub(crate) const fn take_stderr(&mut self) -> ChildStderr {
        self.0.stderr.take().expect("stderr is a pipe")
    }

    /// Asks it to stop, if it was started to stop with its stdin.
    pub(crate) fn close_stdin(&mut self) {
        drop(self.0.stdin.take());
    }

    /// Has it stand still. Returns whether it does; it does not where there are no signals.
    pub(crate) fn pause(&self) -> bool {
        self.signal(true)
    }

    /// Has it go on.
    pub(crate) fn resume(&self) {
        self.signal(false);
    }

    /// Its id is its own until it was waited for, which only this guard does.
    #[cfg(unix)]
    fn signal(&self, stop: bool) -> bool {
        use nix::{
            sys::signal::{Signal, kill},
            unistd::Pid,
        };
        let signal = if stop { Signal::SIGSTOP } else { Signal::SIGCONT };
        i32::try_from(self.id()).is_ok_and(|pid| kill(Pid::from_raw(pid), signal).is_ok())
    }

    #[cfg(not(unix))]
    fn signal(&self, _stop: bool) -> bool {
        false
    }

    /// Waits until it has ended, which it is about to.
    ///
    /// # Errors
    ///
    /// When it cannot be waited for.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait()
    }

    /// How it has ended, if it has by then.
    pub(crate) fn ends_by(&mut self, deadline: Instant) -> Option<ExitStatus> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(BETWEEN_LOOKS),
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Before looking again whether a process has ended.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
