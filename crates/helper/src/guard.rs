//! What keeps the process from telling what it knows, and from staying for ever.

use std::time::Duration;

use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};

use crate::dialogue::Broken;

/// No core file, no debugger of the same user, and an end after `longest_life`.
///
/// # Errors
///
/// [`Broken::System`].
pub(crate) fn harden(longest_life: Duration) -> Result<(), Broken> {
    let system = |what| move |cause: rustix::io::Errno| Broken::System { what, cause: cause.into() };
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none).map_err(system("forbidding core files"))?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(system("forbidding debuggers"))?;
    let watch = std::thread::Builder::new().name("watch".into()).spawn(move || end_after(longest_life));
    watch.map_err(|cause| Broken::System { what: "starting the watch", cause })?;
    Ok(())
}

/// Ends the process as nothing else can: a module may hold SIGALRM back, and what libraries left to be done at
/// the end may be what hangs.
fn end_after(longest_life: Duration) {
    std::thread::sleep(longest_life);
    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
}
