//! Standard input and output, kept from everybody else in this process.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use crate::frame::{self, Frame, FrameError};

/// The dialogue came to a bad end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// A frame that could not be read or written.
    #[error("the dialogue broke off: {0}")]
    Frame(#[from] FrameError),
    /// A frame that makes no sense here.
    #[error("a frame that is not understood")]
    Misunderstood,
    /// The system would not let the process be made safe.
    #[error("{what}: {cause}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

/// Both directions of the line to gatepost, without a buffer that would hold a password.
pub(crate) struct Dialogue {
    input: File,
    output: File,
}

impl Dialogue {
    /// Takes standard input and output over.
    ///
    /// A module that prints, or runs a program that reads, finds `/dev/null` there: it can neither put words into
    /// our mouth nor read on after us.
    ///
    /// # Errors
    ///
    /// [`Broken::System`].
    pub(crate) fn open() -> Result<Self, Broken> {
        let system = |cause| Broken::System { what: "standard input and output", cause };
        let input = io::stdin().as_fd().try_clone_to_owned().map_err(system)?;
        let output = io::stdout().as_fd().try_clone_to_owned().map_err(system)?;
        let nowhere = File::options().read(true).write(true).open("/dev/null").map_err(system)?;
        rustix::stdio::dup2_stdin(&nowhere).map_err(|cause| system(cause.into()))?;
        rustix::stdio::dup2_stdout(&nowhere).map_err(|cause| system(cause.into()))?;
        Ok(Self { input: input.into(), output: output.into() })
    }

    /// The next frame; none where gatepost is done.
    ///
    /// # Errors
    ///
    /// [`Broken::Frame`].
    pub(crate) fn hear(&mut self) -> Result<Option<Frame>, Broken> {
        Ok(Frame::read(&mut self.input)?)
    }

    /// Sends a frame.
    ///
    /// # Errors
    ///
    /// [`Broken::Frame`].
    pub(crate) fn say(&mut self, fields: &[&[u8]]) -> Result<(), Broken> {
        Ok(frame::write(&mut self.output, fields)?)
    }
}
